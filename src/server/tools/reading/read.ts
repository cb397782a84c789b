import { decode } from './charset.ts'
import { isTangled, plainText } from './plain-html.ts'
import { kindOfType, type Reading, type Source } from './reading.ts'

/** What reads XML goes down one call for each tag in another. */
const maxDepth = 100
/** Each character of JSON may become a line, which begins with as many blanks as it is deep. */
const maxIndentedChars = 20_000_000

/** Makes a document readable. @throws Error in words for what cannot be read */
export async function read(source: Source, plain: boolean): Promise<Reading> {
  const kind = kindOf(source)
  if (kind === 'pdf') return await pdf(source, plain)
  const text = decode(source.bytes, source.contentType)
  if (kind === 'html') return finish(await html(text, source.url, plain), source)
  if (kind === 'feed' || kind === 'xml') return finish(await xml(text, plain), source)
  if (kind === 'json') return finish({ kind, text: prettyJson(text) ?? text, notes: [] }, source)
  return finish({ kind: 'text', text, notes: [] }, source)
}

type Draft = Omit<Reading, 'totalChars'>

function kindOf({ contentType, bytes }: Source): Reading['kind'] {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 1_024))
  // Servers call it many things; a reader of text could make nothing of it.
  if (start.subarray(0, 5).toString('latin1') === '%PDF-') return 'pdf'
  const kind = kindOfType(contentType)
  const isWide = (start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)
  if (start.includes(0) && !isWide && !/charset\s*=\s*"?utf-?(16|32)/i.test(contentType ?? '')) {
    throw new Error('it is binary')
  }
  if (kind === undefined) throw new Error(`it is ${contentType}`)
  if (kind !== 'unknown') return kind
  const head = start.toString('latin1').trimStart().toLowerCase()
  if (head.startsWith('<?xml')) return 'xml'
  if (/^<(?:!doctype html|html|head|body|!--|div|p|h1)[\s>-]?/.test(head)) return 'html'
  return /^[[{]/.test(head) ? 'json' : 'text'
}

async function html(text: string, url: string, plain: boolean): Promise<Draft> {
  if (plain || isTangled(text)) return bareText(text)
  try {
    const { readHtml } = await import('./html.ts')
    const { markdown, scripted, ...facts } = readHtml(text, url)
    const hint = 'The page makes its text by JavaScript, which is not run here; browser_navigate shows such pages.'
    return { kind: 'html', ...facts, text: markdown, notes: scripted ? [hint] : [] }
  } catch {
    return bareText(text)
  }
}

function bareText(text: string): Draft {
  const title = /<title[^>]{0,200}>([^<]{1,500})/i.exec(text.slice(0, 100_000))?.[1]
  const notes = ['The page is too large or too tangled to be read as a document; this is its bare text.']
  return { kind: 'html', title: title && plainText(title), text: plainText(text), notes }
}

async function xml(text: string, plain: boolean): Promise<Draft> {
  if (/<html[\s>]/i.test(text.slice(0, 2_000))) return { ...bareText(text), notes: [] }
  const notes: string[] = []
  try {
    const { readFeed } = await import('./feed.ts')
    const feed = plain || isDeepXml(text) ? undefined : readFeed(text)
    if (feed) return { kind: 'feed', ...feed, notes }
  } catch {
    notes.push('It could not be read as a feed; this is its source.')
  }
  return { kind: 'xml', text, notes }
}

async function pdf({ bytes, cut, maxChars }: Source, plain: boolean): Promise<Reading> {
  // There is no other way to read one.
  if (plain) throw new Error('it is a PDF that takes too long to read, or too much memory')
  // Its table of contents is at its end.
  if (cut) throw new Error('it is a PDF that is too large')
  const { readPdf } = await import('./pdf.ts')
  // What reads it takes no Buffer, and keeps what it is given.
  const { text, ...facts } = await readPdf(new Uint8Array(bytes), maxChars).catch(() => {
    throw new Error('it is a PDF that is damaged or has a password')
  })
  return { kind: 'pdf', ...facts, ...capped(clean(text), maxChars) }
}

function finish({ text, notes, ...facts }: Draft, { cut, maxChars }: Source): Reading {
  const more = cut ? ['The document is larger than what is read of one; its end is missing.'] : []
  return { ...facts, ...capped(clean(text), maxChars), notes: [...notes, ...more] }
}

function capped(text: string, maxChars: number): { text: string; totalChars: number } {
  if (text.length <= maxChars) return { text, totalChars: text.length }
  // Never half of a pair.
  const end = /[\ud800-\udbff]/.test(text[maxChars - 1] ?? '') ? maxChars - 1 : maxChars
  return { text: text.slice(0, end), totalChars: text.length }
}

/** Without what a terminal would take for commands. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/\r\n?/g, '\n').replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, '')
}

/** Indented, unless that would change a number or grow without bound. */
function prettyJson(text: string): string | undefined {
  // 16 digits are more than a number of JavaScript can keep.
  if (/\d{16}/.test(text) || text.length * depthOf(text) > maxIndentedChars) return undefined
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return undefined
  }
}

function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (const bracket of text.match(/[[\]{}]/g) ?? []) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1
    if (depth > deepest) deepest = depth
  }
  return deepest
}

function isDeepXml(text: string): boolean {
  let depth = 0
  for (const [tag, closing] of text.matchAll(/<(\/?)[a-z][^<>]{0,1000}>/gi)) {
    if (closing === '/') depth -= 1
    else if (!tag.endsWith('/>')) depth += 1
    if (depth > maxDepth) return true
  }
  return false
}
