import type { Store } from '../../db/store.ts'
import type { Config } from '../config.ts'
import { lowerProfile } from '../profiles.ts'
import type { Approvals, Standing } from '../record.ts'

export interface StandingDeps {
  config: Pick<Config, 'tools.profile'>
  store: Pick<Store, 'getSession' | 'getDelegation' | 'runProfile'>
  approvals: Pick<Approvals, 'elevatedUntil'>
}

/**
 * What a session lets tools do, whoever asks. In a run it is no more than what bounds that run, and in a sub-run no more
 * than what whoever asked for it may do at this moment.
 */
export async function standingIn(deps: StandingDeps, sessionId: string, runId: string | undefined): Promise<Standing> {
  const { config, store, approvals } = deps
  const session = await store.getSession(sessionId)
  // One that was deleted under a run: nothing is known of it any more.
  if (!session) return { profile: 'read-only', tainted: true }
  const own = approvals.elevatedUntil(sessionId) === null ? (session.profile ?? config['tools.profile']) : 'full'
  const ofRun = runId === undefined ? null : await store.runProfile(runId)
  const standing = { profile: lowerProfile(own, ofRun ?? 'full'), tainted: session.tainted }
  const delegation = await store.getDelegation(sessionId)
  if (!delegation) return standing
  const { parentSessionId, parentRunId, permissions } = delegation
  const parent =
    parentSessionId === null ? undefined : await standingIn(deps, parentSessionId, parentRunId ?? undefined)
  const profile = lowerProfile(standing.profile, parent?.profile ?? config['tools.profile'])
  // What a person calls directly in that session is no work of the role.
  return { ...standing, profile, ...(runId !== undefined && { permissions }) }
}
