import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Inspection, inspectInThread } from '../db/sqlite/inspect.ts'
import { type Holder, lockHolder } from '../db/sqlite/lock.ts'
import { type ProviderConfig, providersSchema } from './agent/providers.ts'
import { type Config, type LoadedConfig, loadConfig } from './config.ts'
import {
  bad,
  type Check,
  type Finding,
  type Group,
  groups,
  type KeyPlace,
  type Live,
  type Patience,
  type Provider,
  type Risk,
  risks,
  type Severity,
  type Subject,
} from './doctor/check.ts'
import { checks } from './doctor/checks.ts'
import { type Machine, thisMachine } from './doctor/machine.ts'
import { readSecret } from './secret-files.ts'

export type { Finding, Group, Live, Machine, Risk, Severity }
export { groups, risks }

const migrationsDir = fileURLToPath(new URL('../../migrations', import.meta.url)) // From src/server and dist/server alike.

const usualPatience: Patience = { providerMs: 3_000, programMs: 5_000, portMs: 1_000 }

export interface ExaminationInput {
  home: string
  env: Readonly<Record<string, string | undefined>>
  version: string
  /** Unix ms. */
  now: number
  /** Milliseconds that never go backwards. */
  monotonic: () => number
  /** Checks the pages of a database of any size. */
  full: boolean
  /** Asks no provider. */
  offline?: boolean | undefined
  /** Looks at these alone; undefined is all of them. */
  groups?: readonly Group[] | undefined
  /** Of the gateway that asks about itself; else they are read as a start would read them. */
  config?: Config | undefined
  live?: Live | undefined
  patience?: Partial<Patience> | undefined
  /** What is to be taken for this machine, where it is another. */
  machine?: Partial<Machine> | undefined
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
  /** Of what the security audit found. */
  risks: Record<Risk, number>
  findings: GroupedFinding[]
}

export type GroupedFinding = Finding & { group: Group }

/**
 * Looks at a data folder, whatever state it is in, and says what is wrong and how to mend it. It changes nothing, and
 * does not throw: what cannot be looked at is a finding.
 */
export async function examine(input: ExaminationInput): Promise<Report> {
  const subject = await subjectOf(input)
  const asked = checks.filter(({ group }) => input.groups === undefined || input.groups.includes(group))
  const found = await Promise.all(asked.map(check => look(check, subject)))
  const { home, version, now: examinedAt } = input
  return { home, version, examinedAt, running: subject.holder !== undefined, ...tallyOf(found.flat()) }
}

/** Findings with what they come to. */
export function tallyOf(findings: GroupedFinding[]): Pick<Report, 'ok' | 'counts' | 'risks' | 'findings'> {
  const count = (severity: Severity) => findings.filter(finding => finding.severity === severity).length
  const counts = { ok: count('ok'), info: count('info'), warn: count('warn'), error: count('error') }
  const ofRisk = (risk: Risk) => [risk, findings.filter(finding => finding.risk === risk).length] as const
  // It has every key of the list, which fromEntries widens to string.
  const tally = Object.fromEntries(risks.map(ofRisk)) as Record<Risk, number>
  return { ok: counts.error === 0, counts, risks: tally, findings }
}

async function look(check: Check, subject: Subject): Promise<GroupedFinding[]> {
  const { name, group } = check
  try {
    return (await check.look(subject)).map(finding => ({ group, ...finding }))
  } catch (thrown) {
    const fix = 'Use the account that the gateway runs under.'
    return [{ group, ...bad(`${name}.check`, `The check "${name}" could not be made.`, reasonOf(thrown), fix) }]
  }
}

async function subjectOf(input: ExaminationInput): Promise<Subject> {
  const { home, version, now, monotonic, env, offline = false, live } = input
  const machine = { ...thisMachine(), ...input.machine }
  const patience = { ...usualPatience, ...input.patience }
  const file = join(home, 'gateway.db')
  const { database, ...lock } = await inspectSteadily(file, input)
  return {
    home,
    file,
    version,
    machine,
    env,
    now,
    monotonic,
    offline,
    patience,
    live,
    ...settingsOf(input),
    ...lock,
    database,
  }
}

interface Lock {
  holder: Partial<Holder> | undefined
  lockProblem: string | undefined
}

/** A database that nobody had open is looked at anew if somebody opened it meanwhile: what was seen may be half of it. */
async function inspectSteadily(file: string, input: ExaminationInput): Promise<Lock & { database: Inspection }> {
  const { home, full } = input
  const pages = input.groups === undefined || input.groups.includes('database')
  const inspect = ({ holder }: Lock) =>
    inspectInThread({ file, migrationsDir, full, pages, live: holder !== undefined })
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

type SettingsPart = Pick<Subject, 'config' | 'settingsProblem' | 'settingsWarnings' | 'providers'>

function settingsOf(input: ExaminationInput): SettingsPart {
  const { loaded, problem } = load(input)
  // A gateway goes on with what it read before the file was broken.
  const config = input.config ?? loaded?.values
  const parsed = config && providersSchema.safeParse(config['agent.providers'])
  const issue = parsed?.error?.issues[0]
  const path = ['agent.providers', ...(issue?.path ?? [])].join('.')
  return {
    config,
    settingsProblem: problem ?? (issue && `${path}: ${issue.message}.`),
    settingsWarnings: loaded?.warnings ?? [],
    providers: (parsed?.data ?? []).flatMap(provider => providerOf(provider, input)),
  }
}

function load({ home, env }: ExaminationInput): { loaded?: LoadedConfig; problem?: string } {
  try {
    return { loaded: loadConfig({ home, env }) }
  } catch (thrown) {
    return { problem: reasonOf(thrown) }
  }
}

/** One that is asked over the network, with its key. */
function providerOf(config: ProviderConfig, source: Pick<ExaminationInput, 'home' | 'env'>): Provider[] {
  if (config.kind === 'offline') return []
  const { name, kind, baseUrl, headers = {} } = config
  const models = config.models.map(model => (typeof model === 'string' ? model : model.id))
  const { keyPlace, key } = keyOf(config, source)
  return [{ name, kind, baseUrl, headers, models, keyPlace, key: key?.trim() || undefined }]
}

function keyOf(
  { apiKey, apiKeyEnv, apiKeyFile }: Exclude<ProviderConfig, { kind: 'offline' }>,
  { home, env }: Pick<ExaminationInput, 'home' | 'env'>,
): { keyPlace: KeyPlace | undefined; key: string | undefined } {
  if (apiKey !== undefined) return { keyPlace: { setting: 'apiKey' }, key: apiKey }
  if (apiKeyEnv !== undefined) return { keyPlace: { setting: 'apiKeyEnv', value: apiKeyEnv }, key: env[apiKeyEnv] }
  if (apiKeyFile === undefined) return { keyPlace: undefined, key: undefined }
  const file = resolve(home, apiKeyFile)
  return { keyPlace: { setting: 'apiKeyFile', value: file }, key: readSecret({ file }, env, home) }
}

function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\.$/, '')
}
