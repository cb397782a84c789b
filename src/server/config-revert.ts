import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configFile, hashOf, isRecord, readConfigText, removeFile, replaceFile } from './config-file.ts'
import type { Log } from './log.ts'
import type { Clock } from './record.ts'

/** A change that is taken back unless somebody confirms it. It is kept in a file, because it holds over a restart too. */
export interface Revert {
  /** Of the file after the change; with any other the revert is void. */
  hash: string
  /** Unix ms. */
  until: number
  withinMs: number
  /** Text of the file before; null if there was none. */
  before: string | null
}

/** The revert that waits; undefined if there is none, or none that can be read. */
export function readRevert(home: string): Revert | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(revertFile(home), 'utf8'))
    if (!isRecord(found)) return undefined
    const { hash, until, withinMs, before } = found
    if (typeof hash !== 'string' || typeof until !== 'number' || typeof withinMs !== 'number') return undefined
    if (before !== null && typeof before !== 'string') return undefined
    return { hash, until, withinMs, before }
  } catch {
    return undefined
  }
}

/** The text that a start begins with, after what nobody confirmed in time was taken back, and what still waits. */
export function firstText({ home, clock, log }: { home: string; clock: Clock; log: Log }): {
  text: string | undefined
  waiting?: Revert
} {
  const text = readConfigText(home)
  const revert = readRevert(home)
  if (!revert) return { text }
  if (revert.hash !== hashOf(text)) {
    dropRevert(home)
    return { text }
  }
  if (revert.until > clock.now()) return { text, waiting: revert }
  log.warn('the last change of the settings was taken back, because nobody confirmed it in time')
  return { text: restoreBefore(home, revert) }
}

/** When it is done, for a person. */
export function endOf({ until }: Revert): string {
  return new Date(until).toISOString()
}

export function writeRevert(home: string, revert: Revert): void {
  replaceFile(revertFile(home), `${JSON.stringify(revert)}\n`)
}

export function dropRevert(home: string): void {
  removeFile(revertFile(home))
}

/** Puts the file back; its text from now on, undefined if there is none. */
export function restoreBefore(home: string, { before }: Revert): string | undefined {
  if (before === null) removeFile(configFile(home))
  else replaceFile(configFile(home), before)
  dropRevert(home)
  return before ?? undefined
}

/**
 * Takes back what waits to be confirmed, because the gateway does not start with it: nobody could confirm it, and whoever
 * starts it again would fail until its time has ended.
 */
export function abandonChange({ home, log }: { home: string; log: Log }): void {
  const revert = readRevert(home)
  if (!revert || revert.hash !== hashOf(readConfigText(home))) return
  restoreBefore(home, revert)
  log.warn('the last change of the settings, which nobody confirmed, was taken back: the gateway did not start with it')
}

function revertFile(home: string): string {
  return join(home, 'run', 'config-revert.json')
}
