import { createFinder } from './find.ts'

/** What stands in the place of a secret. */
const mark = '[redacted]'

// A shorter one is no secret, and hiding it would hide words that are none.
const minSecretLength = 8
// One line of many tells less than the whole, and a short one would be a word.
const minLineLength = 16
// Keys of all providers with their headers, and what the environment holds.
const maxSecrets = 1_000

/** Takes secrets out of lines of JSON. */
export interface Redactor {
  /** Hides these values wherever they stand from now on. */
  hide(secrets: Iterable<string | undefined>): void
  /** The same line without secrets and without invisible characters; still the same JSON otherwise. */
  clean(line: string): string
}

export function createRedactor(): Redactor {
  let known: string[] = []
  let find = createFinder(needles)
  // The lower case of a letter such as Σ depends on those around it.
  let unfoldable: string[] = []
  return {
    hide(secrets) {
      const hidden = new Set(known)
      for (const secret of secrets) {
        if (secret === undefined || secret.trim().length < minSecretLength) continue
        for (const part of [secret.trim(), ...linesOf(secret)]) for (const form of formsOf(part)) hidden.add(form)
      }
      // The longest first: one secret may begin with another.
      known = [...hidden].sort((a, b) => b.length - a.length).slice(0, maxSecrets)
      find = createFinder([...needles, ...known])
      unfoldable = known.filter(secret => !/^[ -~]+$/.test(secret))
    },
    clean(line) {
      let clean = line
      const found = find(line)
      for (const secret of unfoldable) clean = withoutValue(clean, secret)
      if (found.size > 0) {
        for (const secret of known) if (found.has(secret.toLowerCase())) clean = withoutValue(clean, secret)
        for (const shape of shapes) if (found.has(shape.needle)) clean = clean.replace(shape.pattern, shape.replacement)
      }
      if (hasLongWord(clean)) clean = clean.replace(random, mark)
      return invisible.test(clean) ? clean.replace(everyInvisible, escaped) : clean
    },
  }
}

/** The lines of a secret that has several, such as a key in PEM: programs print them one by one. */
function linesOf(secret: string): string[] {
  const lines = secret.trim().split('\n')
  return lines.length === 1 ? [] : lines.map(line => line.trim()).filter(line => line.length >= minLineLength)
}

