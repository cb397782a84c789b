import { once } from 'node:events'
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { listBackups } from './backup-files.ts'
import { type CommitRecord, readCommitRecord } from './commit-number.ts'
import { pendingAfter } from './migrate.ts'
import { openPeek, type Peek } from './peek.ts'
import { pageFaults } from './quick-check.ts'
import { appliedIn } from './schema.ts'

export interface InspectionInput {
  file: string
  migrationsDir: string
  /** Whether a process holds the data folder. */
  live: boolean
  /** Reads every page, however many there are. */
  full: boolean
  /** False leaves the pages alone, for who asks for something else. */
  pages?: boolean | undefined
}

/** What a look at a database found; nothing in it or beside it was changed. */
export interface Inspection {
  /** Undefined if there is no file. */
  bytes: number | undefined
  logBytes: number
  /** Why nothing more could be found out; `damaged` where only a backup helps. */
  fault: { damaged: boolean; reason: string } | undefined
  /** The schema is older than the program where something is pending, and does not fit where there is a problem. */
  schema: { applied: string[]; pending: string[]; problem: string | undefined } | undefined
  /** What is wrong with its pages, the first few things; undefined if they were not read. */
  pageFaults: string[] | undefined
  /** Rows that refer to nothing; undefined if nobody looked. */
  orphans: number | undefined
  counts: { sessions: number; messages: number } | undefined
  /** Commits that were acknowledged and are not there. */
  missingCommits: number
  /** The last loss that a start found. */
  loss: CommitRecord['loss']
  /** Path of the newest backup, if commits are missing and it holds more of them than the database. */
  newerBackup: string | undefined
  /** What was read of old files of the data folder, oldest first; undefined if that cannot be found out. */
  imported: ImportedFile[] | undefined
  /** Tokens that were not revoked, the oldest first, without anything of their secret; undefined if that cannot be found out. */
  tokens: TokenFacts[] | undefined
  /** Unix ms at which a session was active last. */
  newestAt: number | undefined
}

export interface TokenFacts {
  id: string
  name: string
  scopes: string[]
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
}

export interface ImportedFile {
  /** As the table has it: a session of an old database has its id behind a number sign. */
  source: string
  /** Null if nothing of it is a session of its own. */
  sessionId: string | null
  /** The first of its warnings, or why it failed. */
  warning: string | null
}

// A check takes 1.3 ms per MB where the file lies in memory, and more where it comes from a slow disk.
export const maxCheckedBytes = 1024 * 1024 * 1024
const maxFaults = 5
// A person makes them; a program that made more of them made a mistake that the first ones show.
const maxTokens = 1_000
const magic = 'SQLite format 3\0'
const headerBytes = 100
// A file of ours runs as it is written or as it was built.
const entry = import.meta.url.endsWith('.ts') ? './inspect-worker.ts' : './inspect-worker.js'

/** Looks at a database, in a thread of its own, because a check reads all of it. */
export async function inspectInThread(input: InspectionInput): Promise<Inspection> {
  // Where there is none, all is found out at once.
  if (!existsSync(input.file)) return inspect(input)
  const worker = new Worker(new URL(entry, import.meta.url), {
    name: 'inspect',
    workerData: input,
    // It needs nothing of the environment, so it holds no secret of it.
    env: {},
    // Flags of the process may not suit a thread: --input-type would end it at once.
    execArgv: [],
  })
  // `once` rejects if the thread ends by an error.
  const [inspection] = (await once(worker, 'message')) as [Inspection] // Sent by inspect-worker.ts.
  return inspection
}

/** The same in the thread that asks. It never throws: what stands in the way is what it found. */
export function inspect(input: InspectionInput): Inspection {
  const { file, live, full, pages = true } = input
  const found: Inspection = {
    bytes: sizeOf(file),
    logBytes: sizeOf(`${file}-wal`) ?? 0,
    fault: undefined,
    schema: undefined,
    pageFaults: undefined,
    orphans: undefined,
    counts: undefined,
    missingCommits: 0,
    loss: undefined,
    newerBackup: undefined,
    imported: [],
    tokens: [],
    newestAt: undefined,
  }
  // Read before the database, which goes on counting while a gateway runs.
  const record = readCommitRecord(dirname(file))
  found.loss = record?.loss
  // A file that this process has open must not be opened and closed beside SQLite: that would end SQLite's locks.
  found.fault = attempt(() => (live ? undefined : findFault(file, found, record))) ?? undefined
  if (found.fault || !found.bytes) return found
  try {
    const peek = openPeek(file, { live })
    try {
      lookInto(peek, found, input, record)
      if (pages && (full || found.bytes + found.logBytes <= maxCheckedBytes)) checkAll(peek, found)
    } finally {
      peek.close()
    }
  } catch (thrown) {
    found.fault = faultOf(thrown)
  }
  return found
}

