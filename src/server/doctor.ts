import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Inspection, inspectInThread } from '../db/sqlite/inspect.ts'
import { type Holder, lockHolder } from '../db/sqlite/lock.ts'
import { type Config, loadConfig } from './config.ts'
import { bad, type Check, type Finding, type Group, groups, type Severity, type Subject } from './doctor/check.ts'
import { checks } from './doctor/checks.ts'

export type { Finding, Severity }
export { groups }

const migrationsDir = fileURLToPath(new URL('../../migrations', import.meta.url)) // From src/server and dist/server alike.

export interface ExaminationInput {
  home: string
  env: Readonly<Record<string, string | undefined>>
  version: string
  /** Unix ms. */
  now: number
  /** Checks the pages of a database of any size. */
  full: boolean
  /** Of the gateway that asks about itself; else they are read as a start would read them. */
  config?: Config | undefined
}

export interface Report {
  home: string
  version: string
  /** Unix ms. */
  examinedAt: number
  /** Whether a process holds the data folder. */
  running: boolean
  /** No finding is an error. */
  ok: boolean
  counts: Record<Severity, number>
  findings: (Finding & { group: Group })[]
}

/**
 * Looks at a data folder, whatever state it is in, and says what is wrong and how to mend it. It changes nothing, and
 * does not throw: what cannot be looked at is a finding.
 */
export async function examine(input: ExaminationInput): Promise<Report> {
  const subject = await subjectOf(input)
  const found = await Promise.all(checks.map(check => look(check, subject)))
  const findings = found.flat()
  const count = (severity: Severity) => findings.filter(finding => finding.severity === severity).length
  const counts = { ok: count('ok'), info: count('info'), warn: count('warn'), error: count('error') }
  const { home, version, now: examinedAt } = input
  return { home, version, examinedAt, running: subject.holder !== undefined, ok: counts.error === 0, counts, findings }
}

async function look(check: Check, subject: Subject): Promise<Report['findings']> {
  const { name, group } = check
  try {
    return (await check.look(subject)).map(finding => ({ group, ...finding }))
  } catch (thrown) {
    const fix = 'Use the account that the gateway runs under.'
    return [{ group, ...bad(`${name}.check`, `The check "${name}" could not be made.`, reasonOf(thrown), fix) }]
  }
}

async function subjectOf(input: ExaminationInput): Promise<Subject> {
  const { home, version, now } = input
  const [nodeVersion, userId] = [process.versions.node, process.getuid?.()]
  const file = join(home, 'gateway.db')
  const { database, ...lock } = await inspectSteadily(file, input)
  return { home, file, version, nodeVersion, userId, now, ...settingsOf(input), ...lock, database }
}

interface Lock {
  holder: Partial<Holder> | undefined
  lockProblem: string | undefined
}

/** A database that nobody had open is looked at anew if somebody opened it meanwhile: what was seen may be half of it. */
async function inspectSteadily(file: string, input: ExaminationInput): Promise<Lock & { database: Inspection }> {
  const { home, full } = input
  const inspect = ({ holder }: Lock) => inspectInThread({ file, migrationsDir, full, live: holder !== undefined })
  const before = lockOf(home)
  const database = await inspect(before)
  const after = lockOf(home)
  if ((before.holder === undefined) === (after.holder === undefined)) return { ...after, database }
  return { ...after, database: await inspect(after) }
}

function lockOf(home: string): Lock {
  try {
    return { holder: lockHolder(home), lockProblem: undefined }
  } catch (thrown) {
    return { holder: undefined, lockProblem: `${reasonOf(thrown)}.` }
  }
}

function settingsOf({ home, env, config }: ExaminationInput) {
  try {
    const { values, warnings } = loadConfig({ home, env })
    return { config: config ?? values, settingsProblem: undefined, settingsWarnings: warnings }
  } catch (thrown) {
    return { config, settingsProblem: reasonOf(thrown), settingsWarnings: [] }
  }
}

function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\.$/, '')
}
