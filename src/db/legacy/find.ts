import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { OldFileError } from './source.ts'

/** A file of an old data folder. */
export interface OldFile {
  /** Relative to the folder, with slashes. */
  name: string
  sizeBytes: number
  modifiedAt: number
  /** Why it cannot even be looked at. */
  error?: string
}

export interface OldFolder {
  /** What the names of its files are relative to. */
  folder: string
  sessions: OldFile[]
  database: OldFile | undefined
}

const databaseName = 'talon.db'
// What lies beside sessions where a folder holds them directly.
const otherFiles = new Set([
  'config.json',
  'facts.json',
  'package-lock.json',
  'package.json',
  'talon.json',
  'tasks.json',
  'tsconfig.json',
])

/**
 * The sessions of an old data folder, of a folder of session files, or of one file. A folder inside of it, such as
 * `backups`, holds copies and is not looked into.
 * @throws OldFileError if there is no such folder
 */
export async function findOldFiles(path: string): Promise<OldFolder> {
  const found = await stat(path).catch(error => {
    throw new OldFileError(`${path} cannot be read: ${reason(error)}`)
  })
  if (found.isFile()) return oneFile(path)
  const names = await filesIn(path)
  const inside = names.some(entry => entry.name === 'sessions' && entry.isDirectory())
  const entries = inside ? await filesIn(join(path, 'sessions')) : names
  const prefix = inside ? 'sessions/' : ''
  const isSession = (name: string) => name.endsWith('.json') && (inside || !otherFiles.has(name.toLowerCase()))
  const sessions: OldFile[] = []
  for (const { name } of entries.filter(entry => isSession(entry.name)).sort(byName)) {
    const file = await lookAt(path, `${prefix}${name}`)
    if (file) sessions.push(file)
  }
  const hasDatabase = names.some(entry => entry.name === databaseName)
  return { folder: path, sessions, database: hasDatabase ? await lookAtDatabase(path, databaseName) : undefined }
}

async function oneFile(path: string): Promise<OldFolder> {
  const folder = dirname(path)
  const file = await lookAt(folder, basename(path))
  const isDatabase = file !== undefined && /\.(db|sqlite3?)$/.test(file.name)
  if (isDatabase) return { folder, sessions: [], database: await lookAtDatabase(folder, file.name) }
  return { folder, sessions: file ? [file] : [], database: undefined }
}

/** Undefined for what is no file. A size or a time that changes says that the file did. */
async function lookAt(folder: string, name: string): Promise<OldFile | undefined> {
  try {
    const found = await stat(join(folder, name))
    if (!found.isFile()) return undefined
    return { name, sizeBytes: found.size, modifiedAt: Math.round(found.mtimeMs) }
  } catch (error) {
    return { name, sizeBytes: 0, modifiedAt: 0, error: reason(error) }
  }
}

/** With what stands in its log and is not folded in yet. */
async function lookAtDatabase(folder: string, name: string): Promise<OldFile | undefined> {
  const [file, log] = [await lookAt(folder, name), await lookAt(folder, `${name}-wal`)]
  if (!file || !log || log.error !== undefined) return file
  const modifiedAt = Math.max(file.modifiedAt, log.modifiedAt)
  return { ...file, sizeBytes: file.sizeBytes + log.sizeBytes, modifiedAt }
}

async function filesIn(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(error => {
    throw new OldFileError(`${folder} cannot be read: ${reason(error)}`)
  })
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file or folder.'
  if (code === 'EACCES' || code === 'EPERM') return 'this account may not read it.'
  return `${error instanceof Error ? error.message : String(error)}.`
}