function lookInto(
  peek: Peek,
  found: Inspection,
  { file, migrationsDir }: InspectionInput,
  record: CommitRecord | undefined,
): void {
  const folder = dirname(file)
  const applied = appliedIn(peek)
  found.schema = { applied: applied.map(({ name }) => name), pending: [], problem: undefined }
  try {
    found.schema.pending = pendingAfter(applied, migrationsDir).map(({ name }) => name)
  } catch (thrown) {
    found.schema.problem = reasonOf(thrown)
  }
  // Each of these came with a migration of its own, which an older database lacks.
  found.counts = attempt(
    () => peek.all<{ sessions: number; messages: number }>('SELECT sessions, messages FROM counts')[0],
  )
  const commits = attempt(() => peek.all<{ commits: number }>('SELECT commits FROM counts')[0]?.commits)
  if (commits !== undefined) found.missingCommits = Math.max(0, (record?.newest ?? 0) - commits)
  if (found.missingCommits > 0) found.newerBackup = attempt(() => newerBackup(folder, commits ?? 0))
  found.imported = attempt(() => importedIn(peek))
  found.tokens = attempt(() => tokensIn(peek))
  found.newestAt = attempt(
    () => peek.all<{ at: number | null }>('SELECT max(last_active_at) AS at FROM sessions')[0]?.at ?? undefined,
  )
}

function tokensIn(peek: Peek): TokenFacts[] {
  const rows = peek.all<Omit<TokenFacts, 'scopes'> & { scopes: string }>(
    `SELECT id, name, scopes, created_at AS createdAt, expires_at AS expiresAt, last_used_at AS lastUsedAt
     FROM tokens WHERE revoked_at IS NULL ORDER BY created_at, id LIMIT ${maxTokens}`,
  )
  // Written by tokens.ts from a list of scopes.
  return rows.map(row => ({ ...row, scopes: JSON.parse(row.scopes) as string[] }))
}

function importedIn(peek: Peek): ImportedFile[] {
  if (peek.all("SELECT 1 FROM sqlite_schema WHERE name = 'imports'").length === 0) return []
  return peek.all<ImportedFile>(
    `SELECT source, session_id AS sessionId, json_extract(warnings, '$[0]') AS warning
     FROM imports WHERE folder = '' ORDER BY id`,
  )
}

/** The newest backup, if it goes on where the database ends: both count the same commits. */
function newerBackup(folder: string, commits: number): string | undefined {
  const [newest] = listBackups(join(folder, 'backups'))
  if (!newest) return undefined
  const path = join(folder, 'backups', newest.name)
  const peek = openPeek(path, { live: false })
  try {
    const [row] = peek.all<{ commits: number }>('SELECT commits FROM counts')
    return (row?.commits ?? 0) > commits ? path : undefined
  } finally {
    peek.close()
  }
}

function checkAll(peek: Peek, found: Inspection): void {
  try {
    found.pageFaults = pageFaults(sql => peek.all(sql), maxFaults)
    found.orphans = peek.all<{ count: number }>('SELECT count(*) AS count FROM pragma_foreign_key_check')[0]?.count
  } catch (thrown) {
    found.pageFaults ??= [reasonOf(thrown)]
  }
}

/** What the file itself tells, before SQLite is asked. */
function findFault(file: string, found: Inspection, record: CommitRecord | undefined): Inspection['fault'] {
  const { bytes, logBytes } = found
  const stored = record?.newest ?? 0
  if (bytes === undefined) {
    if (logBytes > 0) return { damaged: true, reason: 'It is missing, though its log is there.' }
    return stored > 0
      ? { damaged: true, reason: `It is missing, though ${stored} commits were stored in it.` }
      : undefined
  }
  if (!statSync(file).isFile()) return { damaged: false, reason: 'It is no file.' }
  if (bytes === 0) {
    if (logBytes > 0) return { damaged: true, reason: 'It is empty, though its log is not.' }
    return stored > 0
      ? { damaged: true, reason: `It is empty, though ${stored} commits were stored in it.` }
      : undefined
  }
  const header = readHeader(file)
  // The newest pages, the first among them, may lie in the log.
  if (logBytes > 0) return undefined
  if (header.toString('latin1', 0, magic.length) !== magic) {
    return { damaged: true, reason: 'It is no SQLite database: its first bytes are something else.' }
  }
  const whole = pagesIn(header) * pageSizeIn(header)
  if (whole <= bytes) return undefined
  return { damaged: true, reason: `It is cut off: ${bytes} of ${whole} bytes are there.` }
}

function readHeader(file: string): Buffer {
  const header = Buffer.alloc(headerBytes)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, header)
    return header
  } finally {
    closeSync(descriptor)
  }
}

// Offsets of https://www.sqlite.org/fileformat2.html#the_database_header
function pageSizeIn(header: Buffer): number {
  const size = header.readUInt16BE(16)
  return size === 1 ? 65_536 : size
}

/** The number of pages in the header counts only if the file was last changed by a program that keeps it. */
function pagesIn(header: Buffer): number {
  return header.readUInt32BE(24) === header.readUInt32BE(92) ? header.readUInt32BE(28) : 0
}

function faultOf(thrown: unknown): NonNullable<Inspection['fault']> {
  const reason = reasonOf(thrown)
  return { damaged: /malformed|not a database/.test(reason), reason: `It cannot be opened: ${reason}.` }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function sizeOf(file: string): number | undefined {
  return attempt(() => statSync(file, { throwIfNoEntry: false })?.size)
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
