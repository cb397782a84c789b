import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { TalonError } from '../../protocol/errors.ts'
import type { Change, Commands, Queries, Store } from '../store.ts'
import { UnusableDatabaseError } from '../unusable-error.ts'
import { defaultMaxPages } from './checkpoint.ts'
import { countCommits, findLoss } from './commit-number.ts'
import { createEndedRuns, type EndedRunRecorder } from './ended-runs.ts'
import { unavailableError } from './errors.ts'
import { createHeavyQueries, heavyQueriesHere } from './heavy-reads.ts'
import { importCommands } from './import-orders.ts'
import { migrate, pendingMigrations } from './migrate.ts'
import { type Connection, openReader, openWriter, prepareFile } from './open.ts'
import { createQueries } from './queries.ts'
import { createWriteQueue, type WriteQueue } from './queue.ts'
import { createReaderPool, type ReaderPool } from './reader-pool.ts'
import { searchCaughtUp } from './search-caught-up.ts'
import { startNotices } from './start-notices.ts'
import { type StorageNotice, watchStorage } from './storage-watch.ts'
import { ensureUsable, repairs } from './usable.ts'

export type SqliteStore = Store

export interface SqliteOptions {
  /** The database; made with its folder if there is none. */
  file: string
  /** The data folder, for backups; the database's own folder if absent. */
  home?: string | undefined
  migrationsDir: string
  /** Dates migrations and backups. */
  now?: (() => number) | undefined
  maxWaiting?: number | undefined
  maxWaitingChars?: number | undefined
  /** Threads for heavy reads; one less than there are cores if absent, 1 or 2. */
  readers?: number | undefined
  maxWaitingReads?: number | undefined
  readTimeoutMs?: number | undefined
  /** Less free space than this is kept for what ends or removes something; see `margin.ts`. */
  minFreeBytes?: number | undefined
  /** Moves a damaged database aside and begins with an empty one. */
  setAside?: boolean | undefined
  /** Pages in the log at which it is folded into the database; 4,000 if absent. */
  checkpointPages?: number | undefined
  /** Hears of what a log should say of the storage. */
  onNotice?: ((notice: StorageNotice) => void) | undefined
  /** Hears of what no caller waits for: the writer died, a listener of commits threw. */
  onError?: ((error: unknown) => void) | undefined
}

// At 20,000 commands a second the last of them waits half a second.
const defaultMaxWaiting = 10_000
// 64 messages of the greatest length that a frame can carry.
const defaultMaxWaitingChars = 64 * 1024 * 1024
// Each waits for a whole scan: the last of a hundred would wait longer than anybody does.
const defaultMaxWaitingReads = 100
const defaultReadTimeoutMs = 10_000
const pageBytes = 4_096
const foldShare = 4

/**
 * Opens a database for good: brings it to the newest schema, starts the thread that writes. The caller holds the lock of
 * the data folder.
 * @throws TalonError `STORAGE_UNAVAILABLE` with a sentence that says what to do.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<SqliteStore> {
  const { file, home = dirname(file), now = Date.now, onNotice = () => undefined } = options
  const { setAside } = await ensureUsable({ file, home, now: now(), setAside: options.setAside ?? false })
  const reader = await openMigrated(options)
  const notices = startNotices({ file, setAside, loss: findLoss(dirname(file), countCommits(reader), now()) })
  for (const message of notices) onNotice({ level: 'warn', message })
  const watch = watchStorage({
    file,
    minFreeBytes: options.minFreeBytes ?? 0,
    notices,
    repairs: () => repairs(home),
    oldestReadMs: () => readers.stats().oldestMs,
    cutLog: () => queue.cutLog(),
    onSpace: low => queue.noteSpace(low),
    onNotice,
  })
  const listeners: ((changes: Change[]) => void)[] = []
  const onError = options.onError ?? (() => undefined)
  const queue = createWriteQueue({
    file: options.file,
    maxWaiting: options.maxWaiting ?? defaultMaxWaiting,
    maxWaitingChars: options.maxWaitingChars ?? defaultMaxWaitingChars,
    checkpointPages: options.checkpointPages ?? checkpointPages(options.minFreeBytes),
    onError,
    refusal: watch.refusal,
    onRefused: watch.noteError,
    onCommit(changes) {
      watch.noteCommit()
      if (changes.length > 0) for (const listener of listeners) tell(listener, changes, onError)
    },
  })
  const endedRuns = createEndedRuns(queue.submit)
  const queries = createQueries(reader, watch.noteError)
  const readers = createReaderPool({
    file: options.file,
    size: options.readers ?? Math.max(1, Math.min(2, availableParallelism() - 1)),
    maxWaiting: options.maxWaitingReads ?? defaultMaxWaitingReads,
    timeoutMs: options.readTimeoutMs ?? defaultReadTimeoutMs,
    onError,
  })
  await watch.look()
  const heavy = createHeavyQueries(noted(readers.run, watch.noteError))
  return {
    ...queries,
    ...heavy,
    search: searchCaughtUp(heavy.search, reader, queue),
    ...createCommands(queue, endedRuns),
    onCommit(listener) {
      listeners.push(listener)
    },
    stats: () => ({ writer: queue.stats(), readers: readers.stats() }),
    health: watch.health,
    async close() {
      watch.close()
      endedRuns.flush()
      await Promise.all([queue.close(), readers.close()])
      reader.close()
    },
  }
}

/**
 * Opens a database only to read it, beside a gateway that runs or without one.
 * @throws TalonError `STORAGE_UNAVAILABLE` if its schema is not this program's.
 */
