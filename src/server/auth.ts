import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Store, TokenRow } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import { scopes as allScopes } from '../protocol/shapes.ts'
import type { Attempts } from './attempts.ts'
import type { Auth, Clock, Connections, Identity, SignIn } from './record.ts'

// 256 bits, so that guessing is hopeless and a plain SHA-256 of it is enough to store.
const secretBytes = 32
const codeMs = 10 * 60_000
// Codes come from a start or `talon login`; more open ones than this drop the oldest.
const maxCodes = 100
// A token is looked up once and kept, because every request of HTTP presents one.
const maxKnownTokens = 10_000
// Tokens used in this time are written as one batch, since "last used" is for people.
const touchEveryMs = 60_000
const dayMs = 24 * 60 * 60_000
// Written as `tln_<id>_<secret>`; ids hold no underscore, so that the text splits in one way.
const tokenForm = /^tln_([A-Za-z0-9-]{1,64})_([A-Za-z0-9_-]{20,128})$/

/** The token that `TALON_TOKEN` sets has this id. */
export const envTokenId = 'env'
/** The token that the command line of this machine uses; it lives as long as the process. */
export const cliTokenId = 'cli'
/** Who everybody is with `auth.mode=none`. */
export const nobodyTokenId = 'none'

export interface AuthDeps {
  store: Store
  clock: Clock
  attempts: Attempts
  /** Late, because connections need auth and auth closes connections. */
  connections: () => Connections
  cookieDays: number
}

export interface GatewayAuth extends Auth {
  /** Makes `TALON_TOKEN` the token `env`, or revokes what an earlier start made of it. */
  adoptEnvironment(token: string | undefined): Promise<void>
  /** The id of a live admin token for the sign-in link; makes the first token if there is none. */
  ownerToken(): Promise<string>
  /** A token with all scopes that lives in memory only. */
  issueCliToken(): string
  /** Writes which tokens were used, if any were since the last time. */
  flush(): Promise<void>
}

