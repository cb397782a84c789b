import type { RequestKey } from '../db/store.ts'
import type { Profile, Scope } from '../protocol/shapes.ts'
import type { Actor, From } from './record-audit.ts'

/** Who makes a request: the token behind it, whatever carried it. */
export interface Caller {
  tokenId: string
  scopes: ReadonlySet<Scope>
}

/** A token or cookie that was presented and is valid. */
export interface Identity extends Caller {
  /** Hash of the cookie, where one was presented. */
  webSession: string | undefined
  /** Unix ms; undefined if it does not end. */
  expiresAt: number | undefined
}

/** Who may speak. */
export interface Auth {
  /**
   * The identity behind a token, or undefined. It counts a failed attempt of the address, and throws `RATE_LIMITED` for a
   * token that does not verify while that address is locked out.
   */
  verifyToken(token: string, from: From): Promise<Identity | undefined>
  verifyCookie(secret: string, from: From): Promise<Identity | undefined>
  /** The most that tools may do for the token of this id: "read-only" if it is unknown, no bound for the gateway itself. */
  profileOf(tokenId: string | null): Promise<Profile>
  /** What the token of this id may do now; nothing if it is unknown, expired or revoked. */
  scopesOf(tokenId: string | null): Promise<ReadonlySet<Scope>>
  /** Exchanges a one-time code for a new cookie. */
  exchangeCode(code: string, from: From): Promise<SignIn | undefined>
  /** Exchanges a token for a new cookie. */
  exchangeToken(token: string, from: From): Promise<SignIn | undefined>
  signOut(webSession: string, by?: Actor): Promise<void>
  /** A new one-time code for a token, and until when it works (Unix ms). The command line's token gets one for the owner's. */
  newCode(tokenId: string): Promise<{ code: string; expiresAt: number }>
  /** The token is told this once: to a repeat of the request it is empty, beside the id of the first. */
  createToken(input: {
    name: string
    scopes: Scope[]
    /** The most that tools may do for it; no such bound if absent. */
    profile?: Profile | undefined
    expiresAt?: number | undefined
    request?: RequestKey | undefined
    /** Who does it; the gateway itself if absent. */
    by?: Actor | undefined
  }): Promise<{ id: string; token: string; duplicate: boolean }>
  /** False if there is no such token. */
  revokeToken(id: string, by?: Actor): Promise<boolean>
  listTokens(): Promise<TokenInfo[]>
}

export interface SignIn {
  /** Value of the cookie. */
  secret: string
  identity: Identity
  /** Unix ms. */
  expiresAt: number
}

/** A token as it may be shown: without its secret or hash. */
export interface TokenInfo {
  id: string
  name: string
  scopes: Scope[]
  profile: Profile | null
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
  revokedAt: number | null
}
