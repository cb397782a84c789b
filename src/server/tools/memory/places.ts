import { TalonError } from '../../../protocol/errors.ts'

/** What a path of `memory_read` names. */
export type Place =
  | { kind: 'overview' }
  | { kind: 'persona' | 'facts'; version: number | undefined }
  | { kind: 'note'; id: number; version: number | undefined }
  | { kind: 'day'; day: string; before: number | undefined }
  | { kind: 'category'; category: string; before: number | undefined }

const dayForm = /^\d{4}-\d{2}-\d{2}$/

/** @throws TalonError `NOT_FOUND` that says which paths there are */
export function placeOf(path: string): Place {
  const clean = path.trim().replace(/^(\.?\/+)+/, '')
  const [, name = '', number] = /^(.*?)(?:@(\d{1,15}))?$/su.exec(clean) ?? []
  const version = number === undefined ? undefined : Number(number)
  if (/^(|\.|memory\/?|memory\.md)$/iu.test(name)) return { kind: 'overview' }
  if (/^soul(\.md)?$/iu.test(name)) return { kind: 'persona', version }
  if (/^facts(\.json)?$/iu.test(name)) return { kind: 'facts', version }
  const note = /^notes\/(\d{1,15})(?:\.md)?$/iu.exec(name)?.[1]
  if (note !== undefined) return { kind: 'note', id: Number(note), version }
  const entries = /^memory\/([^/]+?)(?:\.md)?$/iu.exec(name)?.[1]
  if (entries === undefined) throw unknownPlace(path)
  if (dayForm.test(entries)) return { kind: 'day', day: entries, before: version }
  return { kind: 'category', category: categoryOf(entries), before: version }
}

export function unknownPlace(path: string): TalonError {
  const paths = 'SOUL.md, FACTS.json, memory/2026-11-23.md (a day), memory/<category>.md and notes/<number>.md'
  const text = `There is nothing at ${JSON.stringify(path)}. There are ${paths}; without a path all that there is is listed.`
  return new TalonError('NOT_FOUND', text)
}

/** A category in the one form in which it is kept. */
export function categoryOf(name: string): string {
  return name.normalize('NFC').trim().replace(/\s+/gu, ' ').toLowerCase()
}

/** Why something cannot be the name of a category; undefined if it can. */
export function problemOfCategory(name: string): string | undefined {
  if (dayForm.test(name)) return 'a category cannot be called like a day'
  if (/[/\\@\p{Cc}]/u.test(name)) return 'a category holds no slash, no @ and no control characters'
  return /\.md$/iu.test(name) ? 'a category is named without ".md"' : undefined
}
