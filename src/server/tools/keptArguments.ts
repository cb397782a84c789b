// The history says what was asked for; who needs the text of a file has the file.
const maxStringChars = 2_000
const maxParts = 200
const maxDepth = 6
// Shorter arguments are kept as they are.
const maxChars = 16 * 1024

/**
 * Arguments as they may be stored: without secrets, long texts cut.
 * @param clean takes secrets out of JSON; the result is JSON again
 */
export function keptArguments(args: Record<string, unknown>, clean: (json: string) => string): Record<string, unknown> {
  const text = JSON.stringify(args)
  // Before it is cut: half of a secret would not be found.
  const cleaned = clean(text)
  if (cleaned === text && text.length <= maxChars) return args
  // It was written from an object just now.
  const parsed = JSON.parse(cleaned) as Record<string, unknown>
  return cleaned.length <= maxChars ? parsed : (cut(parsed, 0) as Record<string, unknown>)
}

function cut(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    if (value.length <= maxStringChars) return value
    return `${value.slice(0, maxStringChars).toWellFormed()}… (${value.length} characters)`
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return '…'
  if (Array.isArray(value)) return value.slice(0, maxParts).map(part => cut(part, depth + 1))
  const parts = Object.entries(value).slice(0, maxParts)
  return Object.fromEntries(parts.map(([key, part]) => [key, cut(part, depth + 1)]))
}
