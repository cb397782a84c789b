import type { JSX } from 'preact'
import Attention, { type AttentionProps } from '../../islands/Attention.tsx'
import Charts from '../../islands/Charts.tsx'
import { errorsOf } from '../../islands/dashboard/charts.ts'
import { spendingOf } from '../../islands/dashboard/spending.ts'
import NewSession from '../../islands/NewSession.tsx'
import Overview, { type OverviewProps } from '../../islands/Overview.tsx'
import { SessionRow } from '../../islands/parts/SessionRow.tsx'
import type { SessionItem } from '../../protocol/shapes.ts'
import type { HistoryPage, HistoryRange } from '../history.ts'
import type { App } from '../record.ts'
import { gatewayStatus } from '../status.ts'
import { loadAttention } from './attention.ts'
import { Island } from './island.tsx'
import { defaultModel, modelNames } from './models.ts'
import { definePage, type PageContext } from './page.ts'
import { loadWelcome, Welcome, type WelcomeProps } from './welcome.tsx'

const newestCount = 6

interface DashboardData {
  now: number
  welcome: WelcomeProps | undefined
  overview: OverviewProps
  attention: AttentionProps
  history: HistoryPage
  newest: SessionItem[]
  models: string[]
  canWrite: boolean
}

export default definePage<DashboardData>({
  path: '/',
  scope: 'read',
  navigation: { label: 'Dashboard', order: 0 },
  title: () => 'Dashboard',
  async load(app, context) {
    const [welcome, overview, attention, list] = await Promise.all([
      loadWelcome(app, context),
      loadOverview(app, context),
      loadAttention(app, context),
      app.store.listSessions({ limit: newestCount }),
    ])
    return {
      now: context.now,
      welcome,
      overview,
      attention,
      history: app.history.read(rangeOf(context.query('range'))),
      newest: list.sessions,
      models: modelNames(app),
      canWrite: context.identity.scopes.has('chat'),
    }
  },
  view: data => <Dashboard {...data} />,
})

async function loadOverview(app: App, { ask, now }: PageContext): Promise<OverviewProps> {
  const [problems, status, usage] = await Promise.all([
    app.lifecycle.notReady(),
    gatewayStatus(app),
    // A sum that cannot be read now is no reason to show nothing.
    ask('usage.get', { from: now, to: now, by: 'day' }).catch(() => undefined),
  ])
  const lastMinutes = app.history.read('5m').series
  const { level, reason } = app.sandbox
  return {
    health: {
      problems,
      notices: [...app.store.health().notices],
      draining: app.lifecycle.draining(),
      version: app.version,
      startedAt: app.lifecycle.startedAt,
    },
    figures: {
      connections: app.connections.count(),
      activeRuns: app.runs.count(),
      messagesPerSecond: lastMinutes.messagesPerSecond.at(-1) ?? 0,
      errorsLastHour: errorsOf(app.history.read('1h')),
      messages: status.stats.totalMessages,
    },
    spending: usage && spendingOf(usage),
    sandbox: { level, ...(reason !== undefined && { reason }) },
    offline: defaultModel(app)?.provider === 'offline',
    now,
  }
}

function rangeOf(asked: string | undefined): HistoryRange {
  return asked === '5m' || asked === '24h' ? asked : '1h'
}

function Dashboard({
  welcome,
  overview,
  attention,
  history,
  newest,
  models,
  canWrite,
  now,
}: DashboardData): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Dashboard</h1>
        {canWrite && <Island name="NewSession" of={NewSession} props={{ models }} />}
      </div>
      {welcome && <Welcome {...welcome} />}
      <Island name="Overview" of={Overview} props={overview} />
      <div class="dashboard-halves">
        <section aria-labelledby="newest">
          <div class="mb-3 flex items-baseline justify-between gap-4">
            <h2 id="newest">Newest sessions</h2>
            {newest.length > 0 && <a href="/sessions">All sessions</a>}
          </div>
          {newest.length === 0 ? <NoSessions canWrite={canWrite} /> : <Newest newest={newest} now={now} />}
        </section>
        <Island name="Attention" of={Attention} props={attention} />
      </div>
      <Island name="Charts" of={Charts} props={{ page: history }} />
    </>
  )
}

function Newest({ newest, now }: Pick<DashboardData, 'newest' | 'now'>): JSX.Element {
  return (
    <ul class="card divide-y divide-line">
      {newest.map(session => (
        <SessionRow key={session.id} session={session} now={now} />
      ))}
    </ul>
  )
}

function NoSessions({ canWrite }: { canWrite: boolean }): JSX.Element {
  return (
    <div class="card px-5 py-6 text-sm text-muted">
      <p>
        <span class="font-medium text-ink">None yet.</span>{' '}
        {canWrite ? 'Start one with “New session”, or connect a program' : 'Connect a program'} over WebSocket at{' '}
        <code>/ws</code>: every conversation appears here.
      </p>
    </div>
  )
}
