import { type Term, termsOf, type Wanted } from './query.ts'
import { normal, type Word, wordsOf } from './words.ts'

/** A part of a text, and where in it the words stand that were looked for: pairs of UTF-16 offsets into `text`. */
export interface Snippet {
  text: string
  marks: [number, number][]
}

interface Hit {
  start: number
  end: number
  group: number
}

// Two lines of a terminal.
const snippetChars = 160
// What stands before the first mark, so that one sees in what it stands.
const leadChars = 40
// A hit beyond is found, and shown by the beginning of its text.
const maxScannedChars = 200_000
// A window holds few; a text that is nothing but hits need not be read to its end.
const maxHits = 1_000
// How far a cut may move to fall between two words.
const maxShiftChars = 20

/** The part of a text where most of what was looked for stands together, on one line. */
export function snippetOf(content: string, wanted: Wanted): Snippet {
  const text = normal(content.slice(0, maxScannedChars))
  const hits = hitsIn(text, wanted)
  const [from, to] = windowOf(text, bestHit(hits))
  const whole = from === 0 && to === text.length && content.length <= maxScannedChars
  const marked = joinOverlaps(hits.filter(({ start, end }) => start >= from && end <= to))
  return render(text, from, to, marked, { before: from > 0, after: !whole && to < content.length })
}

/** Stops where all groups stood together: nothing better can follow. */
function hitsIn(text: string, wanted: Wanted): Hit[] {
  const terms = [...termsOf(wanted)]
  if (terms.length === 0) return []
  const longest = Math.max(...terms.map(({ term }) => term.words.length))
  const hits: Hit[] = []
  const recent: Word[] = []
  let stopAt = Number.POSITIVE_INFINITY
  for (const word of wordsOf(text)) {
    if (word.start > stopAt || hits.length >= maxHits) break
    recent.push(word)
    if (recent.length > longest) recent.shift()
    const before = hits.length
    for (const { term, group } of terms) {
      const start = endsHere(recent, term)
      if (start !== undefined) hits.push({ start, end: word.end, group })
    }
    const isNews = hits.length > before && stopAt === Number.POSITIVE_INFINITY
    if (isNews && togetherAtEnd(hits) === wanted.all.length) stopAt = word.start + snippetChars
  }
  return hits
}

/** Where a term begins that ends with the newest word. */
function endsHere(recent: readonly Word[], { words, prefix }: Term): number | undefined {
  const first = recent.length - words.length
  if (first < 0) return undefined
  const matches = words.every((word, index) => {
    const found = recent[first + index]?.folded ?? ''
    return prefix && index === words.length - 1 ? found.startsWith(word) : found === word
  })
  return matches ? recent[first]?.start : undefined
}

/** How many groups have a hit in the window that ends with the newest one. */
function togetherAtEnd(hits: readonly Hit[]): number {
  const from = (hits.at(-1)?.end ?? 0) - (snippetChars - leadChars)
  const groups = new Set<number>()
  // They are in the order of their ends; a phrase may begin before the word that was found before it.
  for (let hit = hits.at(-1), index = hits.length - 1; hit && hit.end > from; hit = hits[--index])
    if (hit.start >= from) groups.add(hit.group)
  return groups.size
}

/** The hit with which the best window begins: that with the most groups, then with the most hits. */
function bestHit(hits: readonly Hit[]): Hit | undefined {
  let best: Hit | undefined
  let bestScore = 0
  for (const [index, hit] of hits.entries()) {
    const groups = new Set<number>()
    let count = 0
    for (let next = index; next < hits.length; next++) {
      const other = hits[next]
      if (!other || other.start > hit.start + snippetChars) break
      if (other.end > hit.start + snippetChars - leadChars) continue
      groups.add(other.group)
      count += 1
    }
    const score = groups.size * maxHits + count
    if (score > bestScore) [best, bestScore] = [hit, score]
  }
  return best
}

function windowOf(text: string, hit: Hit | undefined): [number, number] {
  if (text.length <= snippetChars) return [0, text.length]
  const start = hit?.start ?? 0
  const from = start <= leadChars ? 0 : cutAfter(text, Math.min(start - leadChars, text.length - snippetChars), start)
  const end = Math.max(from + snippetChars, Math.min(hit?.end ?? 0, from + 2 * snippetChars))
  return [from, end >= text.length ? text.length : cutBefore(text, end, hit?.end ?? 0)]
}

/** The next beginning of a word, so that no word is shown in part; in a script without spaces, of a character. */
function cutAfter(text: string, at: number, limit: number): number {
  const space = text.slice(at, Math.min(at + maxShiftChars, limit)).search(/\s\S/)
  return space === -1 ? wholeCharacter(text, at) : at + space + 1
}

function cutBefore(text: string, at: number, limit: number): number {
  const from = Math.max(at - maxShiftChars, limit)
  const space = text.slice(from, at).search(/\s\S*$/)
  return space === -1 ? wholeCharacter(text, at) : from + space
}

/** Where a character begins, at or before an offset: not within a pair, nor before what belongs to the one before. */
function wholeCharacter(text: string, at: number): number {
  let cut = at
  while (cut > 0 && at - cut < maxShiftChars && /^[\udc00-\udfff\p{M}\u200d]/u.test(text.slice(cut, cut + 2))) cut -= 1
  return cut
}

function joinOverlaps(hits: readonly Hit[]): Hit[] {
  const joined: Hit[] = []
  for (const hit of [...hits].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1)
    if (last && hit.start <= last.end) last.end = Math.max(last.end, hit.end)
    else joined.push({ ...hit })
  }
  return joined
}

function render(
  text: string,
  from: number,
  to: number,
  hits: readonly Hit[],
  cut: { before: boolean; after: boolean },
): Snippet {
  const marks: [number, number][] = []
  let line = cut.before ? '…' : ''
  let at = from
  // Lines become spaces; a mark begins and ends with a character that is none.
  const add = (end: number) => {
    const part = text.slice(at, end).replace(/\s+/g, ' ')
    line += line === '' ? part.trimStart() : part
    at = end
  }
  for (const { start, end } of hits) {
    add(start)
    const begins = line.length
    add(end)
    marks.push([begins, line.length])
  }
  add(to)
  line = line.trimEnd()
  return { text: cut.after ? `${line}…` : line, marks }
}
