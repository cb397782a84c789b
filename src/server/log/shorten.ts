/** Longest line that is kept, in characters; more says nothing more, and a follower gets it in one frame. */
export const maxLineChars = 16 * 1024

// What is left of each part of a longer line.
const maxStringChars = 2_000
const maxParts = 50
const maxDepth = 4

/** A line of JSON that is not too long: its long strings and lists are cut, as it says of each. */
export function shorten(line: string): string {
  if (line.length <= maxLineChars) return line
  // Written by pino, as an object.
  const fields = JSON.parse(line) as Record<string, unknown>
  const shorter = JSON.stringify(cut(fields, 0))
  if (shorter.length <= maxLineChars) return shorter
  const { level, time, msg } = fields
  return JSON.stringify({ level, time, cutFrom: line.length, msg: cut(msg, 0) })
}

function cut(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cutString(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return '…'
  if (Array.isArray(value)) return value.slice(0, maxParts).map(part => cut(part, depth + 1))
  const parts = Object.entries(value).slice(0, maxParts)
  return Object.fromEntries(parts.map(([key, part]) => [key, cut(part, depth + 1)]))
}

function cutString(text: string): string {
  if (text.length <= maxStringChars) return text
  return `${text.slice(0, maxStringChars).toWellFormed()}… (${text.length} characters)`
}
