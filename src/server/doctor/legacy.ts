import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ImportedFile } from '../../db/sqlite/inspect.ts'
import { type Check, type Finding, info, ok, type Subject, warn } from './check.ts'
import { namesText } from './words.ts'

const database = 'talon.db'

/** Whether data of v0.3.3 or of the first 0.4.0 lies in the folder that was not imported, or not whole. */
export const legacyCheck: Check = {
  name: 'legacy',
  group: 'database',
  look(subject) {
    const { fault, imported } = subject.database
    const files = oldFiles(subject)
    // What was imported is written in the database: without it nothing is known.
    if (files.length === 0 || fault || imported === undefined) return []
    const names = new Set(files)
    const rows = newestOf(imported).filter(({ source }) => names.has(fileOf(source)))
    const read = new Set(rows.map(({ source }) => fileOf(source)))
    const missing = files.filter(file => !read.has(file))
    const failed = rows.filter(({ sessionId, warning }) => sessionId === null && warning !== null)
    const partial = rows.filter(({ sessionId, warning }) => sessionId !== null && warning !== null)
    const found = [...lookAtMissing(missing, files.length), ...lookAtFailed(failed), ...lookAtPartial(partial)]
    return missing.length + failed.length > 0
      ? found
      : [ok('legacy.imported', `All ${files.length} old files were imported.`), ...found]
  },
}

function lookAtMissing(missing: string[], all: number): Finding[] {
  if (missing.length === 0) return []
  const title = `${missing.length} of ${all} old files are not imported yet.`
  return [info('legacy.imported', title, namesText(missing), 'The next start imports them; or: talon import')]
}

function lookAtFailed(failed: ImportedFile[]): Finding[] {
  if (failed.length === 0) return []
  const fix = 'Mend each or move it away: a start tries again what has changed. Nothing of them is touched meanwhile.'
  return [warn('legacy.failed', 'Of old data, this could not be imported.', reasonsOf(failed), fix)]
}

function lookAtPartial(partial: ImportedFile[]): Finding[] {
  if (partial.length === 0) return []
  return [info('legacy.partial', 'Of old data, this was imported with warnings.', reasonsOf(partial))]
}

function reasonsOf(rows: ImportedFile[]): string {
  return namesText(rows.map(({ source, warning }) => `${source} (${warning?.replace(/\.$/, '')})`))
}

/** A source was read again whenever it had changed: the last time counts. */
function newestOf(rows: readonly ImportedFile[]): ImportedFile[] {
  return [...new Map(rows.map(row => [row.source, row])).values()]
}

function fileOf(source: string): string {
  return source.startsWith(`${database}#`) ? database : source
}

function oldFiles({ home }: Subject): string[] {
  const sessions = join(home, 'sessions')
  const found = statSync(sessions, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(sessions, { withFileTypes: true })
        .filter(entry => entry.name.endsWith('.json') && !entry.isDirectory())
        .map(({ name }) => `sessions/${name}`)
    : []
  return statSync(join(home, database), { throwIfNoEntry: false })?.isFile() ? [...found, database] : found
}
