import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { type Filter, followLines, type Place, rowOf } from './logs/follow.ts'
import { Line } from './logs/Line.tsx'
import { createTail, type Entry, maxRows, type Tail } from './logs/tail.ts'
import { useHydrated } from './parts/hydrated.ts'
import { registerKeys } from './parts/keys.ts'

export interface LogsProps {
  entries: Entry[]
  place: Place
  filter: Filter
  /** Address of the same lines as a file. */
  exportHref: string
  /** Id of the field that `/` leads to. */
  filterId: string
}

// As far as a finger slips; further up somebody reads.
const slackPx = 40

/** The newest lines of the log, and those that come. */
export default function Logs({ entries, place, filter, exportHref, filterId }: LogsProps): JSX.Element {
  const tail = useRef<Tail | undefined>(undefined)
  tail.current ??= createTail(
    entries.map(entry => rowOf(entry, place.bootId)),
    then => void requestAnimationFrame(then),
  )
  const { rows, paused, waiting, gone, dropped, pause, resume } = tail.current
  const box = useRef<HTMLElement>(null)
  const problem = useSignal<string | undefined>(undefined)
  const hydrated = useHydrated()
  const whole = useRef(new Set(entries)).current

  useEffect(() => {
    const failed = (error: unknown) => {
      problem.value = error instanceof Error ? error.message : String(error)
    }
    return tail.current && followLines(tail.current, filter, place, failed)
  }, [])
  // Whoever scrolls up or opens a line reads: the page stands still until they are back at the end.
  const isReading = useRef(false)
  const goOn = () => {
    isReading.current = false
    resume()
    // The box lays out from its lower edge, so that this is its end.
    box.current?.scrollTo({ top: 0 })
  }
  useEffect(
    () =>
      registerKeys([
        { keys: 'j', label: 'Next line', run: () => step(box.current, 1, pause) },
        { keys: 'k', label: 'Line before', run: () => step(box.current, -1, pause) },
        { keys: 'Space', label: 'Pause, and go on', run: () => (paused.peek() ? goOn() : pause()) },
        { keys: '/', label: 'Filter', run: () => document.getElementById(filterId)?.focus() },
      ]),
    [],
  )
  const read = () => {
    if (!paused.peek()) isReading.current = true
    pause()
  }
  const lookUp = () => {
    const top = box.current?.scrollTop ?? 0
    const hasOpen = box.current?.querySelector('details[open]') != null
    if (top < -slackPx || hasOpen) read()
    else if (isReading.current && paused.peek() && top > -1) goOn()
  }
  useEffect(() => {
    // What opens does not tell those around it, who hear of it on the way down only.
    box.current?.addEventListener('toggle', lookUp, { capture: true })
  }, [])

  return (
    <>
      <div class="log-bar">
        <p role="status" class="flex items-center gap-2.5 text-sm max-sm:flex-1">
          <span class={`dot ${paused.value ? 'dot-warn' : hydrated ? 'dot-ok' : ''}`} aria-hidden="true" />
          {paused.value ? 'Paused' : hydrated ? 'Live' : 'Not live'}
        </p>
        <p class="flex-1 text-sm text-muted tabular-nums max-sm:order-last max-sm:basis-full">
          {counts(rows.value.length, gone.value, dropped.value)}
        </p>
        <a class="button" href={exportHref} download="talon-log.json">
          Export
        </a>
        <button
          type="button"
          class="button"
          disabled={!hydrated}
          aria-pressed={paused.value}
          onClick={() => (paused.peek() ? goOn() : pause())}
        >
          {paused.value ? 'Go on' : 'Pause'}
        </button>
      </div>
      {problem.value && (
        <p class="alert alert-danger mb-3" role="alert">
          New lines do not come: {problem.value} Load the page again to try once more.
        </p>
      )}
      <div class="relative">
        <section
          ref={box}
          class="log-box"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label="Lines of the log, the newest last"
          onScroll={lookUp}
        >
          <ol>
            {rows.value.map(({ key, entry }) => (
              <Line key={key} entry={entry} whole={whole.has(entry)} local={hydrated} />
            ))}
          </ol>
          {rows.value.length === 0 && <Empty filter={filter} />}
        </section>
        {waiting.value > 0 && (
          <button type="button" class="button log-more" onClick={goOn}>
            {waiting.value.toLocaleString('en')} new {waiting.value === 1 ? 'line' : 'lines'}
          </button>
        )}
      </div>
    </>
  )
}

/** Moves to another line, and keeps all where they are meanwhile. */
function step(box: HTMLElement | null, by: 1 | -1, pause: () => void): void {
  const lines: Element[] = [...(box?.querySelectorAll('summary') ?? [])]
  const at = document.activeElement ? lines.indexOf(document.activeElement) : -1
  const next = lines[at === -1 ? lines.length - 1 : at + by]
  if (!next) return
  pause()
  if (next instanceof HTMLElement) next.focus()
}

function counts(shown: number, gone: number, dropped: number): string {
  const more = [
    shown === maxRows || gone > 0 ? `${gone.toLocaleString('en')} older ones made room` : undefined,
    dropped > 0 ? `${dropped.toLocaleString('en')} passed too fast and were left out` : undefined,
  ].filter(part => part !== undefined)
  return [`${shown.toLocaleString('en')} lines`, ...more].join(', ')
}

function Empty({ filter }: { filter: Filter }): JSX.Element {
  const isFiltered = Object.values(filter).some(part => part !== undefined)
  return (
    <div class="empty">
      <p class="font-medium text-ink">{isFiltered ? 'No line matches' : 'No lines yet'}</p>
      <p>
        {isFiltered ? (
          <>
            The newest 2,000 lines were looked at. Change the filter, or <a href="/logs">show all lines</a>; what comes
            and matches appears here.
          </>
        ) : (
          'What the gateway logs appears here.'
        )}
      </p>
    </div>
  )
}
