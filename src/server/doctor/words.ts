const kibibyte = 1024
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const maxNames = 5

/** Such as 300.5 MB. */
export function sizeText(bytes: number): string {
  if (bytes < kibibyte) return `${bytes} bytes`
  if (bytes < kibibyte ** 2) return `${(bytes / kibibyte).toFixed(1)} KB`
  if (bytes < kibibyte ** 3) return `${(bytes / kibibyte ** 2).toFixed(1)} MB`
  return `${(bytes / kibibyte ** 3).toFixed(1)} GB`
}

/** Such as "1 session" and "2 sessions". */
export function countText(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

/** Such as "3 days". */
export function ageText(ms: number): string {
  if (ms < 2 * hourMs) return countText(Math.max(0, Math.round(ms / 60_000)), 'minute')
  if (ms < 2 * dayMs) return countText(Math.round(ms / hourMs), 'hour')
  return countText(Math.round(ms / dayMs), 'day')
}

/** The first few names, and how many more there are. */
export function namesText(names: readonly string[]): string {
  const more = names.length - maxNames
  return more > 0 ? `${names.slice(0, maxNames).join(', ')} and ${more} more` : names.join(', ')
}

/** A path as a shell takes it. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

/** What stands in the way, in the words of who refused it. */
export function reasonOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\.$/, '')
}
