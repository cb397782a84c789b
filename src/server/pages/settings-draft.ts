import { isDeepStrictEqual } from 'node:util'
import { readValue, textOf } from '../../islands/settings/values.ts'
import { parseBody } from '../../protocol/envelope.ts'
import { TalonError } from '../../protocol/errors.ts'
import { check } from '../config.ts'
import { ConfigError } from '../config-file.ts'
import type { SettingKey } from '../settings.ts'
import { isEditable, type SettingView } from './settings-views.ts'

/** What somebody entered in the form of the settings, compared with what the form began with. */
export interface Draft {
  /** Each text that is another than at the beginning, as it was entered. */
  texts: ReadonlyMap<SettingKey, string>
  changes: ReadonlyMap<SettingKey, unknown>
  /** Keys that go back to their default. */
  reset: ReadonlySet<SettingKey>
  /** Why a text is no value, by key. */
  problems: ReadonlyMap<SettingKey, string>
  /** The values that the form began with. */
  base: Readonly<Record<string, unknown>>
}

/** One change before it is saved. */
export interface ReviewEntry {
  view: SettingView
  after: unknown
  /** What was entered, to be sent on; undefined for a setting that goes back to its default. */
  text: string | undefined
  /** What the form began with, where somebody else changed the same setting meanwhile. */
  began?: { value: unknown }
}

/** What a draft would change now. */
export interface Review {
  hash: string
  /** The values that it is compared with. */
  base: Record<string, unknown>
  entries: ReviewEntry[]
  /** What others changed meanwhile beside that. */
  others: { view: SettingView; began: unknown }[]
}

/**
 * Reads the form. A text that is the same as at the beginning changes nothing, whatever the value is now.
 * @throws TalonError `INVALID_MESSAGE` for what is no form of ours
 */
export function readDraft(form: URLSearchParams, views: readonly SettingView[]): Draft {
  const base = baseOf(form)
  const asked = new Set(form.getAll('reset'))
  const reset = new Set(views.filter(view => asked.has(view.key) && isEditable(view)).map(({ key }) => key))
  const texts = new Map<SettingKey, string>()
  const changes = new Map<SettingKey, unknown>()
  const problems = new Map<SettingKey, string>()
  for (const { key, field } of views.filter(isEditable)) {
    const entered = form.get(`set.${key}`)?.replaceAll('\r\n', '\n')
    if (entered === undefined || !Object.hasOwn(base, key) || form.get(`take.${key}`) === 'theirs') continue
    if (reset.has(key) || entered === textOf(field, base[key])) continue
    const read = readValue(field, entered)
    if ('value' in read && isDeepStrictEqual(read.value, base[key])) continue
    texts.set(key, entered)
    const problem = 'problem' in read ? read.problem : problemOf(key, read.value)
    if (problem !== undefined) problems.set(key, problem)
    else if ('value' in read) changes.set(key, read.value)
  }
  return { texts, changes, reset, problems, base }
}

/** Holds a draft against the settings as they are now. */
export function reviewOf(draft: Draft, views: readonly SettingView[], hash: string): Review {
  const entries: ReviewEntry[] = []
  const others: Review['others'] = []
  for (const view of views) {
    const { key, value, standard } = view
    const isMine = draft.changes.has(key) || draft.reset.has(key)
    const wasChanged = Object.hasOwn(draft.base, key) && !isDeepStrictEqual(draft.base[key], value)
    if (!isMine) {
      if (wasChanged) others.push({ view, began: draft.base[key] })
      continue
    }
    const after = draft.reset.has(key) ? standard : draft.changes.get(key)
    if (isDeepStrictEqual(after, value) && !(draft.reset.has(key) && view.source === 'file')) continue
    const began = wasChanged && { began: { value: draft.base[key] } }
    entries.push({ view, after, text: draft.texts.get(key), ...began })
  }
  const base = Object.fromEntries(views.filter(isEditable).map(({ key, value }) => [key, value]))
  return { hash, base, entries, others }
}

/** What a draft asks the gateway for. */
export function askedBy({ changes, reset }: Draft): { changes: Record<string, unknown>; reset: string[] } {
  return { changes: Object.fromEntries(changes), reset: [...reset] }
}

function baseOf(form: URLSearchParams): Record<string, unknown> {
  try {
    const base = form.get('base')
    // By the rules of a frame, because it is compared and written by what goes as deep as it is.
    if (base) return parseBody(base)
  } catch {
    // Said below.
  }
  throw new TalonError('INVALID_MESSAGE', 'The form was not complete. Load the page again.')
}

function problemOf(key: SettingKey, value: unknown): string | undefined {
  try {
    check(key, value, 'This cannot be used')
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return undefined
}
