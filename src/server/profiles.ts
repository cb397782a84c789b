import { TalonError } from '../protocol/errors.ts'
import { type Profile, profiles } from '../protocol/shapes.ts'
import type { App, Caller } from './record.ts'

/** The one of both that allows less. */
export function lowerProfile(a: Profile, b: Profile): Profile {
  return profiles.indexOf(a) < profiles.indexOf(b) ? a : b
}

/**
 * To be asked before a session gets a profile. To lower it is free.
 * @param current the session's own; null for the default, as in a new one
 * @throws TalonError `FORBIDDEN` for a higher one without the scope "approve"
 */
export function refuseHigherProfile(
  { config }: Pick<App, 'config'>,
  { scopes }: Pick<Caller, 'scopes'>,
  wanted: Profile | null | undefined,
  current: Profile | null,
): void {
  if (wanted === undefined || scopes.has('approve')) return
  const standard = config['tools.profile']
  const now = current ?? standard
  if (lowerProfile(wanted ?? standard, now) === (wanted ?? standard)) return
  throw new TalonError(
    'FORBIDDEN',
    `To raise the profile of tools from "${now}" to "${wanted ?? standard}" needs a token with the scope "approve".`,
  )
}

/** What a copy of a session, or another one for the same sender, takes over: a profile below the default. */
export function inheritedProfile({ config }: Pick<App, 'config'>, profile: Profile | null): Profile | null {
  if (profile === null || profile === config['tools.profile']) return null
  return lowerProfile(profile, config['tools.profile']) === profile ? profile : null
}
