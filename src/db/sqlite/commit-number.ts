import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from './open.ts'

/** What was found missing when a database was opened. */
export interface Loss {
  /** Commits that were acknowledged and are not in the database. */
  commits: number
  /** Unix ms of the start that found it. */
  foundAt: number
}

export interface CommitRecord {
  /** The newest commit that the writer acknowledged. */
  newest: number
  /** The last loss that a start has found. */
  loss?: Loss | undefined
}

/** Writes the newest number beside the database. */
export interface CommitMark {
  /** Never throws: a number that is too low only hides a loss, and a commit must not fail for it. */
  write(commit: number): void
  close(): void
}

// As long as the greatest integer of JavaScript, so that a number is always written over one of the same length.
const digits = 16
const firstLine = /^(\d{16})\n/

/**
 * Opens the file `gateway.commit` of a folder. It is written after every commit and never synced: the kernel keeps what
 * a killed process wrote, and after a loss of power it can only be too low.
 */
export function openCommitMark(folder: string): CommitMark {
  let descriptor: number | undefined
  return {
    write(commit) {
      try {
        descriptor ??= openMark(fileIn(folder))
        writeSync(descriptor, line(commit), 0)
      } catch {
        // A full disk has no place even for a new file of one line; the next commit tries again.
      }
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor)
      descriptor = undefined
    },
  }
}

/** What the file beside the database says; undefined if there is none that can be read. It changes nothing. */
export function readCommitRecord(folder: string): CommitRecord | undefined {
  try {
    const text = readFileSync(fileIn(folder), 'utf8')
    const newest = firstLine.exec(text)?.[1]
    if (newest === undefined) return undefined
    return { newest: Number(newest), loss: readLoss(text.slice(digits + 1)) }
  } catch {
    return undefined
  }
}

/** How many commits the database itself has counted. */
export function countCommits(connection: Connection): number {
  return connection.database.prepare<[], number>('SELECT commits FROM counts WHERE id = 1').pluck().get() ?? 0
}

/**
 * How many acknowledged commits are not in the database; 0 if all are there, or nothing is known. It changes nothing.
 * @param commits what the database has counted, see `countCommits`
 */
export function missingCommits(folder: string, commits: number): number {
  return Math.max(0, (readCommitRecord(folder)?.newest ?? 0) - commits)
}

/**
 * Looks at a start whether acknowledged commits are missing, and records it; the number goes on from where the database
 * stands, so that a loss is told as new only once.
 */
export function findLoss(folder: string, commits: number, now: number): Loss | undefined {
  const missing = missingCommits(folder, commits)
  if (missing === 0) return undefined
  const loss = { commits: missing, foundAt: now }
  try {
    replaceMark(folder, `${line(commits)}${JSON.stringify(loss)}\n`)
  } catch {
    // On a full disk it is told all the same, and found again by the next start.
  }
  return loss
}

/** Forgets the number, for a database that takes the place of another: what it counts has nothing to do with it. */
export function resetCommitNumber(folder: string): void {
  rmSync(fileIn(folder), { force: true })
}

function fileIn(folder: string): string {
  return join(folder, 'gateway.commit')
}

function line(commit: number): string {
  return `${String(commit).padStart(digits, '0')}\n`
}

function openMark(file: string): number {
  try {
    return openSync(file, 'r+')
  } catch {
    return openSync(file, 'wx', 0o600)
  }
}

/** Replaced at once, so that a kill leaves the old line or the new one. */
function replaceMark(folder: string, text: string): void {
  const draft = `${fileIn(folder)}.partial`
  rmSync(draft, { force: true })
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' })
  renameSync(draft, fileIn(folder))
}

function readLoss(text: string): Loss | undefined {
  try {
    // Written by recordLoss; whoever else writes there owns the folder.
    const { commits, foundAt } = JSON.parse(text) as Partial<Loss>
    return typeof commits === 'number' && typeof foundAt === 'number' ? { commits, foundAt } : undefined
  } catch {
    return undefined
  }
}
