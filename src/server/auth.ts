import { hash as digest, randomBytes, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { NewToken, Store, TokenRow } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import { scopes as allScopes } from '../protocol/shapes.ts'
import { byGateway } from './actors.ts'
import type { Attempts } from './attempts.ts'
import type { Actor, Audit, AuditEvent, Auth, Clock, Connections, From, Identity, SignIn } from './record.ts'
import type { Credential, SignIns } from './sign-ins.ts'

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
  audit: Pick<Audit, 'entry'> & { signIns: SignIns }
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
  const { audit } = deps
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
  const refuse = (credential: Credential, from: From): undefined => {
    const { address = '' } = from
    audit.signIns.refused(credential, from, deps.attempts.lockedForMs(address) > 0)
    deps.attempts.refuseLocked(address)
    deps.attempts.failed(address)
    return undefined
  }
  const accept = (credential: Credential, from: From, identity: Identity): Identity => {
    audit.signIns.accepted(credential, identity.tokenId, from)
    return identity
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
  const signIn = async (credential: Credential, from: From, identity: Identity): Promise<SignIn> => {
    const { tokenId } = identity
    const secret = newSecret()
    const now = deps.clock.now()
    const expiresAt = Math.min(now + deps.cookieDays * dayMs, identity.expiresAt ?? Number.MAX_SAFE_INTEGER)
    const hash = sha256(secret)
    const entry = audit.entry({ action: 'sign_in', details: { credential } }, { ...from, tokenId })
    audit.signIns.known(tokenId, from)
    await deps.store.createWebSession({ hash, tokenId, createdAt: now, expiresAt, audit: entry })
    return { secret, expiresAt, identity: { ...identity, webSession: hash, expiresAt } }
  }
  const create = async (input: Parameters<Auth['createToken']>[0] & { id?: string }) => {
    const id = input.id ?? randomBytes(6).toString('hex')
    const token = `tln_${id}_${newSecret()}`
    const { by = byGateway, ...wanted } = input
    const row = { ...wanted, id, hash: sha256(token), createdAt: deps.clock.now() }
    const created = await deps.store.createToken({ ...row, audit: audit.entry(creationOf(row), by) })
    return { ...created, token: created.duplicate ? '' : token }
  }

  const revoke = (id: string, by: Actor) =>
    deps.store.revokeToken({ id, at: deps.clock.now(), audit: audit.entry({ action: 'token.revoke', target: id }, by) })

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
    async verifyToken(token, from) {
      const identity = await findToken(token)
      return identity ? accept('token', from, identity) : refuse('token', from)
    },
    async profileOf(tokenId) {
      if (tokenId === null || tokenId === cliTokenId || tokenId === nobodyTokenId) return 'full'
      const row = await liveToken(tokenId)
      return row ? (row.profile ?? 'full') : 'read-only'
    },
    async scopesOf(tokenId) {
      if (tokenId === cliTokenId || tokenId === nobodyTokenId) return new Set(allScopes)
      return new Set(tokenId === null ? [] : (await liveToken(tokenId))?.scopes)
    },
    async verifyCookie(secret, from) {
      const web = await deps.store.getWebSession(sha256(secret))
      const row = web && web.expiresAt > deps.clock.now() ? await liveToken(web.tokenId) : undefined
      return web && row ? accept('cookie', from, identityOf(row, web)) : refuse('cookie', from)
    },
    async exchangeCode(code, from) {
      const key = sha256(code)
      const found = codes.get(key)
      codes.delete(key)
      const row = found && found.expiresAt > deps.clock.now() ? await liveToken(found.tokenId) : undefined
      return row ? signIn('link', from, identityOf(row)) : refuse('link', from)
    },
    async exchangeToken(token, from) {
      const identity = await findToken(token)
      if (identity?.tokenId === cliTokenId) {
        throw new TalonError('FORBIDDEN', "The command line's token is for the command line. Use: talon login")
      }
      return identity ? signIn('token', from, identity) : refuse('token', from)
    },
    async signOut(webSession, by = byGateway) {
      await deps.store.deleteWebSession({ hash: webSession, audit: audit.entry({ action: 'sign_out' }, by) })
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
    async revokeToken(id, by = byGateway) {
      const revoked = await revoke(id, by)
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
        if (row && row.revokedAt === null) await revoke(envTokenId, byGateway)
        return
      }
      const hash = sha256(token)
      if (row && row.revokedAt === null && sameHash(row.hash, hash)) return
      if (row && row.revokedAt === null) await revoke(envTokenId, byGateway)
      const scopes = [...allScopes]
      const created = { id: envTokenId, name: 'TALON_TOKEN', hash, scopes, createdAt: deps.clock.now() }
      await deps.store.putToken({ ...created, audit: audit.entry(creationOf(created), byGateway) })
    },
    ownerToken,
    issueCliToken() {
      const token = `tln_${cliTokenId}_${newSecret()}`
      cliHash = sha256(token)
      return token
    },
  }
}

function creationOf({ id, name, scopes, profile, expiresAt }: NewToken): AuditEvent {
  return { action: 'token.create', target: id, details: { name, scopes, profile, expiresAt: expiresAt ?? null } }
}

/** SHA-256 in hex: how secrets are stored and looked up. */
export function sha256(text: string): string {
  return digest('sha256', text)
}

function newSecret(): string {
  return randomBytes(secretBytes).toString('base64url')
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
