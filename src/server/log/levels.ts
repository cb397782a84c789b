import type { Config } from '../config.ts'

/** Levels by their names, with the numbers that pino writes into a line. */
export const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const

export type Level = keyof typeof levels

const names = new Map<number, Level>(Object.entries(levels).map(([name, number]) => [number, name as Level])) // The keys of a literal table, which Object.entries widens to string.

/** The name of a level; a number between two is the lower one of them. */
export function levelName(number: number): Level {
  return names.get(Math.min(60, Math.max(10, Math.floor(number / 10) * 10))) ?? 'info'
}

/** The lowest number that is logged at a setting of `log.level`. */
export function minimumOf(level: Config['log.level']): number {
  return level === 'silent' ? Number.POSITIVE_INFINITY : levels[level]
}
