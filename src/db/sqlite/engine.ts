import { dirname, join } from 'node:path'
import { TalonError } from '../../protocol/errors.ts'
import type { Change, Commands, Queries, Store } from '../store.ts'
import { unavailableError } from './errors.ts'
import { migrate, pendingMigrations } from './migrate.ts'
import { type Connection, openReader, openWriter, prepareFile } from './open.ts'
import { createQueries } from './queries.ts'
import { createWriteQueue, type WriteQueue, type WriterStats } from './queue.ts'

export interface SqliteStore extends Store {
  stats(): WriterStats
}

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
  /** Hears of what no caller waits for: the writer died, a listener of commits threw. */
  onError?: ((error: unknown) => void) | undefined
}

// At 20,000 commands a second the last of them waits half a second.
const defaultMaxWaiting = 10_000
// 64 messages of the greatest length that a frame can carry.
const defaultMaxWaitingChars = 64 * 1024 * 1024

/**
 * Opens a database for good: brings it to the newest schema, starts the thread that writes. The caller holds the lock of
 * the data folder.
 * @throws TalonError `STORAGE_UNAVAILABLE` with a sentence that says what to do.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<SqliteStore> {
  const reader = await openMigrated(options)
  const listeners: ((changes: Change[]) => void)[] = []
  const onError = options.onError ?? (() => undefined)
  const queue = createWriteQueue({
    file: options.file,
    maxWaiting: options.maxWaiting ?? defaultMaxWaiting,
    maxWaitingChars: options.maxWaitingChars ?? defaultMaxWaitingChars,
    onError,
    onCommit(changes) {
      counted = undefined
      if (changes.length > 0) for (const listener of listeners) tell(listener, changes, onError)
    },
  })
  const queries = createQueries(reader)
  // The status is asked for more often than anything changes.
  let counted: ReturnType<Queries['counts']> | undefined
  return {
    ...queries,
    counts() {
      counted ??= queries.counts().catch(error => {
        counted = undefined
        throw error
      })
      return counted
    },
    ...createCommands(queue),
    onCommit(listener) {
      listeners.push(listener)
    },
    stats: () => queue.stats(),
    async close() {
      await queue.close()
      counted = undefined
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
  return { ...createQueries(connection), close: () => connection.close() }
}

/** Migrates on a connection of its own, which ends once the reader stands, so that the log file is not folded in between. */
async function openMigrated(options: SqliteOptions): Promise<Connection> {
  const { file, home = dirname(file), migrationsDir, now = Date.now } = options
  const connection = open(file, path => {
    prepareFile(path)
    return openWriter(path)
  })
  try {
    await migrate(connection, { migrationsDir, backupsDir: join(home, 'backups'), now: now() })
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
  return unavailableError(`The database ${file} cannot be used: ${reason}.`, thrown)
}

function tell(listener: (changes: Change[]) => void, changes: Change[], onError: (error: unknown) => void): void {
  try {
    listener(changes)
  } catch (thrown) {
    // What is committed stays committed: whoever waits for it must hear so.
    onError(thrown)
  }
}

function createCommands(queue: WriteQueue): Commands {
  const { submit } = queue
  return {
    createSession: input => submit('createSession', input),
    updateSession: input => submit('updateSession', input),
    resetSession: input => submit('resetSession', input),
    deleteSession: input => submit('deleteSession', input),
    restoreSession: input => submit('restoreSession', input),
    eraseDeleted: input => eraseDeleted(queue, input),
    saveMemorySummary: input => submit('saveMemorySummary', input),
    sendMessage: input => submit('sendMessage', input),
    startRun: input => submit('startRun', input),
    savePartialText: input => submit('savePartialText', input),
    appendToolCalls: input => submit('appendToolCalls', input),
    appendToolResult: input => submit('appendToolResult', input),
    finishRun: input => submit('finishRun', input),
    beginInvocation: input => submit('beginInvocation', input),
    finishInvocation: input => submit('finishInvocation', input),
    interruptInvocations: input => submit('interruptInvocations', input),
    createToken: input => submit('createToken', input),
    putToken: input => submit('putToken', input),
    revokeToken: input => submit('revokeToken', input),
    touchTokens: input => submit('touchTokens', input),
    createWebSession: input => submit('createWebSession', input),
    deleteWebSession: input => submit('deleteWebSession', input),
    prune: input => prune(queue, input),
    probe: input => submit('probe', input),
  }
}

async function prune(queue: WriteQueue, input: Parameters<Commands['prune']>[0]): Promise<void> {
  let more = true
  while (more) ({ more } = await queue.submit('pruneStep', input))
}

async function eraseDeleted(queue: WriteQueue, input: { before: number }): Promise<{ erased: number }> {
  let erased = 0
  for (let more = true; more; ) {
    const step = await queue.submit('eraseStep', input)
    erased += step.erased
    more = step.more
  }
  return { erased }
}
