import { openLegacyDatabase } from '../sqlite/legacy-database.ts'
import type { OldFile } from './find.ts'
import { failed, importSource, known, type Run, withoutSession } from './import-source.ts'
import type { FileReport } from './report.ts'
import { OldFileError } from './source.ts'

/**
 * Imports the sessions of v0.4.0's database that no session file has. Where both have one, the file has its messages.
 * @throws TalonError of a store that cannot write
 */
export async function importDatabase(
  run: Run,
  file: OldFile,
  options: { scratch: string; ofFiles: ReadonlySet<string>; done: (report: FileReport, sizeBytes: number) => void },
): Promise<void> {
  const { done } = options
  const before = await wholeImport(run, file)
  if (before) return done(known(file.name, before), file.sizeBytes)
  if (file.error !== undefined) return done(failed(file.name, `The file cannot be read: ${file.error}`), 0)
  try {
    const isWhole = await importSessions(run, file, options)
    if (isWhole) await run.sink.record(withoutSession(run.folder, file, []), null)
  } catch (thrown) {
    if (!(thrown instanceof OldFileError)) throw thrown
    if (!(await wholeImport({ ...run, onlyNew: true }, file))) {
      await run.sink.record(withoutSession(run.folder, file, [thrown.message]), null)
    }
    done(failed(file.name, thrown.message), file.sizeBytes)
  }
}

/** True if every session could be read. */
async function importSessions(
  run: Run,
  file: OldFile,
  { scratch, ofFiles, done }: Parameters<typeof importDatabase>[2],
): Promise<boolean> {
  const { name, modifiedAt } = file
  const database = await openLegacyDatabase({ folder: run.root, name, modifiedAt, scratch })
  try {
    const ids = await database.sessionIds()
    let isWhole = true
    for (const [index, id] of ids.entries()) {
      const share = Math.floor(file.sizeBytes / ids.length)
      if (ofFiles.has(id) || (await wasFile(run, id))) continue
      const report = await importSource(run, database.session(id))
      isWhole &&= report.outcome !== 'failed' && report.outcome !== 'changed'
      done(report, index === 0 ? file.sizeBytes - share * (ids.length - 1) : share)
    }
    return isWhole
  } finally {
    database.close()
  }
}

/** The record of an import of the whole file as it is now; each session has one of its own. */
async function wholeImport(run: Run, { name, sizeBytes, modifiedAt }: OldFile) {
  const records = await run.queries?.findImports({ folder: run.folder, source: name })
  const same = records?.find(record => record.sizeBytes === sizeBytes && record.modifiedAt === modifiedAt)
  return same && (same.warnings.length === 0 || run.onlyNew) ? same : undefined
}

/** Whether this session was imported from a file that is gone meanwhile. */
async function wasFile({ queries, folder }: Run, id: string): Promise<boolean> {
  for (const source of [`sessions/${id}.json`, `${id}.json`]) {
    const records = (await queries?.findImports({ folder, source })) ?? []
    if (records.some(record => record.sessionId !== null)) return true
  }
  return false
}
