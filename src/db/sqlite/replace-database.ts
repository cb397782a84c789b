import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileTime } from './backup-files.ts'
import { resetCommitNumber } from './commit-number.ts'
import { unavailableError } from './errors.ts'
import { syncFolder } from './open.ts'

/** A restore that is done, and where the database is that was there before, if there was one. */
export interface Replaced {
  /** The backup that the home holds now. */
  from: string
  replaced: string | undefined
}

/** The file that says that a checked copy is about to become the database. As long as it is there, that is not done. */
interface Journal {
  from: string
  /** Name in the home for what is there now. */
  replaced: string
}

const databaseName = 'gateway.db'
const stagedName = 'gateway.db.restoring'
const journalName = 'gateway.restore'
const keptName = /^gateway\.db\.replaced-[\w-]+$/

/** Where the copy lies that will be the database. */
export function stagedFile(home: string): string {
  return join(home, stagedName)
}

/**
 * Puts the staged copy into the place of the database, which is kept beside it. The caller holds the lock of the home and
 * has nothing open. A kill at any moment leaves something that `finishRestore` makes whole.
 */
export function replaceDatabase(home: string, from: string, now: number): Replaced {
  const journal = { from, replaced: freeName(home, `${databaseName}.replaced-${fileTime(now)}`) }
  writeJournal(home, journal)
  return { from, replaced: swap(home, journal) }
}

/**
 * Finishes the restore that a crash has cut in two, and removes what one left that never got that far. The caller holds
 * the lock of the home and has nothing open.
 * @throws TalonError `STORAGE_UNAVAILABLE` if nobody can tell how far it got
 */
export function finishRestore(home: string): Replaced | undefined {
  const journal = readJournal(home)
  if (journal) return { from: journal.from, replaced: swap(home, journal) }
  for (const name of readdirSync(home)) if (isLeft(name)) rmSync(join(home, name))
  return undefined
}

/** The backup that was being restored when a crash came, if one was. Whoever takes the lock finishes that. */
export function unfinishedRestore(home: string): string | undefined {
  return readJournal(home)?.from
}

/**
 * From the journal on there is one way only, and each step of it can be done again. The log of the old database goes
 * first: lying beside the new one, it would be read as a part of it.
 */
function swap(home: string, { replaced }: Journal): string | undefined {
  const database = join(home, databaseName)
  const kept = join(home, replaced)
  if (existsSync(stagedFile(home))) {
    for (const end of ['-wal', '-journal', '']) moveAside(home, `${databaseName}${end}`, `${replaced}${end}`)
    // An index of the log, which is made anew from it.
    rmSync(`${database}-shm`, { force: true })
    resetCommitNumber(home)
    syncFolder(home)
    renameSync(stagedFile(home), database)
    syncFolder(home)
  }
  rmSync(join(home, journalName), { force: true })
  syncFolder(home)
  return existsSync(kept) ? kept : undefined
}

function moveAside(home: string, name: string, wanted: string): void {
  const file = join(home, name)
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) return
  // A log that is empty belongs to nothing.
  if (stat.isFile() && stat.size === 0) rmSync(file)
  else renameSync(file, join(home, freeName(home, wanted)))
}

/** Nothing that was kept is ever overwritten. */
function freeName(home: string, wanted: string): string {
  let name = wanted
  for (let count = 2; existsSync(join(home, name)); count++) name = `${wanted}-${count}`
  return name
}

function isLeft(name: string): boolean {
  return name.startsWith(stagedName) || name === `${journalName}.new`
}

/** The journal appears with its content. */
function writeJournal(home: string, journal: Journal): void {
  const draft = join(home, `${journalName}.new`)
  writeFileSync(draft, `${JSON.stringify(journal)}\n`, { mode: 0o600 })
  const descriptor = openSync(draft, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, join(home, journalName))
  syncFolder(home)
}

function readJournal(home: string): Journal | undefined {
  const file = join(home, journalName)
  if (!existsSync(file)) return undefined
  try {
    // Written above; whoever else writes there owns the folder.
    const journal = JSON.parse(readFileSync(file, 'utf8')) as Journal
    if (typeof journal.from === 'string' && keptName.test(journal.replaced)) return journal
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
  }
  throw unavailableError(
    `${file} cannot be understood, so nobody can tell how far a restore got. ${stagedName}, if it is there, is the ` +
      `backup; ${databaseName}, or the newest ${databaseName}.replaced-…, is what was there before. Name the one that ` +
      `you want ${databaseName}, remove ${file}, and start again.`,
  )
}
