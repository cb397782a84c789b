import { createHash } from 'node:crypto'
import { constants, existsSync, readdirSync, rmSync } from 'node:fs'
import { copyFile, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { OldFileError, type Piece, type Source } from '../legacy/source.ts'

/** The `talon.db` of v0.4.0, in a copy of our own: SQLite makes files beside a database that it only reads, too. */
export interface LegacyDatabase {
  /** Ids of all sessions, and of messages whose session is gone. */
  sessionIds(): Promise<string[]>
  session(id: string): Source
  close(): void
}

// Between two steps others come; each is a few milliseconds.
const rowsPerStep = 256
const charsPerStep = 512 * 1024
const placesPerStep = 1_024
const scratchPrefix = 'import-'
// Columns whose text is JSON.
const jsonColumns = new Set(['config', 'token_usage', 'tool_calls', 'tool_results', 'metadata', 'legacy'])
// Columns that stand inside of `metadata` in a session file.
const metadataColumns: ReadonlySet<string> = new Set(['created_at', 'last_active_at', 'message_count', 'model'])

/**
 * Copies and opens an old database.
 * @throws OldFileError if it is none.
 */
export async function openLegacyDatabase(options: {
  folder: string
  name: string
  modifiedAt: number
  scratch: string
}): Promise<LegacyDatabase> {
  const scratch = await mkdtemp(join(options.scratch, scratchPrefix))
  const close = () => rmSync(scratch, { recursive: true, force: true })
  try {
    const database = await openCopy(join(options.folder, options.name), join(scratch, 'old'))
    const about = { ...options, tables: tablesOf(database) }
    return {
      sessionIds: () => sessionIds(database, about.tables),
      session: id => sessionSource(database, about, id),
      close() {
        database.close()
        close()
      },
    }
  } catch (thrown) {
    close()
    throw thrown
  }
}

/** Removes what a process that was killed left behind. */
export function removeCopies(scratch: string): void {
  for (const name of existsSync(scratch) ? readdirSync(scratch) : []) {
    if (name.startsWith(scratchPrefix)) rmSync(join(scratch, name), { recursive: true, force: true })
  }
}

/** Columns by table, of the tables that are there. */
type Tables = ReadonlyMap<string, ReadonlySet<string>>

type Row = Record<string, unknown>

async function openCopy(from: string, to: string): Promise<Database.Database> {
  await copyFile(from, to, constants.COPYFILE_FICLONE)
  // What a process that died had not folded into the database yet.
  if (existsSync(`${from}-wal`)) await copyFile(`${from}-wal`, `${to}-wal`, constants.COPYFILE_FICLONE)
  const database = new Database(to)
  try {
    database.pragma('trusted_schema = OFF')
    database.pragma('schema_version')
    return database
  } catch (thrown) {
    database.close()
    throw new OldFileError(`The database cannot be read: ${reason(thrown)}.`)
  }
}

function tablesOf(database: Database.Database): Tables {
  const tables = new Map<string, ReadonlySet<string>>()
  for (const table of ['sessions', 'messages', 'metadata']) {
    const columns = database.pragma(`table_info(${table})`) as { name: string }[] // As SQLite documents it.
    if (columns.length > 0) tables.set(table, new Set(columns.map(({ name }) => name)))
  }
  if (tables.get('sessions')?.has('id') || tables.get('messages')?.has('session_id')) return tables
  database.close()
  throw new OldFileError('The database holds no sessions of Talon.')
}

/** One by one, because a list of all at once takes as long as there are messages. */
async function sessionIds(database: Database.Database, tables: Tables): Promise<string[]> {
  const ids = new Set<string>()
  for (const [table, column] of [
    ['sessions', 'id'],
    ['messages', 'session_id'],
  ] as const) {
    if (!tables.get(table)?.has(column)) continue
    const first = database.prepare<[], { id: unknown }>(`SELECT min(${column}) AS id FROM ${table}`)
    const next = database.prepare<[unknown], { id: unknown }>(
      `SELECT min(${column}) AS id FROM ${table} WHERE ${column} > ?`,
    )
    for (let row = first.get(); row && row.id !== null; row = next.get(row.id)) {
      ids.add(String(row.id))
      await setImmediate()
    }
  }
  return [...ids].toSorted()
}

function sessionSource(
  database: Database.Database,
  about: { name: string; modifiedAt: number; tables: Tables },
  id: string,
): Source {
  const pieces = () => readPieces(database, about.tables, id)
  let read: Promise<{ sizeBytes: number; sha256: string }> | undefined
  const measure = () => {
    read ??= measured(pieces())
    return read
  }
  return {
    name: `${about.name}#${id}`,
    sessionId: id,
    sizeBytes: async () => (await measure()).sizeBytes,
    modifiedAt: about.modifiedAt,
    sha256: async () => (await measure()).sha256,
    read: pieces,
  }
}

async function measured(pieces: AsyncIterable<readonly Piece[]>): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const step of pieces) {
    for (const piece of step) {
      const text = piece.kind === 'message' ? piece.text : JSON.stringify(piece)
      sizeBytes += text.length
      hash.update(`${text}\n`)
    }
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

/** A session in the shape of a session file: so both are read by the same rules. */
async function* readPieces(
  database: Database.Database,
  tables: Tables,
  id: string,
): AsyncGenerator<readonly Piece[], void> {
  const isThere = tables.get('sessions')?.has('id') === true
  const row = isThere ? database.prepare<[string], Row>('SELECT * FROM sessions WHERE id = ?').get(id) : undefined
  if (row) yield members(row)
  else yield [{ kind: 'lost', warning: 'The session itself is gone from the database; its messages are there.' }]
  const kept = sessionMetadata(database, tables, id)
  if (kept.length > 0) yield [{ kind: 'member', key: 'metadataRows', value: kept }]
  yield* messages(database, tables, id)
}

function members(row: Row): Piece[] {
  const pieces: Piece[] = []
  const metadata: Row = {}
  for (const [column, value] of Object.entries(row)) {
    if (value === null) continue
    if (metadataColumns.has(column)) metadata[camelCase(column)] = plain(column, value)
    else pieces.push({ kind: 'member', key: camelCase(column), value: plain(column, value) })
  }
  return [...pieces, { kind: 'member', key: 'metadata', value: metadata }]
}

async function* messages(
  database: Database.Database,
  tables: Tables,
  id: string,
): AsyncGenerator<readonly Piece[], void> {
  const columns = tables.get('messages')
  if (!columns?.has('session_id')) return
  let step: Piece[] = []
  let chars = 0
  try {
    await findPlaces(database, id, columns.has('timestamp') ? 'timestamp' : 'NULL')
    const rows = database
      .prepare<[], Row>(
        'SELECT messages.* FROM places CROSS JOIN messages ON messages.rowid = place ORDER BY time, place',
      )
      .iterate()
    for (const row of rows) {
      const piece = message(row)
      step.push(piece)
      chars += piece.text.length
      if (step.length < rowsPerStep && chars < charsPerStep) continue
      yield step
      step = []
      chars = 0
      await setImmediate()
    }
  } catch (thrown) {
    const warning = `The database is damaged here, and the messages that follow were left out: ${reason(thrown)}.`
    step.push({ kind: 'lost message', warning, cut: true })
  }
  yield step
}

/**
 * Notes in a table of our own in which order the messages of a session come. SQLite would sort a session of any length in
 * one go, and nobody else would be served meanwhile.
 */
async function findPlaces(database: Database.Database, id: string, time: string): Promise<void> {
  database.exec('DROP TABLE IF EXISTS temp.places; CREATE TEMP TABLE places (time, place)')
  database.exec('CREATE INDEX temp.by_time ON places (time, place)')
  const add = database.prepare(
    `INSERT INTO temp.places SELECT ${time}, rowid FROM messages WHERE session_id = ? AND rowid > ? ORDER BY rowid LIMIT ?`,
  )
  const newest = database.prepare<[], { place: number }>('SELECT max(rowid), place FROM temp.places')
  let after = Number.MIN_SAFE_INTEGER
  for (let added = placesPerStep; added === placesPerStep; await setImmediate()) {
    added = add.run(id, after, placesPerStep).changes
    after = newest.get()?.place ?? after
  }
}

function message({ session_id: _sessionId, ...row }: Row): Piece & { kind: 'message' } {
  const value: Row = {}
  for (const [column, stored] of Object.entries(row)) {
    if (stored !== null) value[camelCase(column)] = plain(column, stored)
  }
  return { kind: 'message', value, text: JSON.stringify(value) }
}

/** Rows of `metadata` that belong to a session; the others are of the old program itself. */
function sessionMetadata(database: Database.Database, tables: Tables, id: string): Row[] {
  if (!tables.get('metadata')?.has('session_id')) return []
  return database.prepare<[string], Row>('SELECT * FROM metadata WHERE session_id = ? LIMIT 1000').all(id)
}

/** A value as JSON has it. */
function plain(column: string, value: unknown): unknown {
  if (Buffer.isBuffer(value)) return { base64: value.toString('base64') }
  if (typeof value !== 'string' || !jsonColumns.has(column)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function camelCase(column: string): string {
  return column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function reason(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
