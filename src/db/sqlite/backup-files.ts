import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Who asked for a backup: the clock, a person, or an upgrade of the database. Only those of the clock are ever removed. */
export type BackupKind = 'auto' | 'manual' | 'upgrade'

/** One finished backup in the folder of backups. */
export interface BackupFile {
  name: string
  bytes: number
  /** Unix ms, as its name says. */
  createdAt: number
  kind: BackupKind
  /** Null if the checksum beside it is lost. */
  sha256: string | null
}

const form =
  /^gateway-(\d{4})-(\d{2})-(\d{2})T(\d{2})(\d{2})(\d{2})Z-(auto|manual|before-\d{4})(?:-([2-9]|[1-9]\d{1,3}))?\.backup$/
const checksumLine = /^([0-9a-f]{64})(?:\s|$)/
// What a process that was killed leaves: SQLite makes the last three beside a file that it writes.
const unfinished = /\.partial(-journal|-wal|-shm)?$/

/** The backups of a folder, newest first. Whatever else lies there, links included, is none. */
export function listBackups(folder: string): BackupFile[] {
  const found = namesIn(folder).map(name => findBackup(folder, name))
  return found.filter(file => file !== undefined).sort((a, b) => b.createdAt - a.createdAt || compare(b.name, a.name))
}

/** The backup of this name; undefined if there is none, or the name is not one that a backup has. */
export function findBackup(folder: string, name: string): BackupFile | undefined {
  const parts = form.exec(name)
  if (!parts) return undefined
  const stat = lstatSync(join(folder, name), { throwIfNoEntry: false })
  if (!stat?.isFile()) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number)
  const createdAt = Date.UTC(year, month - 1, day, hour, minute, second)
  const kind = parts[7] === 'auto' || parts[7] === 'manual' ? parts[7] : 'upgrade'
  return { name, bytes: stat.size, createdAt, kind, sha256: readChecksum(join(folder, name)) ?? null }
}

/** A name that is free in this folder, such as `gateway-2026-02-19T120000Z-manual.backup`. */
export function newBackupName(folder: string, kind: 'auto' | 'manual', now: number): string {
  const stem = `gateway-${fileTime(now)}-${kind}`
  for (let count = 1; ; count++) {
    const name = `${stem}${count === 1 ? '' : `-${count}`}.backup`
    if (!existsSync(join(folder, name))) return name
  }
}

/** A time as a part of a name: 2026-02-19T120000Z, with nothing in it that a file system minds. */
export function fileTime(now: number): string {
  return new Date(now)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '')
}

/** SHA-256 that stands beside a backup, in hex; undefined if there is none or it cannot be understood. */
export function readChecksum(file: string): string | undefined {
  try {
    return checksumLine.exec(readFileSync(`${file}.sha256`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

/** Removes a backup, first of all what makes it one. */
export function removeBackup(target: string): void {
  rmSync(target, { force: true })
  rmSync(`${target}.sha256`, { force: true })
}

/** Removes what a killed process left in the folder of backups; the caller makes none there now. Gives what it removed. */
export function removeUnfinished(folder: string): string[] {
  const isLeft = (name: string) => {
    if (!name.startsWith('gateway-')) return false
    const backup = name.slice(0, -'.sha256'.length)
    return unfinished.test(name) || (name.endsWith('.sha256') && form.test(backup) && !existsSync(join(folder, backup)))
  }
  const left = namesIn(folder).filter(isLeft)
  for (const name of left) rmSync(join(folder, name), { force: true })
  return left
}

function namesIn(folder: string): string[] {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : []
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1
}
