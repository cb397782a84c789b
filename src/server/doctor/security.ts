import type { Config } from '../config.ts'
import { type Check, type Finding, info, ok, type Risk, type Severity, type Subject } from './check.ts'
import { fileRows } from './security-files.ts'
import { outwardRows } from './security-outward.ts'
import { processRows } from './security-process.ts'
import { reachRows } from './security-reach.ts'
import { tokenRows } from './security-tokens.ts'
import { toolRows } from './security-tools.ts'

/** One thing that could let somebody in or tell somebody something. */
export interface SecurityRow {
  /** Stable, for programs. */
  id: string
  /** What is said where nothing is found. */
  fine: string
  /** Why a weakness of this kind matters. */
  why: string
  look(subject: Audited): Weakness[]
}

export interface Weakness {
  risk: Risk
  title: string
  /** A command, or a line of the settings. */
  fix: string
}

/** Settings that nobody can read cannot be audited. */
export type Audited = Subject & { config: Config }

export const securityRows: readonly SecurityRow[] = [
  ...reachRows,
  ...tokenRows,
  ...fileRows,
  ...outwardRows,
  ...processRows,
  ...toolRows,
]

/** The audit: every row, each with what it found or that it found nothing. */
export const securityCheck: Check = {
  name: 'security',
  group: 'security',
  look(subject) {
    const { config } = subject
    if (!config) return [info('security.settings', 'It is not made while a setting cannot be used.', null)]
    return securityRows.flatMap(row => findingsOf(row, { ...subject, config }))
  },
}

const severities: Readonly<Record<Risk, Severity>> = {
  critical: 'error',
  high: 'warn',
  medium: 'warn',
  low: 'info',
  info: 'info',
}

function findingsOf({ id, fine, why, look }: SecurityRow, subject: Audited): Finding[] {
  const found = look(subject)
  if (found.length === 0) return [ok(id, fine)]
  return found.map(({ risk, title, fix }) => ({ id, severity: severities[risk], risk, title, detail: why, fix }))
}
