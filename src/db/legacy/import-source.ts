import { TalonError } from '../../protocol/errors.ts'
import type { ImportRecord, ImportSource, Queries } from '../store.ts'
import { importSession } from './import-session.ts'
import type { FileReport } from './report.ts'
import type { Sink } from './sink.ts'
import { OldFileError, type Source } from './source.ts'
import type { UnderWay } from './under-way.ts'

/** One import, as its parts are handed it. */
export interface Run {
  /** Where the old files are. */
  root: string
  /** The same as the store remembers it: empty for the data folder itself, which may be moved. */
  folder: string
  sink: Sink
  /** What was imported before; undefined if there is no store yet. */
  queries: Pick<Queries, 'findImports'> | undefined
  newId: () => string
  /** Imports files as new sessions that are not what was imported under their name. */
  changedAsNew: boolean
  /** What is imported at this moment. */
  underWay: UnderWay
  /** Leaves out what could not be read before and is still the same. */
  onlyNew: boolean
  signal: AbortSignal | undefined
  onRead: (messages: number, bytes: number) => void
}

/**
 * Imports a source, or what is new in it. A fault of the source is reported.
 * @throws TalonError of a store that cannot write
 */
export async function importSource(run: Run, source: Source): Promise<FileReport> {
  run.signal?.throwIfAborted()
  let ended: (() => void) | undefined
  try {
    // The store does not know yet what is on its way there.
    ended = await run.underWay.begin(source)
    const before = await lookUp(run, source)
    if (before.known) return known(source.name, before.known)
    const earlier = run.changedAsNew ? undefined : before.earlier
    const report = await importSession({ ...run, source, earlier })
    if (report.outcome !== 'changed') return report
    const error = `The file is not what was imported as session ${earlier?.sessionId}. To import it whole as another session: talon import --changed`
    return { ...report, error }
  } catch (thrown) {
    if (run.signal?.aborted || isOfStorage(thrown)) throw thrown
    const report = failed(source.name, reason(thrown))
    if (thrown instanceof OldFileError) await recordFailure(run, source, report)
    return report
  } finally {
    ended?.()
  }
}

export function known(file: string, record: ImportRecord): FileReport {
  const { sessionId, messagesRead } = record
  return { file, outcome: 'known', sessionId, messagesRead, messagesStored: 0, warnings: [] }
}

export function failed(file: string, error: string): FileReport {
  return { file, outcome: 'failed', sessionId: null, messagesRead: 0, messagesStored: 0, warnings: [], error }
}

/** What is remembered of a source that gave no session of its own. */
export function withoutSession(
  folder: string,
  source: { name: string; sizeBytes: number; modifiedAt: number },
  warnings: string[],
): ImportSource {
  const { name, sizeBytes, modifiedAt } = source
  return { folder, source: name, sizeBytes, modifiedAt, sha256: '', messagesRead: 0, messagesHash: '', warnings }
}

/** What of this source is in the store: all of it, or what it held before it changed. */
async function lookUp(run: Run, source: Source): Promise<{ known?: ImportRecord; earlier?: ImportRecord | undefined }> {
  const { queries, folder, onlyNew } = run
  if (!queries) return {}
  const { name, modifiedAt } = source
  const sizeBytes = await source.sizeBytes()
  const here = await queries.findImports({ folder, source: name })
  const same = here.find(record => record.sizeBytes === sizeBytes && record.modifiedAt === modifiedAt)
  if (same && (same.sessionId !== null || onlyNew)) return { known: same }
  if ((await queries.findImports({ sizeBytes })).length > 0) {
    const alike = await queries.findImports({ sizeBytes, sha256: await source.sha256() })
    const copy = alike.find(record => record.sessionId !== null)
    if (copy) return { known: copy }
  }
  return { earlier: here.find(record => record.sessionId !== null) }
}

/** So that a start does not try in vain what failed at the last one. */
async function recordFailure({ queries, sink, folder }: Run, source: Source, report: FileReport): Promise<void> {
  const { name, modifiedAt } = source
  const records = await queries?.findImports({ folder, source: name })
  if (records?.[0]?.modifiedAt === modifiedAt) return
  const sizeBytes = await source.sizeBytes()
  await sink.record(withoutSession(folder, { name, sizeBytes, modifiedAt }, [report.error ?? '']), null)
}

/** What is no fault of the source, and would fail the next one as well. */
export function isOfStorage(thrown: unknown): thrown is TalonError {
  return thrown instanceof TalonError && (thrown.code === 'STORAGE_UNAVAILABLE' || thrown.code === 'OVERLOADED')
}

function reason(thrown: unknown): string {
  if (thrown instanceof OldFileError || thrown instanceof TalonError) return thrown.message
  return `The file cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}.`
}
