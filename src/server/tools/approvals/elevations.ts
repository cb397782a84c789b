import type { Change, Store } from '../../../db/store.ts'
import { TalonError } from '../../../protocol/errors.ts'
import type { Approvals, Audit, Clock } from '../../record.ts'

// Each is given by a person, for some hours at most.
const maxElevated = 1_000
const minuteMs = 60_000

export interface ElevationDeps {
  store: Pick<Store, 'getSession' | 'onCommit'>
  clock: Clock
  audit: Pick<Audit, 'record'>
}

/** Sessions that have the profile "full" for a while. Only in memory, so that a restart ends it. */
export function createElevations({ store, clock, audit }: ElevationDeps): Pick<Approvals, 'elevate' | 'elevatedUntil'> {
  const until = new Map<string, number>()
  const forgetPast = () => {
    for (const [sessionId, endsAt] of until) if (endsAt <= clock.now()) until.delete(sessionId)
  }
  store.onCommit(changes => {
    if (until.size === 0) return
    for (const change of changes) if (endsElevation(change)) until.delete(change.sessionId)
  })
  return {
    async elevate({ sessionId, minutes, by }) {
      if (!(await store.getSession(sessionId))) {
        throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
      }
      forgetPast()
      if (minutes > 0 && until.size >= maxElevated && !until.has(sessionId)) {
        throw new TalonError('OVERLOADED', `${maxElevated} sessions are elevated already. End some of them first.`)
      }
      until.delete(sessionId)
      if (minutes > 0) until.set(sessionId, clock.now() + minutes * minuteMs)
      await audit.record({ action: 'session.elevate', target: sessionId, details: { minutes } }, by)
      return { elevatedUntil: this.elevatedUntil(sessionId) }
    },
    elevatedUntil(sessionId) {
      const endsAt = until.get(sessionId)
      return endsAt !== undefined && endsAt > clock.now() ? endsAt : null
    },
  }
}

function endsElevation(change: Change): change is Extract<Change, { type: 'session.reset' | 'session.deleted' }> {
  return change.type === 'session.reset' || change.type === 'session.deleted'
}
