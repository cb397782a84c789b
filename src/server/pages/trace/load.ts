import type { Run } from '../../../db/store.ts'
import { idAfter, type ToolRecord } from '../../../islands/conversation/records.ts'
import { TalonError } from '../../../protocol/errors.ts'
import type { Message } from '../../../protocol/shapes.ts'
import type { App } from '../../record.ts'
import type { PageContext } from '../page.ts'
import { type Step, stepsOf } from './steps.ts'

// Of the newest runs of a session, on one page.
export const runsPerPage = 10
// A run has some steps; between its entries may be messages that wait for their turn.
const entriesPerPage = 200
const maxEntryPages = 5
const pageBytes = 512 * 1024
const recordsPerPage = 100
const maxRecordPages = 3

export interface TracedRun {
  run: Run
  question: Message | undefined
  steps: Step[]
  /** Whether it has more entries than are looked at. */
  isCut: boolean
}

/** One run with its steps. @throws TalonError where its session is gone */
export async function traceOf(app: App, context: PageContext, run: Run): Promise<TracedRun> {
  const { entries, isCut } = await entriesOf(app, run)
  const question = entries.find(({ seq }) => seq === run.messageSeq)
  const own = entries.filter(({ runId, seq }) => runId === run.id && seq !== run.messageSeq)
  const hasTools = own.some(({ toolCalls }) => toolCalls?.length)
  const records = hasTools ? await recordsOf(context, run) : []
  return { run, question, isCut, steps: stepsOf({ run, question, own, records, now: context.now }) }
}

/** The run of this id. @throws TalonError `NOT_FOUND` */
export async function runOf(app: App, runId: string): Promise<Run> {
  const run = await app.store.getRun(runId)
  if (!run)
    throw new TalonError('NOT_FOUND', 'There is no run of this id. Runs go with their sessions, and imports have none.')
  return run
}

/** From the question to the end of the run. A slash command may answer in the next epoch, where nothing of it is looked for. */
async function entriesOf(app: App, { id, sessionId, epoch, messageSeq }: Run) {
  const entries: Message[] = []
  let after = messageSeq - 1
  for (let page = 0; page < maxEntryPages; page++) {
    const place = { sessionId, epoch, after, limit: entriesPerPage, maxBytes: pageBytes }
    const { entries: more, hasMore } = await app.store.history(place)
    entries.push(...more.map(entry => entry.message))
    after = entries.at(-1)?.seq ?? after
    if (!hasMore || more.some(({ final, message }) => final && message.runId === id)) return { entries, isCut: false }
  }
  return { entries, isCut: true }
}

async function recordsOf({ ask, now }: PageContext, run: Run): Promise<ToolRecord[]> {
  const records: ToolRecord[] = []
  let before = idAfter(run.finishedAt ?? now)
  for (let page = 0; page < maxRecordPages; page++) {
    const asked = { sessionId: run.sessionId, before, limit: recordsPerPage }
    const { runs, nextCursor } = await ask('tools.history', asked)
    records.push(...runs)
    if (nextCursor === null || (runs.at(-1)?.startedAt ?? 0) < run.createdAt) break
    before = nextCursor
  }
  return records
}