/** A secret as a line of JSON holds it: in a string, in JSON that is in a string, and in an address. */
function formsOf(secret: string): string[] {
  const once = inJson(secret)
  return [once, inJson(once), inJson(encodeURIComponent(secret.toWellFormed()))]
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** What begins behind an odd number of backslashes begins in the middle of an escape, and is another text. */
function withoutValue(line: string, secret: string): string {
  let kept = ''
  let from = 0
  for (let at = line.indexOf(secret); at !== -1; at = line.indexOf(secret, at + 1)) {
    if (at < from || isEscape(line, at)) continue
    kept += line.slice(from, at) + mark
    from = at + secret.length
  }
  return kept + line.slice(from)
}

function isEscape(line: string, at: number): boolean {
  let backslashes = 0
  while (line[at - 1 - backslashes] === '\\') backslashes += 1
  return backslashes % 2 === 1
}

/*
 * The shapes below read the text of a line as JSON writes it. No part that they replace holds a plain quote or half an
 * escape, so that a line stays JSON. A word begins where no letter or digit stands before it, except as the end of an
 * escape such as \n or of %3D.
 */
const begins = String.raw`(?<![A-Za-z0-9](?<!\\[bfnrt]|\\u[\da-fA-F]{4}|%[\da-fA-F]{2}))`
const quote = String.raw`(?:\\+["']|')?`

interface Shape {
  /** In lower case; a line without it holds no such shape. */
  needle: string
  pattern: RegExp
  replacement: string
}

const shapes: readonly Shape[] = [
  // Talon's own, of which the id may be read.
  { needle: 'tln_', pattern: /(tln_[A-Za-z0-9-]{1,64}_)[\w-]{6,}/g, replacement: `$1${mark}` },
  key('sk-', String.raw`sk-[\w*.-]{6,}`),
  key('sk_', String.raw`sk_\w{6,}`),
  key('aiza', String.raw`AIza[\w-]{20,}`),
  key('akia', 'AKIA[A-Z0-9]{12,}'),
  ...['ghp_', 'gho_', 'ghr_', 'ghs_', 'ghu_'].map(start => key(start, String.raw`${start}\w{20,}`)),
  key('github_pat_', String.raw`github_pat_\w{20,}`),
  key('glpat-', String.raw`glpat-[\w-]{12,}`),
  key('xox', String.raw`xox[a-z]-[\w-]{10,}`),
  key('gsk_', String.raw`gsk_\w{16,}`),
  key('hf_', String.raw`hf_\w{16,}`),
  key('xai-', String.raw`xai-[\w-]{16,}`),
  // A JSON Web Token.
  key('eyj', String.raw`eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`),
  { needle: 'private key', pattern: /-----BEGIN [A-Z ]{0,40}PRIVATE KEY[^"]*/g, replacement: mark },
  { needle: 'bearer', pattern: /(Bearer\s+)(?!\[redacted)[^\s"'\\,;]{6,}/gi, replacement: `$1${mark}` },
  // A user and a password in an address.
  { needle: '://', pattern: /(:\/\/)[^\s/"@\\]{1,256}@/g, replacement: `$1${mark}@` },
  // A header of cookies holds several.
  {
    needle: 'cookie',
    pattern: new RegExp(String.raw`(cookie${quote}\s*:\s*${quote})(?!\[redacted)[^"'\\]{4,}`, 'gi'),
    replacement: `$1${mark}`,
  },
  // `inputTokens` and `tokenId` are none of these: the word is the last of its name.
  ...named('token', 'token'),
  ...named('secret', 'secret(?:[_-]?key)?'),
  ...named('passw', 'passw(?:or)?d'),
  ...named('passphrase', 'passphrase'),
  ...named('credential', 'credentials?'),
  ...named('private', 'private[_-]?key'),
  ...named('access', 'access[_-]?key'),
  ...named('api', 'api[_-]?key'),
  ...named('authorization', 'authorization'),
  ...named('cookie', 'cookie'),
]

const needles = new Set(shapes.map(({ needle }) => needle))

/** What is a key by its looks. */
function key(needle: string, form: string): Shape {
  return { needle, pattern: new RegExp(begins + form, 'g'), replacement: mark }
}

/** What is a secret by its name: a field of the line or of an object in it, and the same as text, such as token=…. */
function named(needle: string, name: string): Shape[] {
  const schemes = String.raw`(?:Basic|Bearer|Token)\s`
  const scheme = `(?:${schemes}+)?`
  const value = String.raw`(?!\[redacted|Bearer\s)[^\s"'\\,;&)}\]]{4,}`
  const string = String.raw`"(?:[^"\\]|\\.)*"`
  // Also all of a list or of an object with nothing deeper in it.
  const flat = String.raw`(?:${string}|[^"{}[\]])*`
  const field = new RegExp(String.raw`(${name}":)(?:${string}|\[${flat}\]|\{${flat}\})`, 'gi')
  const opened = String.raw`(${name}${quote}\s*[:=]\s*(\\+["']|'))`
  // With its spaces, up to the quote that ends it.
  const quoted = new RegExp(String.raw`${opened}(?!\[redacted|${schemes})[^"'\\]{4,}(?=\2)`, 'gi')
  const text = new RegExp(String.raw`(${name}${quote}\s*[:=]\s*${quote}${scheme})${value}`, 'gi')
  return [
    { needle, pattern: field, replacement: `$1"${mark}"` },
    { needle, pattern: quoted, replacement: `$1${mark}` },
    { needle, pattern: text, replacement: `$1${mark}` },
  ]
}

// 256 random bits as we write them: cookies and the codes of sign-in links. A name of so many letters has one case.
const randomLength = 43
const random = new RegExp(String.raw`(?<![_-])${begins}(?=[\w-]{0,42}[a-z])(?=[\w-]{0,42}[A-Z])[\w-]{43}(?![\w-])`, 'g')

/** Whether so many letters, digits, - and _ stand in a row. Every such row is met by steps of its length. */
function hasLongWord(line: string): boolean {
  for (let at = randomLength - 1; at < line.length; at += randomLength) {
    let from = at
    while (at - from < randomLength && isWord(line, from)) from -= 1
    let to = at + 1
    while (to - from <= randomLength && isWord(line, to)) to += 1
    if (to - from > randomLength) return true
  }
  return false
}

/** A letter, a digit, - or _. */
function isWord(line: string, at: number): boolean {
  const code = line.charCodeAt(at)
  if (code >= 97) return code <= 122
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || code === 45
}

// What JSON leaves as it is and a terminal may obey, or turn the rest of the line around for.
const invisible = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/
const everyInvisible = new RegExp(invisible.source, 'g')

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
