import { once } from 'node:events'
import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { readCommitRecord } from './commit-number.ts'
import { isDamage } from './errors.ts'
import { type Connection, openReader } from './open.ts'
import { askAll, pageFaults } from './quick-check.ts'

/** Why a database cannot be used as it is. */
export interface Fault {
  /** Damaged: what it holds must come from a backup. Closed: it is well perhaps, but may not be written. */
  kind: 'damaged' | 'closed'
  /** Ends a sentence that begins with the file's name: "is empty". */
  reason: string
}

/** What the check of a thread comes to. */
export type Verdict = { fault: Fault | undefined }

const magic = 'SQLite format 3\0'
// A check reads the whole file, 1.3 ms per MB where it lies in memory: beyond this a start would wait for seconds.
const maxCheckedBytes = 512 * 1024 * 1024
// A smaller one is checked sooner than a thread starts.
const maxBytesHere = 8 * 1024 * 1024
// A file of ours runs as it is written or as it was built.
const entry = import.meta.url.endsWith('.ts') ? './check-worker.ts' : './check-worker.js'

/**
 * Looks whether a database can be used, before anything is written to it; it changes nothing. A page whose text was
 * changed has no checksum to tell it: what is found is damage to the structure, and files over 512 MB are not read.
 */
export async function findFault(file: string): Promise<Fault | undefined> {
  const bytes = sizeOf(file)
  const logBytes = sizeOf(`${file}-wal`)
  if (bytes === undefined) {
    return logBytes ? damaged(`is missing, though its log ${file}-wal is there`) : lostContent(file, 'is missing')
  }
  const closed = findClosed(file)
  if (closed) return closed
  if (bytes === 0) return findEmptied(file, logBytes ?? 0)
  // The newest first page may lie in the log; then SQLite says what it thinks of both.
  if (!logBytes && readStart(file) !== magic)
    return damaged('is no SQLite database: its first bytes are something else')
  const allBytes = bytes + (logBytes ?? 0)
  if (allBytes > maxCheckedBytes) return undefined
  return allBytes <= maxBytesHere ? checkPages(file) : await checkInThread(file)
}

/** Reads every page, in the thread that asks. */
export function checkPages(file: string): Fault | undefined {
  const hadLog = sizeOf(`${file}-wal`) !== undefined
  let connection: Connection | undefined
  try {
    connection = openReader(file)
    const [fault] = pageFaults(askAll(connection.database), 1)
    return fault === undefined ? undefined : damaged(`is damaged: ${fault.replaceAll('\n', ' ')}`)
  } catch (thrown) {
    return faultOf(thrown)
  } finally {
    connection?.close()
    if (!hadLog) removeEmptyLog(file)
  }
}

async function checkInThread(file: string): Promise<Fault | undefined> {
  const worker = new Worker(new URL(entry, import.meta.url), {
    name: 'check',
    workerData: { file },
    // It needs nothing of the environment, so it holds no secret of it.
    env: {},
    // Flags of the process may not suit a thread: --input-type would end it at once.
    execArgv: [],
  })
  // `once` rejects if the thread ends by an error.
  const [{ fault }] = (await once(worker, 'message')) as [Verdict] // Sent by check-worker.ts.
  return fault
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size
}

function findClosed(file: string): Fault | undefined {
  if (!statSync(file).isFile()) return { kind: 'closed', reason: 'is no file' }
  try {
    closeSync(openSync(file, 'r+'))
    return undefined
  } catch (thrown) {
    return { kind: 'closed', reason: `cannot be written: ${reasonOf(thrown)}` }
  }
}

function findEmptied(file: string, logBytes: number): Fault | undefined {
  return logBytes > 0 ? damaged(`is empty, though its log ${file}-wal is not`) : lostContent(file, 'is empty')
}

/** A start that was killed at the right moment leaves an empty file; one that held something was emptied since. */
function lostContent(file: string, what: string): Fault | undefined {
  const stored = readCommitRecord(dirname(file))?.newest ?? 0
  return stored > 0 ? damaged(`${what}, though ${stored} commits were stored in it`) : undefined
}

function readStart(file: string): string {
  const descriptor = openSync(file, 'r')
  try {
    const start = Buffer.alloc(magic.length)
    readSync(descriptor, start)
    return start.toString('latin1')
  } finally {
    closeSync(descriptor)
  }
}

function faultOf(thrown: unknown): Fault {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  if (isDamage(code)) return damaged(`is damaged: ${reasonOf(thrown)}`)
  return { kind: 'closed', reason: `cannot be read: ${reasonOf(thrown)}` }
}

function damaged(reason: string): Fault {
  return { kind: 'damaged', reason }
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** A reader makes an empty log with an index where there is none, and cannot remove them. */
function removeEmptyLog(file: string): void {
  if (sizeOf(`${file}-wal`) === 0) for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
}
