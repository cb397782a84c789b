import type { FileReport } from '../db/legacy/report.ts'
import type { Context } from './context.ts'
import type { Imported } from './import.ts'
import { printable, table } from './text.ts'

const outcomes: Readonly<Record<FileReport['outcome'], string>> = {
  imported: '',
  grown: 'what was new',
  known: 'imported before',
  changed: 'changed: not imported',
  failed: 'not imported',
}

/** What an import did, for a person: a table, what was wrong with which file, the sums, what is to be done next. */
export function printReport({ stdout, stderr, home }: Context, imported: Imported): void {
  const { files, totals, dryRun } = imported
  const print = (line: string) => void stdout.write(`${printable(line)}\n`)
  if (files.length === 0) print(`There are no sessions of v0.3.3 or v0.4.0 in ${imported.folder}.`)
  else {
    stdout.write(table(['FILE', 'SESSION', 'MESSAGES READ', 'MESSAGES STORED', 'WARNINGS', ''], files.map(rowOf)))
    for (const { file, error, warnings } of files) {
      for (const sentence of error === undefined ? warnings : [error, ...warnings]) print(`${file}: ${sentence}`)
    }
    print(`${sumOf(totals)}${dryRun ? ' This was a dry run: nothing was stored.' : ''}`)
    if (!dryRun && totals.sessions > 0) {
      print('Each session was read back from the database: its count and the hash of its content are right.')
    }
  }
  printWorkspace(imported, print)
  printSettings(imported, home, line => stderr.write(`${printable(line)}\n`))
}

function rowOf({ file, sessionId, messagesRead, messagesStored, warnings, outcome }: FileReport): string[] {
  return [file, sessionId ?? '-', `${messagesRead}`, `${messagesStored}`, `${warnings.length}`, outcomes[outcome]]
}

function sumOf(totals: Imported['totals']): string {
  const { files, sessions, messagesRead, messagesStored, warnings, failed } = totals
  const parts = [
    `${files} ${files === 1 ? 'file' : 'files'}`,
    `${sessions} ${sessions === 1 ? 'session' : 'sessions'} imported`,
    `${messagesRead} ${messagesRead === 1 ? 'message' : 'messages'} read`,
    `${messagesStored} stored`,
    `${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`,
  ]
  return `${parts.join(', ')}${failed === 0 ? '.' : `; ${failed} could not be imported.`}`
}

function printWorkspace({ workspace, dryRun }: Imported, print: (line: string) => void): void {
  const { copied, kept, failed } = workspace
  const copiedTo = dryRun ? 'Would be copied' : 'Copied'
  if (copied.length > 0) print(`${copiedTo} from the old workspace: ${copied.join(', ')}.`)
  if (kept.length > 0) print(`Not copied, because files of that name are there already: ${kept.join(', ')}.`)
  for (const sentence of failed) print(`Not copied: ${sentence}`)
}

function printSettings({ settings }: Imported, home: string, say: (line: string) => void): void {
  const { offered, taken } = settings
  if (!taken) {
    if (offered !== null) say(`${offered} Take them over with: talon import --settings`)
    return
  }
  if (taken.providers.length > 0) {
    say(`Taken over into ${home}/talon.json: ${taken.providers.join(', ')}. The keys are in ${home}/secrets.`)
  }
  if (taken.model !== null) say(`The model of sessions that name none is ${taken.model}.`)
  for (const sentence of taken.left) say(sentence)
}