export function openSqliteReadOnly(options: { file: string; migrationsDir: string }): Queries & { close(): void } {
  const connection = open(options.file, openReader)
  const [first] = pendingMigrations(connection, options.migrationsDir)
  if (first) {
    connection.close()
    throw unavailableError(
      `The database ${options.file} is older than this program: start the gateway once to upgrade it.`,
    )
  }
  return { ...createQueries(connection), ...heavyQueriesHere(connection), close: () => connection.close() }
}

/** Migrates on a connection of its own, which ends once the reader stands, so that the log file is not folded in between. */
async function openMigrated(options: SqliteOptions): Promise<Connection> {
  const { file, home = dirname(file), migrationsDir, now = Date.now } = options
  const connection = open(file, path => {
    prepareFile(path)
    return openWriter(path)
  })
  try {
    const say = (message: string) => options.onNotice?.({ level: 'info', message })
    await migrate(connection, { migrationsDir, backupsDir: join(home, 'backups'), now: now(), say })
    const reader = openReader(file)
    reader.database.pragma('schema_version')
    return reader
  } catch (thrown) {
    throw unusable(file, thrown)
  } finally {
    connection.close()
  }
}

function open(file: string, opener: (file: string) => Connection): Connection {
  try {
    return opener(file)
  } catch (thrown) {
    throw unusable(file, thrown)
  }
}

function unusable(file: string, thrown: unknown): TalonError {
  if (thrown instanceof TalonError) return thrown
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new UnusableDatabaseError(`The database ${file} cannot be used: ${reason}.`, thrown)
}

/** A log that is folded takes its space twice: it must be small beside what is kept free for that. */
function checkpointPages(minFreeBytes = 0): number | undefined {
  const pages = Math.floor(minFreeBytes / foldShare / pageBytes)
  return pages > 0 ? Math.min(pages, defaultMaxPages) : undefined
}

/** Lets somebody else hear of a read's error as well. */
function noted(run: ReaderPool['run'], hear: (error: unknown) => void): ReaderPool['run'] {
  return (name, input, options) => {
    const answer = run(name, input, options)
    answer.catch(hear)
    return answer
  }
}

function tell(listener: (changes: Change[]) => void, changes: Change[], onError: (error: unknown) => void): void {
  try {
    listener(changes)
  } catch (thrown) {
    // What is committed stays committed: whoever waits for it must hear so.
    onError(thrown)
  }
}

function createCommands(queue: WriteQueue, endedRuns: EndedRunRecorder): Commands {
  const { submit } = queue
  return {
    createSession: input => submit('createSession', input),
    updateSession: input => submit('updateSession', input),
    resetSession: input => submit('resetSession', input),
    deleteSession: input => submit('deleteSession', input),
    restoreSession: input => submit('restoreSession', input),
    forkSession: input => submit('forkSession', input),
    retireSession: input => submit('retireSession', input),
    eraseDeleted: input => eraseDeleted(queue, input),
    saveMemorySummary: input => submit('saveMemorySummary', input),
    sendMessage: input => submit('sendMessage', input),
    startRun: input => submit('startRun', input),
    savePartialText: input => submit('savePartialText', input),
    appendToolCalls: input => submit('appendToolCalls', input),
    appendToolResult: input => submit('appendToolResult', input),
    finishRun: input => submit('finishRun', input),
    reserveCall: input => submit('reserveCall', input),
    settleCalls: input => submit('settleCalls', input),
    settleLeftOver: input => submit('settleLeftOver', input),
    reopenDay: input => submit('reopenDay', input),
    beginInvocation: input => submit('beginInvocation', input),
    finishInvocation: input => submit('finishInvocation', input),
    interruptInvocations: input => submit('interruptInvocations', input),
    recordRefusal: input => submit('recordRefusal', input),
    recordEnded: endedRuns.record,
    addAttachment: input => submit('addAttachment', input),
    pruneAttachments: input => submit('pruneAttachments', input),
    addGrant: input => submit('addGrant', input),
    revokeGrant: input => submit('revokeGrant', input),
    appendMemory: input => submit('appendMemory', input),
    mergeFacts: input => submit('mergeFacts', input),
    savePersona: input => submit('savePersona', input),
    saveNote: input => submit('saveNote', input),
    addTask: input => submit('addTask', input),
    completeTask: input => submit('completeTask', input),
    forget: input => submit('forget', input),
    taintRun: input => submit('taintRun', input),
    beginDelegation: input => submit('beginDelegation', input),
    addSchedule: input => submit('addSchedule', input),
    removeSchedule: input => submit('removeSchedule', input),
    pauseSchedule: input => submit('pauseSchedule', input),
    fireSchedule: input => submit('fireSchedule', input),
    passSchedule: input => submit('passSchedule', input),
    createToken: input => submit('createToken', input),
    putToken: input => submit('putToken', input),
    revokeToken: input => submit('revokeToken', input),
    touchTokens: input => submit('touchTokens', input),
    createWebSession: input => submit('createWebSession', input),
    deleteWebSession: input => submit('deleteWebSession', input),
    recordAudit: input => submit('recordAudit', input),
    ...importCommands(queue, before => eraseDeleted(queue, { before })),
    prune: input => prune(queue, input),
    keepReply: input => submit('keepReply', input),
    probe: input => submit('probe', input),
  }
}

async function prune(queue: WriteQueue, input: Parameters<Commands['prune']>[0]): Promise<void> {
  let more = true
  while (more) ({ more } = await queue.submit('pruneStep', input))
}

async function eraseDeleted(
  queue: WriteQueue,
  input: Parameters<Commands['eraseDeleted']>[0],
): Promise<{ erased: number }> {
  let erased = 0
  for (let more = true; more; ) {
    const step = await queue.submit('eraseStep', input)
    erased += step.erased
    more = step.more
  }
  return { erased }
}
