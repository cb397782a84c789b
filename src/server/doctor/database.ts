import { unfinishedRestore } from '../../db/sqlite/replace-database.ts'
import { repairs } from '../../db/sqlite/usable.ts'
import { bad, type Check, type Finding, info, ok, type Subject, warn } from './check.ts'
import { countText, quoted, sizeText } from './words.ts'

// Four times what a checkpoint waits for.
const maxLogBytes = 64 * 1024 * 1024

/** Whether the database can be opened, is sound and is of this version. */
export const databaseCheck: Check = {
  name: 'database',
  group: 'database',
  look(subject) {
    const { file, home, holder, database } = subject
    const restoring = unfinishedRestore(home)
    if (restoring !== undefined) {
      const title = `A restore of ${restoring} was cut in two.`
      return [warn('database.restore', title, 'Both databases are there.', 'talon start, which finishes it.')]
    }
    const { bytes, logBytes, fault, counts } = database
    if (fault) {
      const fix = fault.damaged ? repairs(home) : 'Give this account the right to read and write it.'
      return [bad('database.opens', `The database ${file} cannot be used.`, fault.reason, fix), ...lookAtLoss(subject)]
    }
    if (bytes === undefined) {
      if (!holder?.port)
        return [info('database.opens', 'There is no database yet.', null, 'Nothing: the first start makes it.')]
      const title = `The database ${file} was removed while the gateway runs.`
      return [bad('database.opens', title, null, 'Take a backup now, while the gateway still has it: talon backup')]
    }
    const holds = counts
      ? `${countText(counts.sessions, 'session')}, ${countText(counts.messages, 'message')}`
      : 'nothing yet'
    return [
      ok('database.opens', `${file} can be opened: ${holds}, ${sizeText(bytes + logBytes)}.`),
      ...lookAtPages(subject),
      ...lookAtReferences(subject),
      ...lookAtSchema(subject),
      ...lookAtLog(subject),
      ...lookAtLoss(subject),
    ]
  },
}

function lookAtPages({ home, database }: Subject): Finding[] {
  const { pageFaults } = database
  if (pageFaults === undefined) {
    const title = 'Its pages were not checked, because it is larger than 1 GB.'
    return [info('database.pages', title, null, 'talon doctor --full')]
  }
  if (pageFaults.length === 0) return [ok('database.pages', 'Its pages are sound (quick_check).')]
  return [
    bad('database.pages', 'It is damaged (quick_check).', pageFaults.join('; ').replaceAll('\n', ' '), repairs(home)),
  ]
}

function lookAtReferences({ home, database }: Subject): Finding[] {
  const { orphans } = database
  if (orphans === undefined) return []
  if (orphans === 0) return [ok('database.references', 'Every row refers to one that is there (foreign_key_check).')]
  const title = `${countText(orphans, 'row')} of it refer to rows that are not there (foreign_key_check).`
  return [bad('database.references', title, 'Something else than Talon changed this database.', repairs(home))]
}

function lookAtSchema({ database }: Subject): Finding[] {
  const { schema } = database
  if (!schema) return []
  const { applied, pending, problem } = schema
  if (problem !== undefined) {
    return [bad('database.schema', 'Its schema does not fit this version.', problem, 'Run the version that wrote it.')]
  }
  const [first] = pending
  if (first === undefined) return [ok('database.schema', `Its schema is that of this version (${applied.at(-1)}).`)]
  const title = applied.length === 0 ? 'It has no schema yet.' : 'Its schema is older than this version.'
  const fix = 'Nothing: the next start upgrades it, after a backup. To try that before: talon migrate --dry-run'
  return [info('database.schema', title, `Pending: ${pending.join(', ')}.`, fix)]
}

function lookAtLog({ holder, database }: Subject): Finding[] {
  const { logBytes } = database
  const size = sizeText(logBytes)
  if (logBytes > maxLogBytes) {
    const detail = 'Something that reads for a long time keeps it from being folded in.'
    const fix = holder
      ? 'End programs that have the database open; else restart the gateway.'
      : 'talon start folds it in.'
    return [warn('database.log', `Its log has ${size}.`, detail, fix)]
  }
  if (!holder && logBytes > 0) {
    const title = `Its log holds ${size}: the last process was killed.`
    return [info('database.log', title, null, 'Nothing: the next start folds it in. Never remove the file.')]
  }
  return [ok('database.log', logBytes === 0 ? 'Its log is empty.' : `Its log has ${size}.`)]
}

function lookAtLoss({ database }: Subject): Finding[] {
  const { missingCommits, newerBackup, loss, fault } = database
  const found: Finding[] = []
  if (missingCommits > 0) {
    const title = `It lacks ${countText(missingCommits, 'commit')} that the gateway had acknowledged.`
    const detail = 'Its log was cut off or damaged: it stands at an earlier commit.'
    const way =
      newerBackup === undefined
        ? 'No backup holds more than the database: then go on with it (talon start).'
        : `A backup holds more than the database. To go on with it: talon restore ${quoted(newerBackup)}`
    found.push(warn('database.commits', title, detail, `Keep a copy of the folder before the next start. ${way}`))
  } else if (!fault) found.push(ok('database.commits', 'Every commit that was acknowledged is in it.'))
  if (loss) {
    const title = `A start at ${new Date(loss.foundAt).toISOString()} found ${loss.commits} acknowledged commits missing.`
    found.push(
      warn(
        'database.loss',
        title,
        'What they stored is lost.',
        'Look at the disk (smartctl), and at how the machine was switched off.',
      ),
    )
  }
  return found
}
