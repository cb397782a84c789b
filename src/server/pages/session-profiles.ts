import { type Profile, profiles } from '../../protocol/shapes.ts'
import { refuseHigherProfile } from '../profiles.ts'
import type { App, Caller } from '../record.ts'

/** The profiles that somebody may give to a new session. */
export function profilesFor(app: App, caller: Caller): Profile[] {
  return profiles.filter(profile => {
    try {
      refuseHigherProfile(app, caller, profile, null)
      return true
    } catch {
      return false
    }
  })
}
