import type { Inspection } from '../../db/sqlite/inspect.ts'
import type { Holder } from '../../db/sqlite/lock.ts'
import type { Config } from '../config.ts'
import type { LastBackup } from '../record.ts'
import type { ProviderPool } from '../record-models.ts'
import type { Machine } from './machine.ts'

export type Severity = 'ok' | 'info' | 'warn' | 'error'

/** How much somebody could do with a weakness, the most first. */
export const risks = ['critical', 'high', 'medium', 'low', 'info'] as const
export type Risk = (typeof risks)[number]

/** One thing that was found; its words are for a person who wants to know what to do. */
export interface Finding {
  /** Stable, for programs: `folder.mode`. */
  id: string
  severity: Severity
  title: string
  detail: string | null
  /** What to do about it, often a command; null where nothing is to be done. */
  fix: string | null
  /** Of a weakness that the security audit found; its `detail` then says why it matters. */
  risk?: Risk
}

/** What checks look at. They read more of the data folder themselves, and change nothing in it. */
export interface Subject {
  home: string
  /** The database. */
  file: string
  /** Of this program. */
  version: string
  machine: Machine
  /** As the gateway has it, or would get it from this shell. */
  env: Readonly<Record<string, string | undefined>>
  /** Unix ms. */
  now: number
  /** Milliseconds that never go backwards. */
  monotonic: () => number
  /** Settings as the gateway would see them; undefined if they cannot be used, for `settingsProblem`. */
  config: Config | undefined
  settingsProblem: string | undefined
  settingsWarnings: readonly string[]
  /** Those that are asked over the network. */
  providers: readonly Provider[]
  /** Whether nobody else is asked. */
  offline: boolean
  patience: Patience
  /** Who holds the data folder; undefined if nobody does, or that cannot be found out, for `lockProblem`. */
  holder: Partial<Holder> | undefined
  lockProblem: string | undefined
  database: Inspection
  /** Set where the gateway looks at itself. */
  live: Live | undefined
}

/** How long a report waits for others, in ms. */
export interface Patience {
  /** For a provider to answer. */
  providerMs: number
  /** For a program to end. */
  programMs: number
  /** For whoever has a port. */
  portMs: number
}

/** A provider of the settings, with the key that it gets. */
export interface Provider {
  name: string
  kind: 'openai-compatible' | 'anthropic'
  baseUrl: string
  headers: Readonly<Record<string, string>>
  /** Ids of the models that are asked there. */
  models: readonly string[]
  /** Where its key is: a variable, a file (an absolute path), or the settings, of which nothing is told; undefined where none is wanted. */
  keyPlace: KeyPlace | undefined
  /** Never to be shown. Undefined if there is none at that place. */
  key: string | undefined
}

export type KeyPlace = { setting: 'apiKey' } | { setting: 'apiKeyEnv' | 'apiKeyFile'; value: string }

/** What only the gateway that runs knows. */
export interface Live {
  /** Why it stores nothing now, and what one should know though it does. */
  problems: readonly string[]
  notices: readonly string[]
  draining: boolean
  connections: number
  pools: readonly ProviderPool[]
  /** Refusals since its start, by limit. */
  refused: Readonly<Record<string, number>>
  lostLogLines: number
  lastBackup: LastBackup | undefined
  /** Settings that wait for a restart. */
  waitingSettings: readonly string[]
  /** Files of the folder of own tools that are none, and why. */
  brokenTools: readonly { name: string; reason: string }[]
  sandbox: { level: string; reason: string | undefined }
  /** Those whose time is over and that had no turn, and those that the gateway paused by itself. */
  schedules: {
    overdue: readonly { name: string; dueAt: number }[]
    stopped: readonly { name: string; reason: string }[]
  }
}

export const groups = {
  program: 'Program',
  folder: 'Data folder',
  settings: 'Settings',
  database: 'Database',
  backups: 'Backups',
  network: 'Network',
  providers: 'Providers',
  gateway: 'Running gateway',
  security: 'Security',
} as const

export type Group = keyof typeof groups

/** One theme: what it finds in a data folder. It may throw, which then is what was found. */
export interface Check {
  name: string
  group: Group
  look(subject: Subject): Finding[] | Promise<Finding[]>
}

export function ok(id: string, title: string, detail: string | null = null): Finding {
  return { id, severity: 'ok', title, detail, fix: null }
}

export function info(id: string, title: string, detail: string | null, fix: string | null = null): Finding {
  return { id, severity: 'info', title, detail, fix }
}

export function warn(id: string, title: string, detail: string | null, fix: string): Finding {
  return { id, severity: 'warn', title, detail, fix }
}

export function bad(id: string, title: string, detail: string | null, fix: string): Finding {
  return { id, severity: 'error', title, detail, fix }
}
