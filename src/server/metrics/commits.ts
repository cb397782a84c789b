import type { Change } from '../../db/store.ts'
import type { Metrics } from '../record-metrics.ts'

/** Counts what one commit changed. */
export function countChanges(metrics: Metrics, changes: readonly Change[]): void {
  for (const change of changes) {
    if (change.type === 'entry') metrics.inc('talon_messages_total', change.entry.message.role)
    else if (change.type === 'session.created') metrics.inc('talon_sessions_total')
    else if (change.type === 'run.finished') {
      const { state, createdAt, startedAt, finishedAt } = change.run
      metrics.inc('talon_runs_total', state)
      // One that was cancelled before it began took no time.
      if (startedAt === null || finishedAt === null) continue
      metrics.observe('talon_run_duration_seconds', Math.max(0, finishedAt - startedAt), state)
      metrics.observe('talon_run_wait_seconds', Math.max(0, startedAt - createdAt))
    }
  }
}
