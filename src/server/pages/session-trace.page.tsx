import type { JSX } from 'preact'
import type { Prices } from '../../islands/conversation/spending.ts'
import { SessionTitle, shortId } from '../../islands/parts/SessionRow.tsx'
import { TalonError } from '../../protocol/errors.ts'
import type { Session } from '../../protocol/shapes.ts'
import type { App } from '../record.ts'
import { definePage, type PageContext } from './page.ts'
import { pricesOf } from './session-prices.ts'
import { runOf, runsPerPage, type TracedRun, traceOf } from './trace/load.ts'
import { Waterfall } from './trace/Waterfall.tsx'

interface TraceData {
  session: Session
  runs: TracedRun[]
  /** Whether one run was asked for. */
  isOne: boolean
  /** The message before which older runs are; undefined if there are none. */
  before: number | undefined
  prices: Prices
  now: number
}

export default definePage<TraceData>({
  path: '/sessions/:id/trace',
  scope: 'read',
  title: ({ session }) => `Trace of ${session.title || shortId(session.id)}`,
  async load(app, context) {
    const session = await app.store.getSession(context.param('id'))
    if (!session) throw new TalonError('SESSION_NOT_FOUND', 'This session does not exist, or it was deleted.')
    const runId = context.query('run')
    const found = runId === undefined ? await newestRuns(app, session, context) : [await runOf(app, runId)]
    const runs: TracedRun[] = []
    for (const run of found.slice(0, runsPerPage)) runs.push(await traceOf(app, context, run))
    return {
      ...{ session, runs, now: context.now, prices: pricesOf(app) },
      isOne: runId !== undefined,
      before: found.length > runsPerPage ? runs.at(-1)?.run.messageSeq : undefined,
    }
  },
  view: data => <Trace {...data} />,
})

/** One more than a page has, so that it is known whether there are more. */
function newestRuns(app: App, { id, epoch }: Session, { query }: PageContext) {
  const before = Number(query('before'))
  const place = Number.isSafeInteger(before) && before > 0 ? { before } : {}
  return app.store.listRuns({ sessionId: id, epoch, limit: runsPerPage + 1, ...place })
}

function Trace({ session, runs, isOne, before, prices, now }: TraceData): JSX.Element {
  const path = `/sessions/${encodeURIComponent(session.id)}`
  return (
    <>
      <div class="page-head">
        <div class="min-w-0">
          <h1>Trace</h1>
          <p class="mt-1 break-words text-muted">
            Of <a href={path}>{<SessionTitle session={session} />}</a>: what each answer did, step by step, from what is
            stored.
          </p>
        </div>
        {isOne && (
          <a class="button" href={`${path}/trace`}>
            All answers
          </a>
        )}
      </div>
      {runs.length === 0 ? (
        <div class="card empty">
          <p class="font-medium text-ink">Nothing was answered here yet</p>
          <p>
            Write something <a href={path}>in the conversation</a>; what it takes to answer appears here.
          </p>
        </div>
      ) : (
        <div class="flex flex-col gap-6">
          {runs.map(traced => (
            <Waterfall key={traced.run.id} traced={traced} now={now} prices={prices} />
          ))}
        </div>
      )}
      {before !== undefined && (
        <nav class="mt-5" aria-label="Pages">
          <a class="button" href={`?before=${before}`} rel="next">
            Older answers
          </a>
        </nav>
      )}
    </>
  )
}
