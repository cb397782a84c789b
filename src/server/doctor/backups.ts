import { lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { listBackups } from '../../db/sqlite/backup-files.ts'
import { type Check, type Finding, info, ok, type Subject, warn } from './check.ts'
import { ageText, namesText, quoted, sizeText } from './words.ts'

const hourMs = 3_600_000
// As a reminder, while no gateway runs that would make them.
const maxAgeMs = 7 * 24 * hourMs
// One that is made now has such a name, too.
const unfinishedAfterMs = hourMs

/** Whether there are backups, how old they are, and what lies about that nobody needs. */
export const backupsCheck: Check = {
  name: 'backups',
  group: 'backups',
  look(subject) {
    return [
      ...lookAtNewest(subject),
      ...lookAtChecksums(subject),
      ...lookAtUnfinished(subject),
      ...lookAtReplaced(subject),
    ]
  },
}

function folderOf({ home }: Subject): string {
  return join(home, 'backups')
}

function lookAtNewest(subject: Subject): Finding[] {
  const backups = listBackups(folderOf(subject))
  const [newest] = backups
  if (!newest) {
    if ((subject.database.counts?.sessions ?? 0) === 0)
      return [ok('backups.newest', 'There is nothing to back up yet.')]
    return [warn('backups.newest', 'There is no backup.', null, 'talon backup')]
  }
  const age = subject.now - newest.createdAt
  const total = backups.reduce((sum, { bytes }) => sum + bytes, 0)
  const title = `The newest of ${backups.length} is ${ageText(age)} old, all take ${sizeText(total)}.`
  if (age > maxAgeOf(subject)) return [warn('backups.newest', title, newest.name, 'talon backup')]
  return [ok('backups.newest', title, newest.name)]
}

/** A gateway that makes them by itself has failed to, if the newest is twice as old as it may be. */
function maxAgeOf({ holder, config }: Subject): number {
  const everyHours = config?.['backup.everyHours']
  return holder?.port && everyHours ? 2 * everyHours * hourMs : maxAgeMs
}

function lookAtChecksums(subject: Subject): Finding[] {
  const bare = listBackups(folderOf(subject)).filter(({ sha256 }) => sha256 === null)
  if (bare.length === 0) return []
  const title = 'Backups have no checksum beside them, so that nobody can tell whether they are whole.'
  const fix = 'Put the .sha256 back that was made with each, or make a new backup: talon backup'
  return [warn('backups.checksum', title, namesText(bare.map(({ name }) => name)), fix)]
}

function lookAtUnfinished(subject: Subject): Finding[] {
  const folder = folderOf(subject)
  const left = namesIn(folder).filter(name => /\.partial(-\w+)?$/.test(name) && isOld(join(folder, name), subject.now))
  if (left.length === 0) return []
  const title = 'Backups that were begun and never finished lie about.'
  return [info('backups.unfinished', title, namesText(left), 'Nothing: the next start removes them.')]
}

function isOld(file: string, now: number): boolean {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat !== undefined && now - stat.mtimeMs > unfinishedAfterMs
}

/** Databases that a restore replaced, or that somebody set aside. */
function lookAtReplaced({ home }: Subject): Finding[] {
  const kept = namesIn(home).filter(name => /^gateway\.db\.(replaced|damaged)-/.test(name))
  if (kept.length === 0) return []
  const bytes = kept.reduce((sum, name) => sum + (lstatSync(join(home, name), { throwIfNoEntry: false })?.size ?? 0), 0)
  const fix = `When nothing of them is needed any more: cd ${quoted(home)} && rm ${kept.slice(0, 5).map(quoted).join(' ')}`
  return [info('backups.replaced', `Earlier databases are kept, ${sizeText(bytes)}.`, namesText(kept), fix)]
}

function namesIn(folder: string): string[] {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder).sort() : []
}
