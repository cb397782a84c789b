// Three characters of four bits each, in which most of a line meets nothing.
const bits = 4
const size = 4_096

/**
 * Looks for many texts at once, in whatever case: which of them stand in a line is found in one pass over it, however
 * many they are. Each has three characters or more.
 */
export function createFinder(texts: Iterable<string>): (line: string) => ReadonlySet<string> {
  const byStart: (string[] | undefined)[] = new Array(size).fill(undefined)
  for (const text of texts) {
    const lower = text.toLowerCase()
    let start = 0
    for (let at = 0; at < 3; at++) start = ((start << bits) ^ lower.charCodeAt(at)) & (size - 1)
    byStart[start] = [...(byStart[start] ?? []), lower]
  }
  return line => {
    const lower = line.toLowerCase()
    let start = 0
    let found = none
    for (let at = 0; at < lower.length; at++) {
      start = ((start << bits) ^ lower.charCodeAt(at)) & (size - 1)
      const candidates = byStart[start]
      if (candidates === undefined) continue
      for (const text of candidates) {
        if (lower.startsWith(text, at - 2)) found = (found === none ? new Set<string>() : found).add(text)
      }
    }
    return found
  }
}

const none = new Set<string>()
