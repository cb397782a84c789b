import type { JSX } from 'preact'
import { SessionTitle } from '../../islands/parts/SessionRow.tsx'
import { Time } from '../../islands/parts/Time.tsx'
import type { SearchHit } from '../../protocol/shapes.ts'

/** What a search of the messages found, the best first, with its words marked. */
export function Hits({ hits, unindexed, now }: { hits: SearchHit[]; unindexed: number; now: number }): JSX.Element {
  return (
    <>
      {hits.length === 0 ? (
        <div class="card empty">
          <p class="font-medium text-ink">No message matches</p>
          <p>
            Use fewer words, part of one as <code>word*</code>, or <a href="/sessions">show all sessions</a>.
          </p>
        </div>
      ) : (
        <ol class="card divide-y divide-line" aria-label="Messages that match">
          {hits.map((hit, at) => (
            <li key={hit.messageId ?? `${hit.sessionId}-${at}`} class="row">
              <HitView hit={hit} now={now} />
            </li>
          ))}
        </ol>
      )}
      {unindexed > 0 && (
        <p class="mt-3 text-sm text-muted" role="status">
          {unindexed.toLocaleString('en')} messages are still being indexed.
        </p>
      )}
    </>
  )
}

function HitView({ hit, now }: { hit: SearchHit; now: number }): JSX.Element {
  const { sessionId, seq, title, role, channel, timestamp } = hit
  // Both, because without a script the page holds what the query names.
  const place = seq === null ? '' : `?at=${seq}#m${seq}`
  return (
    <div class="min-w-0 flex-1">
      <a class="row-link" href={`/sessions/${encodeURIComponent(sessionId)}${place}`}>
        <SessionTitle session={{ id: sessionId, title }} />
      </a>
      <p class="mt-1 break-words">
        <Marked hit={hit} />
      </p>
      <p class="mt-1 flex gap-x-2 text-sm text-muted">
        <span class="badge">{channel}</span>
        <span>{role}</span>
        <Time at={timestamp} now={now} />
      </p>
    </div>
  )
}

function Marked({ hit: { snippet, marks } }: { hit: SearchHit }): JSX.Element {
  const ends = [...marks.map(([, to]) => to)]
  return (
    <>
      {marks.map(([from, to], at) => (
        <>
          {snippet.slice(at === 0 ? 0 : ends[at - 1], from)}
          <mark class="rounded-sm bg-accent-soft px-0.5 text-accent-strong">{snippet.slice(from, to)}</mark>
        </>
      ))}
      {snippet.slice(ends.at(-1) ?? 0)}
    </>
  )
}
