import { TalonError } from '../protocol/errors.ts'

/** What is known: one JSON object. */
export type Facts = Record<string, unknown>

/** One value that a merge changes; `before` is absent for a new one, `after` for one that goes. */
export interface FactChange {
  /** Names of keys, from the outermost in. */
  path: string[]
  before?: unknown
  after?: unknown
}

// Deeper than anybody thinks; every level of it is a call of the merge.
const maxDepth = 16
// All of it is in the prompt of a model, or would be if it fitted.
const maxBytes = 64 * 1024

/**
 * Facts with a patch merged into them: objects are merged key by key, null takes a key away, anything else replaces.
 * @throws TalonError `INVALID_MESSAGE` where it is nested too deeply, `TOO_LARGE` where the result is too long
 */
export function merge(facts: Facts, patch: Facts): { facts: Facts; text: string; changes: FactChange[] } {
  const changes: FactChange[] = []
  const merged = mergeLevel(facts, patch, [], changes)
  const text = JSON.stringify(merged)
  const bytes = Buffer.byteLength(text)
  if (bytes > maxBytes && changes.length > 0) {
    throw new TalonError(
      'TOO_LARGE',
      `The facts would have ${bytes} bytes; at most ${maxBytes} are kept. Take some away with null, or save a note.`,
    )
  }
  return { facts: merged, text, changes }
}

/** Which keys hold text of others after a merge: one that is replaced as a whole in a clean conversation does not. */
export function taintedKeysAfter(
  before: readonly string[],
  facts: Facts,
  changes: FactChange[],
  tainted: boolean,
): string[] {
  const keys = new Set(before)
  for (const { path } of changes) {
    const [key = ''] = path
    if (tainted) keys.add(key)
    else if (path.length === 1) keys.delete(key)
  }
  return [...keys].filter(key => Object.hasOwn(facts, key))
}

function mergeLevel(facts: Facts, patch: Facts, path: string[], changes: FactChange[]): Facts {
  if (path.length >= maxDepth) {
    throw new TalonError('INVALID_MESSAGE', `Facts are nested at most ${maxDepth} levels deep.`)
  }
  const merged = new Map(Object.entries(facts))
  for (const [key, value] of Object.entries(patch)) {
    const here = [...path, key]
    const before = merged.get(key)
    const known = merged.has(key)
    if (value === null || value === undefined) {
      if (known) changes.push({ path: here, before })
      merged.delete(key)
    } else if (isObject(value) && (isObject(before) || !known)) {
      const inner = mergeLevel(isObject(before) ? before : {}, value, here, changes)
      // An object of nulls only takes away; an empty one is a value like any other.
      if (!known && Object.keys(inner).length === 0) {
        if (Object.keys(value).length > 0) continue
        changes.push({ path: here, after: inner })
      }
      merged.set(key, inner)
    } else {
      const after = isObject(value) ? mergeLevel({}, value, here, []) : plain(value, here.length)
      if (JSON.stringify(after) === JSON.stringify(before)) continue
      changes.push(known ? { path: here, before, after } : { path: here, after })
      merged.set(key, after)
    }
  }
  // As own properties, whatever they are called.
  return Object.fromEntries(merged)
}

/** A value that is no object, if it is not nested too deeply. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) throw new TalonError('INVALID_MESSAGE', `Facts are nested at most ${maxDepth} levels deep.`)
  if (Array.isArray(value)) return value.map(part => plain(part, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part, depth + 1)]))
}

function isObject(value: unknown): value is Facts {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
