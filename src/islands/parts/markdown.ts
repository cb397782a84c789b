import { Lexer, type Token, Tokenizer, type Tokens } from 'marked'

// A model or a sender chooses this text and the gateway lexes it while it renders a page, so everything that makes the
// lexer slow or deep is bounded. What passes a bound is shown as it is, unformatted.
const maxChars = 32 * 1024
const maxLines = 1_000
const maxColumns = 64
const maxNestingMarks = 40
const maxDelimiterRun = 256
const maxSpaceRun = 1_000

/** The block tokens of a Markdown text, or undefined if it is to be shown as plain text. Never throws. */
export function lexMarkdown(text: string): Token[] | undefined {
  if (text.length > maxChars || isHostile(text)) return undefined
  try {
    return new Lexer({ gfm: true, tokenizer: new LinearTokenizer() }).lex(text)
  } catch {
    // Nested deeper than the stack allows, in a way that the scan above does not know.
    return undefined
  }
}

/**
 * The rules of the library for bare addresses look ahead to the end of a word at each of its letters: 7 s for 64 KB
 * without a space. Here text ends at the next delimiter, and `linkify` finds the addresses.
 */
class LinearTokenizer extends Tokenizer {
  override url(): undefined {
    return undefined
  }

  override inlineText(src: string): Tokens.Text | undefined {
    const raw = /^(?:[`~]+|[^`~])(?:(?= {2,}\n)|[\s\S]*?(?:(?=[\\<![`~*_]|$)|[^ ](?= {2,}\n)))/.exec(src)?.[0]
    return raw === undefined ? undefined : { type: 'text', raw, text: raw }
  }
}

// Block marks nest and delimiters repeat; both are looked up by character code, in one pass.
const blockMarks = new Set([...' \t>*+-.)0123456789'].map(mark => mark.charCodeAt(0)))
const delimiters = new Set([...'*_~[<'].map(mark => mark.charCodeAt(0)))
const [newline, tab, space, greater, pipe] = [0x0a, 0x09, 0x20, 0x3e, 0x7c]

/** Counts what makes a lexer slow: lines, columns, quote and list marks before a line's first word, runs of one delimiter, runs of spaces. */
function isHostile(text: string): boolean {
  let lines = 0
  let columns = 0
  let marks = 0
  let leading = true
  let run = 0
  let spaces = 0
  let previous = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === newline) {
      lines++
      columns = 0
      marks = 0
      leading = true
    } else if (leading) {
      leading = blockMarks.has(code)
      // A rule such as `--------` repeats one mark without nesting; only `>` nests by itself.
      if (leading && (code === greater || code !== previous)) marks++
    }
    if (code === pipe) columns++
    run = code === previous && delimiters.has(code) ? run + 1 : 0
    spaces = code === space || code === tab ? spaces + 1 : 0
    if (lines > maxLines || columns > maxColumns || marks > maxNestingMarks) return true
    if (run > maxDelimiterRun || spaces > maxSpaceRun) return true
    previous = code
  }
  return false
}

export interface TextPart {
  text: string
  /** Set where the part is an address. */
  href?: string
}

/** Splits a text at the web addresses in it. Punctuation at the end of an address belongs to the sentence. */
export function linkify(text: string): TextPart[] {
  if (!text.includes('http')) return [{ text }]
  const parts: TextPart[] = []
  let end = 0
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"'`]{1,2000}/g)) {
    const address = match[0].slice(0, endOfAddress(match[0]))
    const href = safeHref(address)
    if (href === undefined) continue
    if (match.index > end) parts.push({ text: text.slice(end, match.index) })
    parts.push({ text: address, href })
    end = match.index + address.length
  }
  if (end < text.length) parts.push({ text: text.slice(end) })
  return parts
}

function endOfAddress(address: string): number {
  let end = address.length
  while (end > 0 && '.,;:!?)]}*_~'.includes(address.charAt(end - 1))) {
    if (address.charAt(end - 1) === ')' && address.slice(0, end).includes('(')) break
    end--
  }
  return end
}

/** The address in normal form if a link may lead there: absolute, http, https or mailto. */
export function safeHref(href: string): string | undefined {
  if (!URL.canParse(href)) return undefined
  const url = new URL(href)
  return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : undefined
}

const entities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  mdash: '—',
}

/** Character references as the characters they mean; unknown ones stay as written. */
export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-z]{2,5}));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return Object.hasOwn(entities, name) ? (entities[name] ?? whole) : whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '\ufffd'
  })
}