/** Who may speak: tokens, cookies and one-time codes. */
export function createAuth(deps: AuthDeps): GatewayAuth {
  const known = new LRUCache<string, TokenRow>({ max: maxKnownTokens })
  const codes = new LRUCache<string, { tokenId: string; expiresAt: number }>({ max: maxCodes })
  const used = new Set<string>()
  let cliHash: string | undefined
  let touchedAt = deps.clock.monotonic()

  const liveToken = async (id: string): Promise<TokenRow | undefined> => {
    const row = known.get(id) ?? (await deps.store.getToken(id))
    if (!row || row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= deps.clock.now()))
      return undefined
    known.set(id, row)
    return row
  }
  const flush = async () => {
    touchedAt = deps.clock.monotonic()
    const ids = [...used]
    used.clear()
    if (ids.length > 0) await deps.store.touchTokens({ ids, at: deps.clock.now() })
  }
  const identityOf = (
    row: Pick<TokenRow, 'id' | 'scopes' | 'expiresAt'>,
    web?: { hash: string; expiresAt: number },
  ): Identity => {
    if (used.size < maxKnownTokens) used.add(row.id)
    if (deps.clock.monotonic() - touchedAt > touchEveryMs) flush().catch(() => undefined)
    const ends = [row.expiresAt, web?.expiresAt].filter(end => typeof end === 'number')
    return {
      tokenId: row.id,
      scopes: new Set(row.scopes),
      webSession: web?.hash,
      expiresAt: ends.length > 0 ? Math.min(...ends) : undefined,
    }
  }
  const refuse = (address: string): undefined => {
    deps.attempts.refuseLocked(address)
    deps.attempts.failed(address)
    return undefined
  }

  const findToken = async (token: string): Promise<Identity | undefined> => {
    const hash = sha256(token)
    if (cliHash !== undefined && sameHash(hash, cliHash)) {
      return { tokenId: cliTokenId, scopes: new Set(allScopes), webSession: undefined, expiresAt: undefined }
    }
    const id = tokenForm.exec(token)?.[1] ?? envTokenId // TALON_TOKEN may have any form.
    for (const candidate of new Set([id, envTokenId])) {
      const row = await liveToken(candidate)
      if (row && sameHash(row.hash, hash)) return identityOf(row)
    }
    return undefined
  }
  const signIn = async (identity: Identity): Promise<SignIn> => {
    const secret = newSecret()
    const now = deps.clock.now()
    const expiresAt = Math.min(now + deps.cookieDays * dayMs, identity.expiresAt ?? Number.MAX_SAFE_INTEGER)
    const hash = sha256(secret)
    await deps.store.createWebSession({ hash, tokenId: identity.tokenId, createdAt: now, expiresAt })
    return { secret, expiresAt, identity: { ...identity, webSession: hash, expiresAt } }
  }
  const create = async (input: Parameters<Auth['createToken']>[0] & { id?: string }) => {
    const id = input.id ?? randomBytes(6).toString('hex')
    const token = `tln_${id}_${newSecret()}`
    const created = await deps.store.createToken({ ...input, id, hash: sha256(token), createdAt: deps.clock.now() })
    return { ...created, token: created.duplicate ? '' : token }
  }

  const ownerToken = async (): Promise<string> => {
    const tokens = await deps.store.listTokens()
    const usable = (row: TokenRow) =>
      row.revokedAt === null &&
      (row.expiresAt === null || row.expiresAt > deps.clock.now()) &&
      allScopes.every(s => row.scopes.includes(s))
    const owner = tokens.find(row => row.id === envTokenId && usable(row)) ?? tokens.find(usable)
    if (owner) return owner.id
    const id = `owner-${randomBytes(3).toString('hex')}`
    return (await create({ id, name: 'owner', scopes: [...allScopes] })).id
  }

  return {
    flush,
    async verifyToken(token, address) {
      return (await findToken(token)) ?? refuse(address)
    },
    async scopesOf(tokenId) {
      if (tokenId === cliTokenId || tokenId === nobodyTokenId) return new Set(allScopes)
      return new Set(tokenId === null ? [] : (await liveToken(tokenId))?.scopes)
    },
    async verifyCookie(secret, address) {
      const web = await deps.store.getWebSession(sha256(secret))
      const row = web && web.expiresAt > deps.clock.now() ? await liveToken(web.tokenId) : undefined
      return web && row ? identityOf(row, web) : refuse(address)
    },
    async exchangeCode(code, address) {
      const key = sha256(code)
      const found = codes.get(key)
      codes.delete(key)
      const row = found && found.expiresAt > deps.clock.now() ? await liveToken(found.tokenId) : undefined
      return row ? signIn(identityOf(row)) : refuse(address)
    },
    async exchangeToken(token, address) {
      const identity = await findToken(token)
      if (identity?.tokenId === cliTokenId) {
        throw new TalonError('FORBIDDEN', "The command line's token is for the command line. Use: talon login")
      }
      return identity ? signIn(identity) : refuse(address)
    },
    async signOut(webSession) {
      await deps.store.deleteWebSession({ hash: webSession })
      deps.connections().closeWebSession(webSession)
    },
    async newCode(asked) {
      const tokenId = asked === cliTokenId || asked === nobodyTokenId ? await ownerToken() : asked
      const code = newSecret()
      const expiresAt = deps.clock.now() + codeMs
      codes.set(sha256(code), { tokenId, expiresAt })
      return { code, expiresAt }
    },
    createToken: input => create(input),
    async revokeToken(id) {
      const revoked = await deps.store.revokeToken({ id, at: deps.clock.now() })
      known.delete(id)
      if (revoked) deps.connections().closeToken(id)
      return revoked
    },
    async listTokens() {
      await flush()
      return (await deps.store.listTokens()).map(({ hash: _hash, ...shown }) => shown)
    },
    async adoptEnvironment(token) {
      known.delete(envTokenId)
      const row = await deps.store.getToken(envTokenId)
      if (token === undefined) {
        if (row && row.revokedAt === null) await deps.store.revokeToken({ id: envTokenId, at: deps.clock.now() })
        return
      }
      const hash = sha256(token)
      if (row && row.revokedAt === null && sameHash(row.hash, hash)) return
      if (row && row.revokedAt === null) await deps.store.revokeToken({ id: envTokenId, at: deps.clock.now() })
      const scopes = [...allScopes]
      await deps.store.putToken({ id: envTokenId, name: 'TALON_TOKEN', hash, scopes, createdAt: deps.clock.now() })
    },
    ownerToken,
    issueCliToken() {
      const token = `tln_${cliTokenId}_${newSecret()}`
      cliHash = sha256(token)
      return token
    },
  }
}

/** SHA-256 in hex: how secrets are stored and looked up. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function newSecret(): string {
  return randomBytes(secretBytes).toString('base64url')
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
