import type { Inspection } from '../../db/sqlite/inspect.ts'
import type { Holder } from '../../db/sqlite/lock.ts'
import type { Config } from '../config.ts'

export type Severity = 'ok' | 'info' | 'warn' | 'error'

/** One thing that was found; its words are for a person who wants to know what to do. */
export interface Finding {
  /** Stable, for programs: `folder.mode`. */
  id: string
  severity: Severity
  title: string
  detail: string | null
  /** What to do about it, often a command; null where nothing is to be done. */
  fix: string | null
}

/** What checks look at. They read more of the data folder themselves, and change nothing in it. */
export interface Subject {
  home: string
  /** The database. */
  file: string
  /** Of this program. */
  version: string
  nodeVersion: string
  /** Account that this process runs under; undefined where there are none. */
  userId: number | undefined
  /** Unix ms. */
  now: number
  /** Settings as the gateway would see them; undefined if they cannot be used, for `settingsProblem`. */
  config: Config | undefined
  settingsProblem: string | undefined
  settingsWarnings: readonly string[]
  /** Who holds the data folder; undefined if nobody does, or that cannot be found out, for `lockProblem`. */
  holder: Partial<Holder> | undefined
  lockProblem: string | undefined
  database: Inspection
}

export const groups = {
  program: 'Program',
  folder: 'Data folder',
  settings: 'Settings',
  database: 'Database',
  backups: 'Backups',
  network: 'Network',
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
