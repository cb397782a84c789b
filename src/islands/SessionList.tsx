import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { SessionItem } from '../protocol/shapes.ts'
import { gateway } from './connection.ts'
import { Dialog } from './parts/Dialog.tsx'
import { useHydrated } from './parts/hydrated.ts'
import { registerKeys } from './parts/keys.ts'
import { say } from './parts/notices.ts'
import { countMessages, SessionRow } from './parts/SessionRow.tsx'
import { sentence } from './parts/sentence.ts'
import { listKeys } from './sessions/keys.ts'
import { RenameDialog } from './sessions/RenameDialog.tsx'
import { type ListFilter, watchSessions } from './sessions/watch.ts'

export interface SessionListProps {
  sessions: SessionItem[]
  filter: ListFilter
  /** Whether this is the top of the list, which changes while one looks at it. */
  isFirstPage: boolean
  now: number
  /** Whether this person may rename and delete. */
  canWrite: boolean
}

/** The sessions of one page of the list; the first page stays up to date. */
export default function SessionList(props: SessionListProps): JSX.Element {
  const { filter, isFirstPage, now, canWrite } = props
  const sessions = useSignal(props.sessions)
  const chosen = useSignal<ReadonlySet<string>>(new Set())
  const asked = useSignal<readonly SessionItem[]>([])
  const renamed = useSignal<SessionItem | undefined>(undefined)
  const lastChosen = useRef<string | undefined>(undefined)
  const list = useRef<HTMLFormElement>(null)
  const hydrated = useHydrated()
  useEffect(() => {
    if (!isFirstPage) return
    return watchSessions(filter, page => {
      sessions.value = page
    })
  }, [filter, isFirstPage, sessions])

  const ask = (wanted: readonly SessionItem[]) => {
    asked.value = wanted
  }
  const ofIds = (ids: ReadonlySet<string>) => sessions.peek().filter(({ id }) => ids.has(id))
  const choose = (id: string, options: { range: boolean }) => {
    const ids = sessions.peek().map(session => session.id)
    const from = options.range && lastChosen.current ? ids.indexOf(lastChosen.current) : -1
    const to = ids.indexOf(id)
    const between = from < 0 ? [id] : ids.slice(Math.min(from, to), Math.max(from, to) + 1)
    const isOn = !chosen.peek().has(id)
    const next = new Set(chosen.peek())
    for (const one of between) isOn ? next.add(one) : next.delete(one)
    chosen.value = next
    lastChosen.current = id
  }
  const keys = () =>
    listKeys(list, {
      choose: id => choose(id, { range: false }),
      remove: id => ask(chosen.peek().size > 0 ? ofIds(chosen.peek()) : ofIds(new Set([id]))),
      rename: id => {
        renamed.value = ofIds(new Set([id]))[0]
      },
    })
  useEffect(() => registerKeys(keys().filter(key => canWrite || !key.changes)), [canWrite])

  const remove = async (wanted: readonly SessionItem[]) => {
    asked.value = []
    const gone: SessionItem[] = []
    try {
      for (const session of wanted) {
        await gateway().request('session.delete', { sessionId: session.id })
        gone.push(session)
      }
    } catch (error) {
      say(sentence(wanted.length === 1 ? 'The session was not deleted.' : 'Not all were deleted.', error), {
        tone: 'danger',
      })
    }
    if (gone.length === 0) return
    const ids = new Set(gone.map(({ id }) => id))
    sessions.value = sessions.peek().filter(({ id }) => !ids.has(id))
    chosen.value = new Set([...chosen.peek()].filter(id => !ids.has(id)))
    say(gone.length === 1 && gone[0] ? `Deleted ${nameOf(gone[0])}.` : `Deleted ${gone.length} sessions.`, {
      undo: () => restore(gone),
    })
  }
  const restore = async (gone: readonly SessionItem[]) => {
    for (const session of gone) await gateway().request('session.restore', { sessionId: session.id })
    if (isFirstPage) return
    sessions.value = [...sessions.peek(), ...gone].sort((a, b) => b.lastActiveAt - a.lastActiveAt)
  }
  const rename = async (session: SessionItem, title: string) => {
    await gateway().request('session.update', { sessionId: session.id, title })
    sessions.value = sessions.peek().map(other => (other.id === session.id ? { ...other, title } : other))
    renamed.value = undefined
  }

  if (sessions.value.length === 0) return <Empty filtered={isFiltered(filter)} />
  const count = ofIds(chosen.value).length
  return (
    <form method="post" ref={list} onSubmit={event => event.preventDefault()}>
      {canWrite && (
        <Bar
          count={count}
          total={sessions.value.length}
          hydrated={hydrated}
          onAll={() => {
            chosen.value = count === sessions.peek().length ? new Set() : new Set(sessions.peek().map(({ id }) => id))
          }}
          onDelete={() => ask(ofIds(chosen.peek()))}
        />
      )}
      <ul class="card divide-y divide-line">
        {sessions.value.map(session => (
          <SessionRow
            key={session.id}
            session={session}
            now={now}
            before={
              canWrite && (
                <input
                  type="checkbox"
                  class="choice"
                  name="id"
                  value={session.id}
                  aria-label={`Choose ${nameOf(session)}`}
                  checked={chosen.value.has(session.id)}
                  onClick={event => choose(session.id, { range: event.shiftKey })}
                />
              )
            }
          >
            {canWrite && (
              <div class="flex max-sm:flex-col">
                <button
                  type="button"
                  class="button button-quiet needs-script"
                  disabled={!hydrated}
                  aria-label={`Rename ${nameOf(session)}`}
                  onClick={() => {
                    renamed.value = session
                  }}
                >
                  Rename
                </button>
                <button
                  type="button"
                  class="button button-quiet needs-script"
                  disabled={!hydrated}
                  aria-label={`Delete ${nameOf(session)}`}
                  onClick={() => ask([session])}
                >
                  Delete
                </button>
              </div>
            )}
          </SessionRow>
        ))}
      </ul>
      <Confirmation sessions={asked.value} onCancel={() => ask([])} onConfirm={remove} />
      <RenameDialog session={renamed.value} onClose={() => (renamed.value = undefined)} onRename={rename} />
    </form>
  )
}

