import { RE2JS } from 're2js'
import { TalonError } from '../../protocol/errors.ts'

const maxPatternLength = 200

/**
 * Whether a path fits a pattern of `*`, `**`, `?`, `[a-z]`, `[!a-z]` and `{one,two}`. A pattern without `/` is about
 * the name alone, in any folder. It runs in linear time, so that no pattern can hold the gateway up.
 * @throws TalonError `INVALID_MESSAGE` for a pattern that has no meaning
 */
export function compileGlob(pattern: string): (path: string) => boolean {
  if (pattern.length > maxPatternLength) throw invalid(pattern, `is longer than ${maxPatternLength} characters`)
  const plain = pattern.replace(/^\.\//, '')
  const expression = compile(pattern, translate(plain, pattern))
  if (plain.includes('/')) return path => expression.testExact(path)
  return path => expression.testExact(path.slice(path.lastIndexOf('/') + 1))
}

function compile(pattern: string, source: string): RE2JS {
  try {
    return RE2JS.compile(source, RE2JS.DOTALL)
  } catch {
    throw invalid(pattern, 'cannot be read')
  }
}

function translate(glob: string, pattern: string): string {
  const parts: string[] = []
  let open = 0
  for (let at = 0; at < glob.length; ) {
    const token = tokenAt(glob, at, open, pattern)
    parts.push(token.source)
    open += token.opens
    at += token.length
  }
  if (open !== 0) throw invalid(pattern, 'has a "{" without its "}"')
  return parts.join('')
}

function tokenAt(glob: string, at: number, open: number, pattern: string) {
  const token = (source: string, length = 1, opens = 0) => ({ source, length, opens })
  if (glob.startsWith('**/', at)) return token('(?:[^/]+/)*', 3)
  if (glob.startsWith('**', at)) return token('.*', 2)
  const character = String.fromCodePoint(glob.codePointAt(at) ?? 0)
  if (character === '*') return token('[^/]*')
  if (character === '?') return token('[^/]')
  if (character === '{') return token('(?:', 1, 1)
  if (character === '}' && open > 0) return token(')', 1, -1)
  if (character === ',' && open > 0) return token('|')
  if (character === '[') return setAt(glob, at, pattern)
  return token(RE2JS.quote(character), character.length)
}

function setAt(glob: string, at: number, pattern: string) {
  const negated = glob[at + 1] === '!' || glob[at + 1] === '^'
  const start = at + (negated ? 2 : 1)
  const end = glob.indexOf(']', start + 1)
  if (end < 0) throw invalid(pattern, 'has a "[" without its "]"')
  const members = glob.slice(start, end).replace(/[\\[\]^&~]/g, '\\$&')
  return { source: `[${negated ? '^/' : ''}${members}]`, length: end + 1 - at, opens: 0 }
}

function invalid(pattern: string, problem: string): TalonError {
  const shown = JSON.stringify(pattern.slice(0, maxPatternLength))
  return new TalonError(
    'INVALID_MESSAGE',
    `The pattern ${shown} ${problem}. An example is "*.md" or "docs/**/*.{md,txt}".`,
  )
}
