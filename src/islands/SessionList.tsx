import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { SessionItem, SessionState } from '../protocol/shapes.ts'
import { gateway } from './connection.ts'
import { sentence } from './conversation/actions.ts'
import { Dialog } from './parts/Dialog.tsx'
import { useHydrated } from './parts/hydrated.ts'
import { countMessages, SessionRow } from './parts/SessionRow.tsx'
import { watchSessions } from './sessions/watch.ts'

export interface SessionListProps {
  sessions: SessionItem[]
  filter: { channel?: string; state?: SessionState; query?: string; limit: number }
  /** Whether this is the top of the list, which changes while one looks at it. */
  isFirstPage: boolean
  now: number
  canDelete: boolean
}

/** The sessions of one page of the list; the first page stays up to date. */
export default function SessionList(props: SessionListProps): JSX.Element {
  const { filter, isFirstPage, now, canDelete } = props
  const sessions = useSignal(props.sessions)
  const asked = useSignal<SessionItem | undefined>(undefined)
  const deleted = useSignal<SessionItem | undefined>(undefined)
  const problem = useSignal<string | undefined>(undefined)
  const hydrated = useHydrated()
  useEffect(() => {
    if (!isFirstPage) return
    return watchSessions(filter, page => {
      sessions.value = page
    })
  }, [filter, isFirstPage, sessions])

  const remove = async (session: SessionItem) => {
    asked.value = undefined
    problem.value = undefined
    try {
      await gateway().request('session.delete', { sessionId: session.id })
      sessions.value = sessions.peek().filter(other => other.id !== session.id)
      deleted.value = session
    } catch (error) {
      problem.value = sentence('The session was not deleted.', error)
    }
  }
  const restore = async (session: SessionItem) => {
    try {
      await gateway().request('session.restore', { sessionId: session.id })
      deleted.value = undefined
      if (isFirstPage) return
      sessions.value = [...sessions.peek(), session].sort((a, b) => b.lastActiveAt - a.lastActiveAt)
    } catch (error) {
      problem.value = sentence('The session was not restored.', error)
    }
  }

  return (
    <>
      {problem.value && (
        <p class="alert alert-danger mb-4" role="alert">
          {problem.value}
        </p>
      )}
      {deleted.value && <Deleted session={deleted.value} onUndo={restore} />}
      {sessions.value.length === 0 ? (
        <Empty filtered={isFiltered(filter)} />
      ) : (
        <ul class="card divide-y divide-line">
          {sessions.value.map(session => (
            <SessionRow key={session.id} session={session} now={now}>
              {canDelete && (
                <button
                  type="button"
                  class="button button-quiet"
                  disabled={!hydrated}
                  aria-label={`Delete ${nameOf(session)}`}
                  onClick={() => {
                    asked.value = session
                  }}
                >
                  Delete
                </button>
              )}
            </SessionRow>
          ))}
        </ul>
      )}
      <Confirmation session={asked.value} onCancel={() => (asked.value = undefined)} onConfirm={remove} />
    </>
  )
}

function Deleted({ session, onUndo }: { session: SessionItem; onUndo: (session: SessionItem) => void }): JSX.Element {
  return (
    <div class="alert mb-4" role="status">
      <span class="min-w-0 flex-1 break-words">Deleted {nameOf(session)}.</span>
      <button type="button" class="button" onClick={() => onUndo(session)}>
        Undo
      </button>
    </div>
  )
}

function Confirmation(input: {
  session: SessionItem | undefined
  onCancel: () => void
  onConfirm: (session: SessionItem) => void
}): JSX.Element {
  const { session, onCancel, onConfirm } = input
  return (
    <Dialog open={session !== undefined} title="Delete this session?" onClose={onCancel}>
      {session && (
        <>
          <p class="mt-2 break-words text-muted">
            {nameOf(session)} disappears from every list now, with {countMessages(session.messageCount)}, and is erased
            after 30 days.
          </p>
          <div class="mt-6 flex justify-end gap-2">
            <button type="button" class="button" autofocus onClick={onCancel}>
              Cancel
            </button>
            <button type="button" class="button button-danger" onClick={() => onConfirm(session)}>
              Delete session
            </button>
          </div>
        </>
      )}
    </Dialog>
  )
}

function Empty({ filtered }: { filtered: boolean }): JSX.Element {
  if (filtered) {
    return (
      <div class="card empty">
        <p class="font-medium text-ink">No session matches</p>
        <p>
          Change the filter, or <a href="/sessions">show all sessions</a>.
        </p>
      </div>
    )
  }
  return (
    <div class="card empty">
      <p class="font-medium text-ink">No sessions yet</p>
      <p>Start one with “New session”, or connect a client: every conversation appears here.</p>
    </div>
  )
}

function nameOf(session: SessionItem): string {
  return session.title ? `“${session.title}”` : 'The untitled session'
}

function isFiltered(filter: SessionListProps['filter']): boolean {
  return filter.channel !== undefined || filter.state !== undefined || filter.query !== undefined
}
