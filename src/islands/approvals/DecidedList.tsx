import type { JSX } from 'preact'
import { shortId } from '../parts/SessionRow.tsx'
import { Time } from '../parts/Time.tsx'
import { Arguments } from '../tools/Arguments.tsx'
import { whoOf } from '../tools/words.ts'
import type { Decided } from './inbox.ts'

interface DecidedListInput {
  decided: readonly Decided[]
  names: Readonly<Record<string, string>>
  now: number
}

const words: Record<Decided['outcome'], { word: string; tone: string }> = {
  allowed: { word: 'Allowed', tone: 'ok' },
  denied: { word: 'Denied', tone: 'danger' },
  expired: { word: 'Nobody answered', tone: 'warn' },
  withdrawn: { word: 'Withdrawn', tone: 'quiet' },
}

/** What was decided, newest first. */
export function DecidedList({ decided, names, now }: DecidedListInput): JSX.Element {
  return (
    <section class="mt-10" aria-labelledby="decided">
      <h2 id="decided" class="mb-3">
        Decided
      </h2>
      {decided.length === 0 ? (
        <p class="text-sm text-muted">Nothing yet.</p>
      ) : (
        <ul class="card divide-y divide-line">
          {decided.map(one => (
            <li key={one.approvalId} class="px-4 py-3 sm:px-5">
              <div class="flex flex-wrap items-center gap-x-3 gap-y-1">
                <span class="flex items-center gap-2 text-sm">
                  <span class={`dot dot-${words[one.outcome].tone}`} aria-hidden="true" />
                  {words[one.outcome].word}
                  {one.remember === 'session' && ' for the session'}
                  {one.remember === 'always' && ' always'}
                </span>
                <span class="font-mono font-medium break-all">{one.toolName}</span>
                <span class="text-sm text-muted sm:ml-auto">
                  {one.by !== undefined && `${whoOf(one.by, names)}, `}
                  <Time at={one.at} now={now} />
                </span>
              </div>
              <More one={one} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function More({ one }: { one: Decided }): JSX.Element | null {
  const { sessionId, invocationId, args } = one
  if (args === undefined && sessionId === undefined) return null
  return (
    <details class="mt-1 text-sm">
      <summary class="cursor-pointer text-muted">What it was about</summary>
      {args && <Arguments args={args} />}
      <p class="mt-2 flex gap-4">
        {invocationId !== undefined && <a href={`/tools/history?run=${encodeURIComponent(invocationId)}`}>Its run</a>}
        {sessionId !== undefined && (
          <a href={`/sessions/${encodeURIComponent(sessionId)}`}>Session {shortId(sessionId)}</a>
        )}
      </p>
    </details>
  )
}
