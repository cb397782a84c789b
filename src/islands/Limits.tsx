import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { ReplyPayload } from '../protocol/messages.ts'
import { gateway, isOpen } from './connection.ts'
import { duration } from './times.ts'

type State = ReplyPayload<'limits.get'>
type Bucket = State['limits'][number]

export interface LimitsProps {
  rules: {
    name: string
    setting: string
    counts: string
    per: string
    doc: string
    refusal: string
  }[]
  start: State
  /** Whether the settings can be opened. */
  canChange: boolean
}

// As often as a person looks; each time is one read of thousands that a minute has.
const refreshMs = 2_000
// What has less left is near its limit.
const nearShare = 0.5

/** Every limit with what is left of it, kept up to date while the page is looked at. */
export default function Limits({ rules, start, canChange }: LimitsProps): JSX.Element {
  const state = useSignal(start)
  useEffect(() => {
    const refresh = async () => {
      if (document.hidden || !isOpen.peek()) return
      try {
        state.value = await gateway().request('limits.get', {})
      } catch {
        // The next one may come through; the connection says by itself how it is.
      }
    }
    const timer = setInterval(refresh, refreshMs)
    return () => clearInterval(timer)
  }, [state])
  const { enabled, limits, refused, busiest } = state.value
  return (
    <>
      {!enabled && (
        <p class="alert alert-warn mb-5" role="status">
          Limits are switched off (limits.enabled): nothing below is refused. That is for benchmarks only.
        </p>
      )}
      {busiest && <Busiest buckets={busiest} rules={rules} />}
      <section aria-labelledby="yours" class="mb-8">
        <h2 id="yours" class="mb-2">
          Every limit, and what is left to you
        </h2>
        <ul class="card divide-y divide-line">
          {rules.map(rule => (
            <Limit
              key={rule.name}
              rule={rule}
              bucket={limits.find(({ name }) => name === rule.name)}
              refused={refused?.[rule.name]}
              canChange={canChange}
            />
          ))}
        </ul>
      </section>
    </>
  )
}

function Limit(input: {
  rule: LimitsProps['rules'][number]
  bucket: Bucket | undefined
  refused: number | undefined
  canChange: boolean
}): JSX.Element {
  const { rule, bucket, refused, canChange } = input
  return (
    <li class="grid gap-x-6 gap-y-2 px-4 py-3.5 sm:grid-cols-[minmax(0,1fr)_13rem] sm:px-5" id={`limit-${rule.name}`}>
      <div class="min-w-0">
        <p class="font-medium break-words">
          {canChange ? (
            <a href={`/settings#${rule.setting}`}>
              <code>{rule.setting}</code>
            </a>
          ) : (
            <code>{rule.setting}</code>
          )}
        </p>
        <p class="mt-0.5 text-sm text-muted">{rule.doc}</p>
        <details class="mt-1 text-sm">
          <summary class="cursor-pointer text-muted">What a refused client sees</summary>
          <p class="mt-1">{rule.refusal}</p>
        </details>
      </div>
      <div class="text-sm">
        {bucket ? (
          <Left bucket={bucket} label={rule.setting} />
        ) : (
          <p class="text-muted">Each {rule.per} has its own.</p>
        )}
        <p class="mt-1 text-muted">
          {bucket && `${amount(bucket)}, ${rule.per === 'gateway' ? 'for all together' : `for each ${rule.per}`}`}
          {refused ? <span class="badge badge-warn ml-2">refused {refused.toLocaleString('en')} times</span> : ''}
        </p>
      </div>
    </li>
  )
}

function Left({ bucket, label }: { bucket: Bucket; label: string }): JSX.Element {
  const { limit, remaining, resetMs, name } = bucket
  return (
    <>
      <meter
        class="meter"
        min={0}
        max={limit}
        value={limit - remaining}
        low={limit * nearShare}
        high={limit * 0.9}
        optimum={0}
        aria-label={`Used of ${label}`}
      />
      <p class="mt-1 tabular-nums">
        {count(name, remaining)} left
        {resetMs >= 1_000 && <span class="text-muted">, all in {duration(resetMs)}</span>}
      </p>
    </>
  )
}

function Busiest({ buckets, rules }: { buckets: NonNullable<State['busiest']>; rules: LimitsProps['rules'] }) {
  return (
    <section aria-labelledby="busiest" class="mb-8">
      <h2 id="busiest" class="mb-2">
        Who is near a limit
      </h2>
      {buckets.length === 0 ? (
        <p class="card px-5 py-4 text-muted">Nobody has used more than half of a limit.</p>
      ) : (
        <ul class="card divide-y divide-line">
          {buckets.map(bucket => (
            <li
              key={`${bucket.name} ${bucket.key}`}
              class="grid gap-x-6 gap-y-1 px-4 py-3 text-sm sm:grid-cols-[minmax(0,1fr)_13rem] sm:px-5"
            >
              <p class="min-w-0 break-words">
                <span class="font-medium">{bucket.who}</span>
                <span class="text-muted"> · {rules.find(({ name }) => name === bucket.name)?.counts}</span>
              </p>
              <div>
                <Left bucket={bucket} label={`${bucket.name} of ${bucket.who}`} />
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function amount({ name, limit, windowMs }: Bucket): string {
  return windowMs === null ? `${count(name, limit)} at once` : `${count(name, limit)} in ${windowMs / 1_000} s`
}

function count(name: string, value: number): string {
  return name === 'bytes'
    ? `${(value / 1_048_576).toFixed(value < 10_485_760 ? 1 : 0)} MiB`
    : value.toLocaleString('en')
}
