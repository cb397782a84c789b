import { hash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** A setting that cannot be used; the process says so and exits with 78 (EX_CONFIG of sysexits.h). */
export class ConfigError extends Error {
  static readonly exitCode = 78
}

/** What the file holds: objects by their section, of values by their name. */
export type Sections = Record<string, unknown>

// 128 bits: it guards against accidents, and is short enough to be read aloud.
const hashLength = 32

/** Path of the configuration file of a data folder. */
export function configFile(home: string): string {
  return join(home, 'talon.json')
}

/**
 * Keeps a text of the file that a gateway worked with beside it, as `talon.json.last-good`.
 * @throws the error of the system
 */
export function keepLastGood(home: string, text: string | undefined): void {
  const copy = lastGoodFile(home)
  if (text === undefined || (existsSync(copy) && readFileSync(copy, 'utf8') === text)) return
  replaceFile(copy, text)
}

export function hasLastGood(home: string): boolean {
  return existsSync(lastGoodFile(home))
}

function lastGoodFile(home: string): string {
  return `${configFile(home)}.last-good`
}

/** The text of the file; undefined if there is none. @throws ConfigError if it cannot be read */
export function readConfigText(home: string): string | undefined {
  const file = configFile(home)
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    // A path that leads through a file is no data folder at all, which the start says better than we could.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return
    throw new ConfigError(`${file} cannot be read: ${reasonOf(error)}.`)
  }
}

/** @throws ConfigError that names the file */
export function parseSections(file: string, text: string): Sections {
  let sections: unknown
  try {
    // Some editors begin a file with a mark of its encoding.
    sections = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new ConfigError(`${file} is not valid JSON: ${withoutExcerpt(reasonOf(error))}.`)
  }
  if (!isRecord(sections)) throw new ConfigError(`${file} must hold a JSON object such as {"server": {"port": 19789}}.`)
  return sections
}

/** What tells one state of the file from another. */
export function hashOf(text: string | undefined): string {
  return hash('sha256', text ?? '').slice(0, hashLength)
}

/** A change of the file: values by their key, undefined to take one out. */
export type FileChanges = ReadonlyMap<string, unknown>

/** The text with these changes; the very same text if they change nothing. */
export function changedText(file: string, text: string | undefined, changes: FileChanges): string | undefined {
  const sections = text === undefined ? {} : parseSections(file, text)
  const before = JSON.stringify(sections)
  for (const [key, value] of changes) {
    const [section = '', name = ''] = key.split('.')
    const found = sections[section]
    const values = isRecord(found) ? found : {}
    if (value === undefined) delete values[name]
    else values[name] = value
    if (Object.keys(values).length > 0) sections[section] = values
    else delete sections[section]
  }
  if (JSON.stringify(sections) === before) return text
  return `${JSON.stringify(sections, null, 2)}\n`
}

/**
 * Replaces a file at once and durably, readable by its owner only: after a crash it holds the old text or the new one.
 * @throws the error of the system
 */
export function replaceFile(file: string, text: string): void {
  // Where it is a link, the file behind it is meant.
  const target = realPath(file)
  const draft = `${target}.draft`
  rmSync(draft, { force: true })
  try {
    const descriptor = openSync(draft, 'wx', 0o600)
    try {
      writeFileSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(draft, target)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  syncFolder(dirname(target))
}

/** Removes a file if it is there, durably. */
export function removeFile(file: string): void {
  rmSync(file, { force: true })
  syncFolder(dirname(file))
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')
}

/** The parser quotes what it stumbled over, which may be a key. */
function withoutExcerpt(reason: string): string {
  return reason.replace(/, (?:\.\.\.)?"[\s\S]*"(?:\.\.\.)? is not valid JSON$/, '')
}

function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

/** The name of a file lasts only when its folder is written as well. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
