/** Elements whose content is no text of a page. */
const unread = new Set(['script', 'style', 'noscript', 'template', 'svg', 'head', 'iframe', 'object', 'select'])
/** Elements after which a line ends. */
const blocks =
  /^(?:p|div|br|li|ul|ol|tr|table|h[1-6]|section|article|header|footer|main|nav|pre|blockquote|hr|dt|dd|form)$/
/** Elements that nest without anything ending them; those that end each other cannot grow deep by mistake. */
const nesting =
  /^(?:div|span|b|i|u|em|strong|font|a|ul|ol|dl|table|section|article|main|blockquote|pre|form|center|small|big)$/
/** No page that a person wrote is nested so deep; what parses it would take minutes, or the whole stack. */
const maxDepth = 400
const maxTags = 200_000

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

/** The text of HTML in one pass from left to right, whatever it looks like; no document is made of it. */
export function plainText(html: string): string {
  const parts: string[] = []
  let hidden: string | undefined
  for (const { text, name, closes } of tagsOf(html)) {
    if (hidden === undefined) parts.push(text)
    if (hidden !== undefined && closes && name === hidden) hidden = undefined
    else if (hidden === undefined && !closes && unread.has(name)) hidden = name
    if (blocks.test(name)) parts.push('\n')
  }
  return parts
    .join('')
    .replace(/&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,6});/gi, (whole, name: string) => entityOf(name) ?? whole)
    .replace(/[ \t\r]+/g, ' ')
    .replace(/ ?\n[\n ]*/g, '\n')
    .trim()
}

/** Whether HTML is made to be hard to read, or might as well be. */
export function isTangled(html: string): boolean {
  let depth = 0
  let tags = 0
  for (const { name, closes } of tagsOf(html)) {
    tags += 1
    if (nesting.test(name)) depth = closes ? Math.max(0, depth - 1) : depth + 1
    if (depth > maxDepth || tags > maxTags) return true
  }
  return false
}

interface Tag {
  /** What stands before it. */
  text: string
  name: string
  closes: boolean
}

function* tagsOf(html: string): Generator<Tag> {
  const opening = /<(?:!--|(\/?)([a-z][a-z0-9-]{0,20})|[!?])/gi
  for (let at = 0; at < html.length; ) {
    opening.lastIndex = at
    const found = opening.exec(html)
    if (!found) return yield { text: html.slice(at), name: '', closes: true }
    const isComment = found[0] === '<!--'
    const end = html.indexOf(isComment ? '-->' : '>', found.index + found[0].length)
    const name = (found[2] ?? '').toLowerCase()
    yield { text: html.slice(at, found.index), name, closes: found[1] === '/' }
    // Without an end all that follows belongs to it.
    at = end < 0 ? html.length : end + (isComment ? 3 : 1)
  }
}

function entityOf(name: string): string | undefined {
  if (!name.startsWith('#')) return entities[name.toLowerCase()]
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
  return code > 0 && code <= 0x10_ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : undefined
}
