import { basename, resolve } from 'node:path'
import { removeCopies } from '../sqlite/legacy-database.ts'
import type { Queries, Store } from '../store.ts'
import { findOldFiles, type OldFile } from './find.ts'
import { importDatabase } from './import-database.ts'
import { failed, importSource, type Run } from './import-source.ts'
import { type FileReport, type ImportProgress, type ImportReport, totalsOf } from './report.ts'
import { sessionFile } from './session-file.ts'
import { drySink, storeSink } from './sink.ts'
import { createUnderWay } from './under-way.ts'

export interface FolderImport {
  /** An old data folder, a folder of session files, or one file. */
  path: string
  /** The data folder, whose own files are remembered wherever it is moved. */
  home: string
  /** Where a copy of an old database may lie; with a store nobody else may use it. */
  scratch: string
  /** Where to; `dry` tells what would be done, beside what was imported before if there is a store. */
  into: { store: Store } | { dry: Pick<Queries, 'findImports'> | undefined }
  newId: () => string
  now: () => number
  changedAsNew?: boolean | undefined
  onlyNew?: boolean | undefined
  signal?: AbortSignal | undefined
  onProgress?: ((progress: Readonly<ImportProgress>) => void) | undefined
  /** Hears of each file in which there was something to do. */
  onFile?: ((report: FileReport) => void) | undefined
}

// Small files wait for the disk more than for anything else, and those that do so together share its syncs.
const smallBytes = 256 * 1024
const smallAtOnce = 32

/**
 * Imports what was not imported yet. A file that cannot be read is reported and does not stop the others; a store that
 * cannot write does.
 * @throws OldFileError if there is no such folder, TalonError of the store
 */
export async function importFolder(options: FolderImport): Promise<ImportReport> {
  const { path, into, onFile } = options
  const found = await findOldFiles(path)
  // What a run that was killed left is in the way of its own session ids.
  if ('store' in into) {
    await into.store.eraseDeleted({ before: 1 })
    removeCopies(options.scratch)
  }
  const all = found.database ? [...found.sessions, found.database] : found.sessions
  const progress = createProgress(options, all)
  const run = toRun(options, found.folder, progress.read)
  const reports: FileReport[] = []
  const done = (report: FileReport, sizeBytes: number) => {
    reports.push(report)
    progress.file(sizeBytes)
    if (report.outcome !== 'known') onFile?.(report)
  }
  const each = async (file: OldFile) => done(await importFile(run, file), file.sizeBytes)
  await several(found.sessions.filter(isSmall), smallAtOnce, each)
  await several(
    found.sessions.filter(file => !isSmall(file)),
    1,
    each,
  )
  if (found.database) {
    await importDatabase(run, found.database, { scratch: options.scratch, ofFiles: idsOf(reports), done })
  }
  reports.sort((a, b) => (a.file < b.file ? -1 : 1))
  return { folder: path, dryRun: 'dry' in into, files: reports, totals: totalsOf(reports) }
}

function toRun(options: FolderImport, root: string, onRead: Run['onRead']): Run {
  const { into, home } = options
  return {
    root,
    folder: resolve(root) === resolve(home) ? '' : resolve(root),
    sink: 'store' in into ? storeSink(into.store, options) : drySink(),
    queries: 'store' in into ? into.store : into.dry,
    newId: options.newId,
    changedAsNew: options.changedAsNew ?? false,
    onlyNew: options.onlyNew ?? false,
    underWay: createUnderWay(),
    signal: options.signal,
    onRead,
  }
}

async function importFile(run: Run, file: OldFile): Promise<FileReport> {
  if (file.error !== undefined) return failed(file.name, `The file cannot be read: ${file.error}`)
  return importSource(run, sessionFile(run.root, file))
}

/** Under which ids an old database has the sessions that files gave. */
function idsOf(reports: readonly FileReport[]): Set<string> {
  const given = reports.filter(({ sessionId }) => sessionId !== null)
  return new Set(given.flatMap(({ file, sessionId }) => [basename(file, '.json'), sessionId ?? '']))
}

/** Many at a time; whoever fails stops, and the first failure is thrown when all have stopped. */
async function several<Item>(items: readonly Item[], atOnce: number, each: (item: Item) => Promise<void>) {
  const waiting = items.values()
  const work = async () => {
    for (const item of waiting) await each(item)
  }
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, work))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

function createProgress({ onProgress }: FolderImport, files: readonly OldFile[]) {
  const bytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const progress: ImportProgress = { files: files.length, filesDone: 0, bytes, bytesDone: 0, messages: 0 }
  let doneBytes = 0
  let readBytes = 0
  onProgress?.(progress)
  return {
    read(messages: number, bytesRead: number) {
      progress.messages += messages
      readBytes += bytesRead
      progress.bytesDone = Math.min(bytes, doneBytes + readBytes)
      onProgress?.(progress)
    },
    file(sizeBytes: number) {
      progress.filesDone += 1
      doneBytes += sizeBytes
      readBytes = 0
      progress.bytesDone = doneBytes
      onProgress?.(progress)
    },
  }
}

function isSmall(file: OldFile): boolean {
  return file.sizeBytes <= smallBytes
}
