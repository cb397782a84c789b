import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { gateway } from '../connection.ts'
import { useHydrated } from '../parts/hydrated.ts'
import { say } from '../parts/notices.ts'
import { shortId } from '../parts/SessionRow.tsx'
import { sentence } from '../parts/sentence.ts'
import { Time } from '../parts/Time.tsx'
import { Arguments } from '../tools/Arguments.tsx'
import { whoOf } from '../tools/words.ts'
import type { Grant, Inbox } from './inbox.ts'

interface GrantListInput {
  inbox: Inbox
  names: Readonly<Record<string, string>>
  now: number
}

/** What was allowed beyond one call, each with the way to take it back. */
export function GrantList({ inbox, names, now }: GrantListInput): JSX.Element {
  const hydrated = useHydrated()
  const busy = useSignal<string | undefined>(undefined)
  const grants = inbox.grants.value
  const revoke = async (grant: Grant) => {
    busy.value = grant.id
    try {
      await gateway().request('approval.revoke', { grantId: grant.id })
      inbox.grants.value = inbox.grants.peek().filter(({ id }) => id !== grant.id)
      say(
        `${grant.toolName} asks again from now on.`,
        grant.remember === 'always' ? { undo: () => restore(grant) } : {},
      )
    } catch (error) {
      say(sentence('It was not revoked.', error), { tone: 'danger' })
    }
    busy.value = undefined
  }
  const restore = async (grant: Grant) => {
    await gateway().request('approval.restore', { grantId: grant.id })
    inbox.grants.value = [grant, ...inbox.grants.peek().filter(({ id }) => id !== grant.id)]
  }
  return (
    <section class="mt-10" aria-labelledby="grants">
      <h2 id="grants" class="mb-3">
        Allowed without asking
      </h2>
      {grants.length === 0 ? (
        <p class="text-sm text-muted">
          Nothing. What you allow for a session or always is listed here, and can be taken back.
        </p>
      ) : (
        <ul class="card divide-y divide-line">
          {grants.map(grant => (
            <li key={grant.id} class="px-4 py-3 sm:px-5">
              <div class="flex flex-wrap items-center gap-x-3 gap-y-2">
                <span class="font-mono font-medium break-all">{grant.toolName}</span>
                <span class="badge">{grant.remember === 'always' ? 'always exactly this' : 'one session'}</span>
                {grant.tainted && <span class="badge badge-warn">after text of others too</span>}
                <span class="text-sm text-muted">
                  {whoOf(grant.tokenId, names)}, <Time at={grant.createdAt} now={now} />
                </span>
                <form
                  class="ml-auto"
                  method="post"
                  action="/tools/approvals"
                  onSubmit={event => {
                    if (!hydrated) return
                    event.preventDefault()
                    revoke(grant)
                  }}
                >
                  <input type="hidden" name="action" value="revoke" />
                  <input type="hidden" name="grantId" value={grant.id} />
                  <button
                    type="submit"
                    class="button"
                    disabled={busy.value === grant.id}
                    aria-label={`Revoke ${grant.toolName}, ${grant.remember === 'always' ? 'always' : 'one session'}`}
                  >
                    Revoke
                  </button>
                </form>
              </div>
              <Covers grant={grant} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Covers({ grant }: { grant: Grant }): JSX.Element {
  const { sessionId, subject, args } = grant
  return (
    <>
      {sessionId !== null && (
        <p class="mt-1 text-sm text-muted">
          In session <a href={`/sessions/${encodeURIComponent(sessionId)}`}>{shortId(sessionId)}</a>
          {subject === null ? ', with exactly these arguments' : `, whatever concerns ${subject}`}
        </p>
      )}
      {(sessionId === null || subject === null) && (
        <details class="mt-1 text-sm">
          <summary class="cursor-pointer text-muted">Arguments</summary>
          <Arguments args={args} />
        </details>
      )}
    </>
  )
}
