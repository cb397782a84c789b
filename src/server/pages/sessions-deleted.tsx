import type { JSX } from 'preact'
import type { DeletedSession } from '../../db/store.ts'
import { countMessages, SessionTitle } from '../../islands/parts/SessionRow.tsx'
import { Time } from '../../islands/parts/Time.tsx'

const dayMs = 86_400_000
// What `tidy.ts` erases.
const keptDays = 30

/** Sessions that were deleted and can be taken back. */
export function Deleted(input: { sessions: DeletedSession[]; now: number; canWrite: boolean }): JSX.Element {
  const { sessions, now, canWrite } = input
  if (sessions.length === 0) {
    return (
      <div class="card empty">
        <p class="font-medium text-ink">Nothing was deleted</p>
        <p>What is deleted stays here for {keptDays} days, and can be restored until then.</p>
      </div>
    )
  }
  return (
    <ul class="card divide-y divide-line">
      {sessions.map(session => (
        <li key={session.id} class="row">
          <div class="min-w-0 flex-1">
            <p class="truncate font-medium">
              <SessionTitle session={session} />
            </p>
            <p class="mt-1 text-sm text-muted">
              {countMessages(session.messageCount)}, deleted <Time at={session.deletedAt} now={now} />, erased{' '}
              {leftOf(session.deletedAt, now)}
            </p>
          </div>
          {canWrite && (
            <form method="post">
              <input type="hidden" name="id" value={session.id} />
              <button
                type="submit"
                class="button"
                name="action"
                value="restore"
                aria-label={`Restore ${session.title ? `“${session.title}”` : session.id}`}
              >
                Restore
              </button>
            </form>
          )}
        </li>
      ))}
    </ul>
  )
}

function leftOf(deletedAt: number, now: number): string {
  const days = Math.ceil((deletedAt + keptDays * dayMs - now) / dayMs)
  if (days <= 1) return 'within a day'
  return `in ${days} days`
}
