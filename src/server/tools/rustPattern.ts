/** Classes that are of ASCII in RE2 and of all Unicode in Rust, spelled out. */
const classes: Readonly<Record<string, { inside: string | undefined; outside: string }>> = {
  d: { inside: '0-9', outside: '[0-9]' },
  D: { inside: undefined, outside: '[^0-9]' },
  s: { inside: '\\t\\n\\f\\r ', outside: '[\\t\\n\\f\\r ]' },
  S: { inside: undefined, outside: '[^\\t\\n\\f\\r ]' },
  w: { inside: '0-9A-Za-z_', outside: '[0-9A-Za-z_]' },
  W: { inside: undefined, outside: '[^0-9A-Za-z_]' },
  b: { inside: undefined, outside: '(?-u:\\b)' },
  B: { inside: undefined, outside: '(?-u:\\B)' },
}

/** In Rust these are about the file where here they are about the line, or have another meaning. */
const others = /^[AzQEC<>]$/

/**
 * An expression of RE2 in the syntax of Rust's crate `regex`, which ripgrep has; undefined if it could mean another
 * thing there.
 */
export function rustPattern(pattern: string): string | undefined {
  if (/\(\?[a-zA-Z]*[ms-]/.test(pattern) || /[\r\n]/.test(pattern)) return undefined
  let inside = false
  let translated = ''
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? ''
    if (character === '\\') {
      const meaning = escaped(pattern[++at] ?? '', inside)
      if (meaning === undefined) return undefined
      translated += meaning
      continue
    }
    // Sets in sets, and what Rust takes for operations on them.
    if (inside && (character === '[' || /^(?:&&|--|~~)/.test(pattern.slice(at)))) return undefined
    if (character === '[') {
      inside = true
      // A "]" that comes first is a member.
      const begin = /^\[\^?\]?/.exec(pattern.slice(at))?.[0] ?? '['
      translated += begin
      at += begin.length - 1
      continue
    }
    if (character === ']') inside = false
    translated += character
  }
  return translated
}

function escaped(character: string, inside: boolean): string | undefined {
  if (others.test(character)) return undefined
  const found = Object.hasOwn(classes, character) ? classes[character] : undefined
  if (!found) return `\\${character}`
  return inside ? found.inside : found.outside
}
