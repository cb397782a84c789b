import type { RunState, Usage } from '../../protocol/shapes.ts'
import type { Queries, Run } from '../store.ts'
import type { Connection } from './open.ts'
import { type CommandInput, done, type Outcome } from './outcome.ts'

interface RunRow {
  id: string
  session_id: string
  epoch: number
  message_seq: number
  state: RunState
  partial_text: string
  error: string | null
  model: string | null
  provider: string | null
  usage: string | null
  token_id: string | null
  created_at: number
  started_at: number | null
  finished_at: number | null
}

// No entry of a log is behind it.
const beyondAll = Number.MAX_SAFE_INTEGER

// More than a busy day has, and read in about a millisecond. No index is worth its writes for what a person looks at now and then.
const newestLookedAt = 500

const runColumns =
  'id, session_id, epoch, message_seq, state, partial_text, error, model, provider, usage, token_id, created_at, started_at, finished_at'

function toRun(row: RunRow): Run {
  return {
    id: row.id,
    sessionId: row.session_id,
    epoch: row.epoch,
    messageSeq: row.message_seq,
    state: row.state,
    partialText: row.partial_text,
    error: row.error,
    model: row.model,
    provider: row.provider,
    // Written by endRun from a Usage.
    usage: row.usage === null ? null : (JSON.parse(row.usage) as Usage),
    tokenId: row.token_id,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }
}

export function insertRun(
  connection: Connection,
  run: { id: string; sessionId: string; epoch: number; messageSeq: number; tokenId: string; at: number },
): void {
  connection
    .prepared(
      `INSERT INTO runs (id, session_id, epoch, message_seq, state, token_id, created_at)
       VALUES (?, ?, ?, ?, 'queued', ?, ?)`,
    )
    .run(run.id, run.sessionId, run.epoch, run.messageSeq, run.tokenId, run.at)
}

export function startRun(connection: Connection, { runId, at }: CommandInput<'startRun'>): Outcome<Run | undefined> {
  const row = connection
    .prepared<RunRow>(
      `UPDATE runs SET state = 'running', started_at = ? WHERE id = ? AND state = 'queued' RETURNING ${runColumns}`,
    )
    .get(at, runId)
  return { result: row && toRun(row), changes: [] }
}

export function savePartialText(
  connection: Connection,
  { runId, text }: CommandInput<'savePartialText'>,
): Outcome<undefined> {
  connection.prepared('UPDATE runs SET partial_text = ? WHERE id = ? AND finished_at IS NULL').run(text, runId)
  return done
}

/** The run, whose partial text is an entry of the log from now on; undefined if it has ended. */
export function clearPartialText(connection: Connection, runId: string): Run | undefined {
  const row = connection
    .prepared<RunRow>(`UPDATE runs SET partial_text = '' WHERE id = ? AND finished_at IS NULL RETURNING ${runColumns}`)
    .get(runId)
  return row && toRun(row)
}

/** Ends a run once: undefined if it has ended already. */
export function endRun(connection: Connection, input: CommandInput<'finishRun'>): Run | undefined {
  const row = connection
    .prepared<RunRow>(
      `UPDATE runs SET state = ?, error = ?, provider = ?, model = ?, usage = ?, finished_at = ?, partial_text = ''
       WHERE id = ? AND finished_at IS NULL RETURNING ${runColumns}`,
    )
    .get(
      input.state,
      input.error ?? null,
      input.provider ?? null,
      input.model ?? null,
      input.usage === undefined ? null : JSON.stringify(input.usage),
      input.at,
      input.runId,
    )
  return row && toRun(row)
}

export function getRun(connection: Connection, runId: string): Run | undefined {
  return one(connection, `SELECT ${runColumns} FROM runs WHERE id = ?`, runId)
}

export function activeRun(connection: Connection, sessionId: string): Run | undefined {
  return (
    one(
      connection,
      `SELECT ${runColumns} FROM runs WHERE session_id = ? AND finished_at IS NULL AND state = 'running'
       ORDER BY epoch, message_seq LIMIT 1`,
      sessionId,
    ) ?? nextQueuedRun(connection, sessionId)
  )
}

export function nextQueuedRun(connection: Connection, sessionId: string): Run | undefined {
  return one(
    connection,
    `SELECT ${runColumns} FROM runs WHERE session_id = ? AND finished_at IS NULL AND state = 'queued'
     ORDER BY epoch, message_seq LIMIT 1`,
    sessionId,
  )
}

/** Those of one session, in the order in which they were asked for. */
export function unfinishedRunsOf(connection: Connection, sessionId: string): Run[] {
  return connection
    .prepared<RunRow>(
      `SELECT ${runColumns} FROM runs WHERE session_id = ? AND finished_at IS NULL ORDER BY epoch, message_seq`,
    )
    .all(sessionId)
    .map(toRun)
}

export function unfinishedRuns(connection: Connection): Run[] {
  return connection
    .prepared<RunRow>(`SELECT ${runColumns} FROM runs WHERE finished_at IS NULL ORDER BY created_at, rowid`)
    .all()
    .map(toRun)
}

export function listRuns(
  connection: Connection,
  { sessionId, epoch, before = beyondAll, limit }: Parameters<Queries['listRuns']>[0],
): Run[] {
  return connection
    .prepared<RunRow>(
      `SELECT ${runColumns} FROM runs WHERE session_id = ? AND epoch = ? AND message_seq < ?
       ORDER BY message_seq DESC LIMIT ?`,
    )
    .all(sessionId, epoch, before, limit)
    .map(toRun)
}

export function listFailedRuns(
  connection: Connection,
  { since, limit }: Parameters<Queries['listFailedRuns']>[0],
): Run[] {
  return connection
    .prepared<RunRow>(
      `SELECT ${runColumns} FROM runs WHERE rowid > (SELECT max(rowid) FROM runs) - ? AND state = 'failed' AND finished_at >= ?
       ORDER BY rowid DESC LIMIT ?`,
    )
    .all(newestLookedAt, since, limit)
    .map(toRun)
}

function one(connection: Connection, sql: string, id: string): Run | undefined {
  const row = connection.prepared<RunRow>(sql).get(id)
  return row && toRun(row)
}
