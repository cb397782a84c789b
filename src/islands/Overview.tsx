import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { gateway } from './connection.ts'
import { errorsOf } from './dashboard/charts.ts'
import { type Sample, watchFigures } from './dashboard/figures.ts'
import { type Spending, spendingOf } from './dashboard/spending.ts'
import { dollars, perSecond } from './dashboard/words.ts'
import { duration } from './times.ts'

export interface OverviewProps {
  health: Health
  figures: Figures
  /** Undefined if it could not be read. */
  spending: Spending | undefined
  /** How commands of tools are walled in, with the reason where they are not. */
  sandbox: { level: string; reason?: string }
  /** Whether answers come from the built-in demo model. */
  offline: boolean
  /** Unix ms. */
  now: number
}

interface Health {
  /** Why nothing can be stored now; empty if the gateway is ready. */
  problems: string[]
  /** What one should know though all works. */
  notices: string[]
  draining: boolean
  version: string
  startedAt: number
}

interface Figures {
  connections: number
  activeRuns: number
  messagesPerSecond: number
  errorsLastHour: number
  messages: number
}

// The gateway keeps its status for as long.
const statusEveryMs = 30_000

/** Whether the gateway is well, and what it does now. */
export default function Overview(props: OverviewProps): JSX.Element {
  const health = useSignal(props.health)
  const figures = useSignal(props.figures)
  const spending = useSignal(props.spending)
  const now = useSignal(props.now)
  useEffect(
    () =>
      watchFigures(sample => {
        now.value = sample.at
        figures.value = counted(figures.peek(), sample)
      }),
    [],
  )
  useEffect(() => {
    const read = async () => {
      if (document.hidden) return
      const [status, lastHour, spent] = await Promise.all([
        askStatus().catch(() => undefined),
        gateway()
          .request('metrics.history', { range: '1h' })
          .catch(() => undefined),
        readSpending(),
      ])
      if (status) {
        health.value = await healthOf(status, health.peek())
        figures.value = { ...figures.peek(), messages: status.stats.totalMessages }
      }
      if (lastHour) figures.value = { ...figures.peek(), errorsLastHour: errorsOf(lastHour) }
      if (spent) spending.value = spent
    }
    const timer = setInterval(read, statusEveryMs)
    const stop = gateway().onState(({ status }) => {
      if (status === 'open') read()
    })
    document.addEventListener('visibilitychange', read)
    return () => {
      document.removeEventListener('visibilitychange', read)
      clearInterval(timer)
      stop()
    }
  }, [])
  return (
    <>
      <HealthCard {...props} health={health.value} now={now.value} />
      <Tiles figures={figures.value} spending={spending.value} />
    </>
  )
}

function HealthCard({ health, sandbox, offline, now }: OverviewProps): JSX.Element {
  const { problems, notices, draining, version, startedAt } = health
  const isWell = problems.length === 0 && !draining
  const words = draining ? 'Shutting down' : isWell ? 'Running well' : 'Not ready'
  return (
    <section class={`health ${isWell ? '' : 'health-danger'}`} aria-label="Health">
      <p class="flex items-center gap-2.5 font-medium" role="status">
        <span class={`dot ${isWell ? 'dot-ok' : 'dot-danger'}`} aria-hidden="true" />
        {words}
      </p>
      <p class="health-facts">
        <span>{isWell ? 'Takes messages' : 'Takes no messages'}</span>
        <span>Version {version}</span>
        <span>Up {duration(Math.max(0, now - startedAt))}</span>
        <span title={sandbox.reason}>Sandbox: {sandbox.level}</span>
        {offline && <span>Offline demo model only</span>}
        <a href="/settings/about">Doctor</a>
      </p>
      {[...problems, ...notices].length > 0 && (
        <ul class="mt-1 list-disc pl-5 text-sm">
          {[...problems, ...notices].map(line => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Tiles({ figures, spending }: Pick<OverviewProps, 'figures' | 'spending'>): JSX.Element {
  const { connections, activeRuns, messagesPerSecond, errorsLastHour, messages } = figures
  return (
    <dl class="stats">
      <Tile label="Connections" value={connections.toLocaleString('en')} />
      <Tile label="Active runs" value={activeRuns.toLocaleString('en')} />
      <Tile label="Messages" value={perSecond(messagesPerSecond)}>
        {messages.toLocaleString('en')} in all
      </Tile>
      <Tile label="Errors" value={errorsLastHour.toLocaleString('en')}>
        in the last hour{' '}
        {errorsLastHour > 0 && (
          <>
            · <a href="/logs?level=warn">Logs</a>
          </>
        )}
      </Tile>
      <Tile label="Spent today" value={spending ? spent(spending) : '–'}>
        {spending ? <SpendingWords {...spending} /> : 'Could not be read'}
      </Tile>
    </dl>
  )
}

function Tile({ label, value, children }: { label: string; value: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
      {children && <dd class="stats-more">{children}</dd>}
    </div>
  )
}

function spent({ costUsd }: Spending): string {
  return costUsd === null ? 'unknown' : dollars(costUsd)
}

function SpendingWords({ tokens, unpricedCalls, budget }: Spending): JSX.Element {
  const rest = `${tokens.toLocaleString('en')} tokens${unpricedCalls > 0 ? `, ${unpricedCalls} calls without a price` : ''}`
  if (!budget) return <a href="/settings/budgets">{rest}</a>
  const percent = Math.floor((100 * budget.spent) / budget.limit)
  const limit = budget.unit === 'USD' ? dollars(budget.limit) : `${budget.limit.toLocaleString('en')} tokens`
  return (
    <>
      <meter
        class="meter"
        min={0}
        max={budget.limit}
        high={budget.limit * 0.8}
        value={budget.spent}
        aria-label="Part of the budget of today that is spent"
      />
      <a href="/settings/budgets">
        {percent} % of {limit}
      </a>
    </>
  )
}

function counted(before: Figures, sample: Sample): Figures {
  const { connections, activeRuns, messagesPerSecond, errors } = sample
  // Those that are an hour old by now go when the hour is read again.
  return { ...before, connections, activeRuns, messagesPerSecond, errorsLastHour: before.errorsLastHour + errors }
}

type Status = Awaited<ReturnType<typeof askStatus>>
const askStatus = () => gateway().request('gateway.status', {})

async function healthOf({ status, version, uptime, timestamp, components }: Status, before: Health): Promise<Health> {
  const isWell = status === 'ok' && before.problems.length === 0
  const storage = components['storage'] ?? 'ok'
  const startedAt = timestamp - uptime * 1_000
  // It is known to the second only: one that differs by less is the same start.
  const isSame = Math.abs(startedAt - before.startedAt) < 2_000
  return {
    problems: isWell ? [] : await notReady(),
    notices: status === 'ok' && storage !== 'ok' ? [storage] : [],
    draining: components['gateway'] === 'draining',
    version,
    startedAt: isSame ? before.startedAt : startedAt,
  }
}

/** Asked only where something is or was wrong, because the answer is a write to the disk. */
async function notReady(): Promise<string[]> {
  try {
    const { reasons } = (await (await fetch('/readyz')).json()) as { reasons: string[] }
    return reasons
  } catch {
    return ['The gateway does not answer.']
  }
}

async function readSpending(): Promise<Spending | undefined> {
  const today = Date.now()
  const report = await gateway()
    .request('usage.get', { from: today, to: today, by: 'day' })
    .catch(() => undefined)
  return report && spendingOf(report)
}