function Bar(input: {
  count: number
  total: number
  hydrated: boolean
  onAll: () => void
  onDelete: () => void
}): JSX.Element {
  const { count, total, hydrated, onAll, onDelete } = input
  return (
    <div class="mb-2 flex min-h-10 flex-wrap items-center gap-2 text-sm text-muted">
      <label class="flex items-center gap-2 pl-4 needs-script sm:pl-5">
        <input
          type="checkbox"
          class="choice"
          checked={count === total}
          indeterminate={count > 0 && count < total}
          disabled={!hydrated}
          onClick={onAll}
        />
        <span aria-live="polite">{count === 0 ? `${total} on this page` : `${count} chosen`}</span>
      </label>
      {/* Without a script it deletes at once, and “Deleted” takes it back. */}
      {(count > 0 || !hydrated) && (
        <button
          type={hydrated ? 'button' : 'submit'}
          name="action"
          value="delete"
          class="button button-quiet"
          onClick={hydrated ? onDelete : undefined}
        >
          Delete {hydrated ? count : 'the chosen'}
        </button>
      )}
    </div>
  )
}

function Confirmation(input: {
  sessions: readonly SessionItem[]
  onCancel: () => void
  onConfirm: (sessions: readonly SessionItem[]) => void
}): JSX.Element {
  const { sessions, onCancel, onConfirm } = input
  const [only] = sessions
  const isOne = sessions.length === 1
  const messages = countMessages(sessions.reduce((sum, { messageCount }) => sum + messageCount, 0))
  const title = isOne ? 'Delete this session?' : `Delete ${sessions.length} sessions?`
  return (
    <Dialog open={sessions.length > 0} title={title} onClose={onCancel}>
      {only && (
        <>
          <p class="mt-2 break-words text-muted">
            {isOne ? `${nameOf(only)} disappears` : 'They disappear'} from every list now, with {messages}, and{' '}
            {isOne ? 'is' : 'are'} erased after 30 days.
          </p>
          <div class="mt-6 flex justify-end gap-2">
            <button type="button" class="button" autofocus onClick={onCancel}>
              Cancel
            </button>
            <button type="button" class="button button-danger" onClick={() => onConfirm(sessions)}>
              {isOne ? 'Delete session' : `Delete ${sessions.length} sessions`}
            </button>
          </div>
        </>
      )}
    </Dialog>
  )
}

function Empty({ filtered }: { filtered: boolean }): JSX.Element {
  return (
    <div class="card empty">
      <p class="font-medium text-ink">{filtered ? 'No session matches' : 'No sessions yet'}</p>
      {filtered ? (
        <p>
          Change the filter, or <a href="/sessions">show all sessions</a>.
        </p>
      ) : (
        <p>Start one with “New session”, or connect a client: every conversation appears here.</p>
      )}
    </div>
  )
}

function nameOf(session: SessionItem): string {
  return session.title ? `“${session.title}”` : 'The untitled session'
}

function isFiltered({ limit: _, ...filter }: SessionListProps['filter']): boolean {
  return Object.keys(filter).length > 0
}
