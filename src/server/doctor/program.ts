import { bad, type Check, type Finding, info, ok, type Subject, warn } from './check.ts'

const requiredMajor = 24
/** Days on which majors of Node get their last correction, of https://github.com/nodejs/release#release-schedule. */
const supportedUntil: Readonly<Record<number, string>> = { 24: '2028-04-30' }
// Older ones may damage a database while two connections write and checkpoint it: https://sqlite.org/wal.html#walresetbug
const requiredSqlite = '3.51.3'

/** What runs: Node, SQLite, this program, and the gateway if it is another version. */
export const programCheck: Check = {
  name: 'program',
  group: 'program',
  look: subject => [...lookAtNode(subject), ...lookAtSqlite(subject), ...lookAtVersion(subject)],
}

function lookAtNode({ machine: { nodeVersion }, now }: Subject): Finding[] {
  const major = Number.parseInt(nodeVersion, 10)
  if (major < requiredMajor) {
    return [bad('program.node', `Node ${nodeVersion} is too old.`, null, `Install Node ${requiredMajor} or newer.`)]
  }
  const until = supportedUntil[major]
  if (until !== undefined && now > Date.parse(until)) {
    const title = `Node ${nodeVersion} gets no corrections since ${until}.`
    return [warn('program.node', title, 'Holes that are found in it stay open.', 'Install a newer Node.')]
  }
  if (major % 2 === 1) {
    const title = `Node ${nodeVersion} is of a line that Talon is not tested with.`
    return [info('program.node', title, null, `Install Node ${requiredMajor}, which has long-term support.`)]
  }
  return [ok('program.node', `Node ${nodeVersion}`)]
}

function lookAtSqlite({ machine: { sqliteVersion } }: Subject): Finding[] {
  if (!isOlder(sqliteVersion, requiredSqlite)) return [ok('program.sqlite', `SQLite ${sqliteVersion}`)]
  const title = `SQLite ${sqliteVersion} is older than ${requiredSqlite}.`
  const detail = 'In rare cases it damages a database that is written and folded in at the same moment.'
  return [bad('program.sqlite', title, detail, 'Install the packages anew: npm ci')]
}

function lookAtVersion({ version, holder }: Subject): Finding[] {
  if (holder?.version === undefined || holder.version === version) return [ok('program.version', `Talon ${version}`)]
  return [
    warn(
      'program.version',
      `The gateway that runs is Talon ${holder.version}, and this is ${version}.`,
      'It goes on with the program that it was started from.',
      'talon restart',
    ),
  ]
}

function isOlder(version: string, than: string): boolean {
  const [left, right] = [version, than].map(text => text.split('.').map(Number))
  for (const [at, number] of (right ?? []).entries()) {
    const other = left?.[at] ?? 0
    if (other !== number) return other < number
  }
  return false
}
