import type { FactChange, MemoryEntry, Note } from '../../../db/store.ts'
import { cutText, labelled, minuteOf, outsideMark } from './keep.ts'

const maxValueChars = 200
const maxChanges = 50

/** One entry of the memory, with the number by which a person can delete it. */
export function entryLine({ id, at, category, tainted }: MemoryEntry, text: string): string {
  return labelled(`[${id}] ${minuteOf(at)}, ${category}${tainted ? ` ${outsideMark}` : ''}:`, text)
}

export function noteHead({ id, title, tags, version, updatedAt, tainted }: Omit<Note, 'content'>): string {
  const tagged = tags.length > 0 ? `, tags: ${tags.join(', ')}` : ''
  return `notes/${id}.md "${title}" (version ${version}, ${minuteOf(updatedAt)}${tagged})${tainted ? ` ${outsideMark}` : ''}`
}

/** What a merge of facts changes, one line each. */
export function changeLines(changes: readonly FactChange[]): string {
  const lines = changes.slice(0, maxChanges).map(changeLine)
  if (changes.length > maxChanges) lines.push(`… and ${changes.length - maxChanges} more`)
  return lines.join('\n')
}

function changeLine(change: FactChange): string {
  const path = change.path.join('.')
  if (!('after' in change)) return `- ${path} (was ${valueText(change.before)})`
  if (!('before' in change)) return `+ ${path}: ${valueText(change.after)}`
  return `~ ${path}: ${valueText(change.before)} → ${valueText(change.after)}`
}

function valueText(value: unknown): string {
  return cutText(JSON.stringify(value) ?? 'nothing', maxValueChars)
}
