import { join } from 'node:path'
import { listBackups } from '../../db/sqlite/backup-files.ts'
import { type Check, ok, type Subject, warn } from './check.ts'
import { ageText } from './words.ts'

// No Talon of this line was there before: a clock that says so was never set.
const earliest = Date.UTC(2026, 0, 1)
// What a correction over the network may put a clock back by.
const maxBackMs = 5 * 60_000

/** Whether the clock can be right: it never goes back behind what was stored. */
export const clockCheck: Check = {
  name: 'clock',
  group: 'program',
  look(subject) {
    const { now } = subject
    const fix = 'sudo timedatectl set-ntp true, and see what it says then: timedatectl'
    const time = new Date(now).toISOString()
    if (now < earliest) {
      const detail = 'Certificates are refused, tokens never end, and backups seem to come from the future.'
      return [warn('clock.sane', `The clock says ${time}, which cannot be.`, detail, fix)]
    }
    const aheadMs = newestOf(subject) - now
    if (aheadMs <= maxBackMs) return [ok('clock.sane', `The clock says ${time}.`)]
    const title = `The clock says ${time}, and what is stored is ${ageText(aheadMs)} newer.`
    const detail = 'It went back, or was ahead before. Sessions, backups and ends of tokens go by it.'
    return [warn('clock.sane', title, detail, fix)]
  },
}

/** The latest time that is written anywhere. */
function newestOf({ home, database, holder }: Subject): number {
  const [backup] = listBackups(join(home, 'backups'))
  return Math.max(database.newestAt ?? 0, backup?.createdAt ?? 0, holder?.startedAt ?? 0)
}
