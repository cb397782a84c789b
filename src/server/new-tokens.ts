import type { RequestKey } from '../db/store.ts'
import { TalonError } from '../protocol/errors.ts'
import type { Profile, Scope } from '../protocol/shapes.ts'
import { lowerProfile } from './profiles.ts'
import type { Actor, App, Caller } from './record.ts'

export interface NewToken {
  name: string
  scopes: Scope[]
  /** The most that tools may do for it; that of whoever makes it if absent. */
  profile?: Profile | undefined
  /** Unix ms; never if absent. */
  expiresAt?: number | undefined
}

/**
 * Makes a token for somebody, who hands out no more than they hold.
 * @throws TalonError `FORBIDDEN` for more than that, `INVALID_MESSAGE` for an end in the past
 */
export async function createTokenAs(
  app: Pick<App, 'auth' | 'clock'>,
  caller: Caller,
  wanted: NewToken,
  options: { by: Actor; requestFor?: (token: NewToken) => RequestKey },
): Promise<{ id: string; token: string; duplicate: boolean }> {
  const { name, expiresAt, scopes } = wanted
  const profile = await profileFor(app, caller.tokenId, wanted.profile)
  if (expiresAt !== undefined && expiresAt <= app.clock.now()) {
    throw new TalonError('INVALID_MESSAGE', 'expiresAt: must lie in the future, in Unix milliseconds.')
  }
  const missing = scopes.find(scope => !caller.scopes.has(scope))
  if (missing) throw new TalonError('FORBIDDEN', `Your own token lacks the scope "${missing}".`)
  const token = { name, scopes: [...new Set(scopes)], expiresAt, ...(profile && { profile }) }
  return app.auth.createToken({ ...token, request: options.requestFor?.(token), by: options.by })
}

/** A token with a bound on what tools may do for it hands that bound on. @throws TalonError `FORBIDDEN` for a higher one */
async function profileFor(
  { auth }: Pick<App, 'auth'>,
  tokenId: string,
  wanted: Profile | undefined,
): Promise<Profile | undefined> {
  const own = await auth.profileOf(tokenId)
  if (wanted === undefined) return own === 'full' ? undefined : own
  if (lowerProfile(wanted, own) === wanted) return wanted
  throw new TalonError('FORBIDDEN', `Your own token has the profile "${own}", which is below "${wanted}".`)
}
