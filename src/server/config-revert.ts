import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configFile, isRecord, removeFile, replaceFile } from './config-file.ts'

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

function revertFile(home: string): string {
  return join(home, 'run', 'config-revert.json')
}
