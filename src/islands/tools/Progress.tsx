import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Choice } from '../approvals/answer.ts'
import { useLoaded } from '../parts/loaded.ts'
import { duration } from '../times.ts'
import { type Bench, cancel } from './run.ts'

const tickMs = 1_000

const loadCard = async () => ({
  ...(await import('../approvals/ApprovalCard.tsx')),
  ...(await import('../approvals/answer.ts')),
})

/** What a run does now: how long it works, what it shows, whom it waits for. Its end is said to screen readers too. */
export function Progress(input: {
  bench: Bench
  names: Readonly<Record<string, string>>
  now: number
  asks: boolean
}): JSX.Element {
  const { bench, names, now, asks } = input
  const working = bench.working.value
  const clock = useSignal(0)
  const ahead = useRef(0)
  useEffect(() => {
    ahead.current = now - Date.now()
  }, [now])
  useEffect(() => {
    if (!working) return
    clock.value = Date.now()
    const timer = setInterval(() => {
      clock.value = Date.now()
    }, tickMs)
    return () => clearInterval(timer)
  }, [working, clock])
  const approval = bench.waiting.value
  // Whoever may not answer is not told that it waits.
  const mayWait = asks && working?.dryRun === false && bench.live.value === ''
  const card = useLoaded(loadCard, approval !== undefined)
  const give = (choice: Choice) => {
    if (approval) card?.answer(approval, choice)
  }
  return (
    <>
      <p class="sr-only" role="status">
        {statusOf(bench, asks)}
      </p>
      {bench.problem.value !== undefined && (
        <p class="alert alert-danger mt-5" role="alert">
          {bench.problem.value}
        </p>
      )}
      {working && (
        <section class="card mt-5 flex flex-col gap-4 p-5" aria-label="Running">
          <div class="flex items-center gap-3">
            <span class="dot dot-busy" aria-hidden="true" />
            <span class="text-sm" data-working>
              {approval ? 'Waits for a person' : mayWait ? 'Runs, or waits for a person' : 'Running'},{' '}
              {duration(Math.max(0, clock.value - working.since))}
            </span>
            <button type="button" class="button ml-auto" onClick={() => cancel(bench)}>
              Cancel
            </button>
          </div>
          {card && approval && (
            <card.ApprovalCard
              {...{ approval, names, isBusy: false, onAnswer: give }}
              now={Math.max(clock.value, working.since) + ahead.current}
            />
          )}
          {bench.live.value !== '' && <Live text={bench.live.value} />}
        </section>
      )}
    </>
  )
}

/** The newest line stays in view unless somebody scrolled up to read. */
function Live({ text }: { text: string }): JSX.Element {
  const box = useRef<HTMLPreElement>(null)
  const follows = useRef(true)
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [text])
  return (
    <pre
      ref={box}
      class="code-box"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
      tabIndex={0}
      role="log"
      aria-label="Output so far"
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        follows.current = scrollTop + clientHeight > scrollHeight - 24
      }}
    >
      {text}
    </pre>
  )
}

function statusOf(bench: Bench, asks: boolean): string {
  const working = bench.working.value
  if (working) return asks && !working.dryRun ? 'The tool waits until a person allows it.' : 'The tool is running.'
  const outcome = bench.outcome.value
  if (!outcome) return ''
  return outcome.success ? 'The tool has ended.' : 'The tool has failed.'
}
