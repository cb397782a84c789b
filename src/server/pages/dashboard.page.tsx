import type { JSX } from 'preact'
import NewSession from '../../islands/NewSession.tsx'
import { SessionRow } from '../../islands/parts/SessionRow.tsx'
import { duration } from '../../islands/times.ts'
import type { SessionItem } from '../../protocol/shapes.ts'
import { gatewayStatus } from '../status.ts'
import { Island } from './island.tsx'
import { defaultModel, modelNames } from './models.ts'
import { definePage } from './page.ts'

const newestCount = 8

interface DashboardData {
  now: number
  version: string
  uptimeMs: number
  draining: boolean
  /** Why a write would fail now; empty if the gateway is ready. */
  problems: readonly string[]
  stats: { label: string; value: number }[]
  newest: SessionItem[]
  models: string[]
  /** Whether answers come from the built-in demo model. */
  offline: boolean
  canWrite: boolean
}

export default definePage<DashboardData>({
  path: '/',
  scope: 'read',
  navigation: { label: 'Dashboard', order: 0 },
  title: () => 'Dashboard',
  async load(app, { identity, now }) {
    const [problems, status, list] = await Promise.all([
      app.lifecycle.notReady(),
      gatewayStatus(app),
      app.store.listSessions({ limit: newestCount }),
    ])
    return {
      now,
      version: app.version,
      uptimeMs: Math.max(0, now - app.lifecycle.startedAt),
      draining: app.lifecycle.draining(),
      problems,
      stats: statsOf(status.stats, app.runs.count()),
      newest: list.sessions,
      models: modelNames(app),
      offline: defaultModel(app)?.provider === 'offline',
      canWrite: identity.scopes.has('chat'),
    }
  },
  view: data => <Dashboard {...data} />,
})

function statsOf(
  stats: { sessions: number; activeSessions: number; wsClients: number; totalMessages: number },
  runs: number,
): DashboardData['stats'] {
  return [
    { label: 'Sessions', value: stats.sessions },
    { label: 'Active sessions', value: stats.activeSessions },
    { label: 'Messages', value: stats.totalMessages },
    { label: 'Connections', value: stats.wsClients },
    { label: 'Active runs', value: runs },
  ]
}

function Dashboard(data: DashboardData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Dashboard</h1>
        {data.canWrite && <Island name="NewSession" of={NewSession} props={{ models: data.models }} />}
      </div>
      <Health {...data} />
      <dl class="stats">
        {data.stats.map(({ label, value }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value.toLocaleString('en')}</dd>
          </div>
        ))}
      </dl>
      <section class="mt-10" aria-labelledby="newest">
        <div class="mb-3 flex items-baseline justify-between gap-4">
          <h2 id="newest">Newest sessions</h2>
          {data.newest.length > 0 && <a href="/sessions">All sessions</a>}
        </div>
        {data.newest.length === 0 ? <FirstSteps offline={data.offline} /> : <Newest {...data} />}
      </section>
    </>
  )
}

function Health({ problems, draining, version, uptimeMs, offline }: DashboardData): JSX.Element {
  const isWell = problems.length === 0 && !draining
  const words = draining ? 'Shutting down' : isWell ? 'Running well' : 'Not ready'
  return (
    <section class={`health ${isWell ? 'health-ok' : 'health-danger'}`} aria-label="Health">
      <p class="flex items-center gap-2.5 font-medium">
        <span class={`dot ${isWell ? 'dot-ok' : 'dot-danger'}`} aria-hidden="true" />
        {words}
      </p>
      <p class="text-sm text-muted">
        {isWell ? 'Ready to take messages. ' : ''}Version {version}, up {duration(uptimeMs)}
        {offline && '. Answers come from the built-in offline model, a demo'}.
      </p>
      {problems.length > 0 && (
        <ul class="mt-2 list-disc pl-5 text-sm">
          {problems.map(problem => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Newest({ newest, now }: DashboardData): JSX.Element {
  return (
    <ul class="card divide-y divide-line">
      {newest.map(session => (
        <SessionRow key={session.id} session={session} now={now} />
      ))}
    </ul>
  )
}

function FirstSteps({ offline }: { offline: boolean }): JSX.Element {
  return (
    <div class="card px-5 py-6 text-muted sm:px-8 sm:py-8">
      <p class="font-medium text-ink">Nothing has happened yet. To begin:</p>
      <ol class="mt-3 list-decimal space-y-2 pl-5">
        <li>Start a conversation here with “New session”.</li>
        {offline && (
          <li>
            Add a model provider to <code>talon.json</code> in the data folder. Until then the offline model answers,
            and says so.
          </li>
        )}
        <li>
          Connect a program over WebSocket at <code>/ws</code>. Its sessions appear in this list.
        </li>
      </ol>
    </div>
  )
}
