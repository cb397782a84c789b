import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { leftRehearsals } from '../../db/sqlite/schema.ts'
import { bad, type Check, type Finding, info, ok, type Subject, warn } from './check.ts'
import { namesText, quoted } from './words.ts'

/** Who has the data folder, and what those who are gone left in `run/`. */
export const lockCheck: Check = {
  name: 'lock',
  group: 'folder',
  look: subject => [...lookAtHolder(subject), ...lookAtLeftovers(subject)],
}

function lookAtHolder({ home, holder, lockProblem }: Subject): Finding[] {
  const lock = join(home, 'run', 'gateway.lock')
  if (lockProblem !== undefined) {
    const fix = `Give this account the right to read and write ${lock}.`
    return [bad('lock.holder', 'Whether a gateway runs cannot be found out.', lockProblem, fix)]
  }
  if (!holder) return [info('lock.holder', 'No gateway runs on it.', null)]
  const { pid, host, port, startedAt } = holder
  const who = pid === undefined ? 'A process' : `Process ${pid}`
  const since = startedAt === undefined ? null : `Since ${new Date(startedAt).toISOString()}.`
  if (!port) return [ok('lock.holder', `${who} has it: a command that works offline, or a gateway that starts.`, since)]
  return [ok('lock.holder', `${who} serves it on ${host}, port ${port}.`, since)]
}

function lookAtLeftovers({ home, holder }: Subject): Finding[] {
  const run = join(home, 'run')
  if (!statSync(run, { throwIfNoEntry: false })?.isDirectory()) return []
  const copies = leftRehearsals(home)
  const found = copies.map(path => {
    const title = `${path} is left of a "talon migrate --dry-run" that was killed: a copy of the database.`
    return warn('lock.copies', title, null, `rm -r ${quoted(path)}`)
  })
  if (holder) return found
  const stale = readdirSync(run).filter(name => /^(gateway\.json|cli\.token|write\.probe)/.test(name))
  if (stale.length > 0) {
    const title = 'The last process was killed and left its files.'
    found.push(info('lock.stale', title, `In run/: ${namesText(stale)}.`, 'Nothing: the next start replaces them.'))
  }
  return found
}
