import { TalonError } from '../../protocol/errors.ts'

/** Places that a message names, and near lines that it shows. */
const maxNamed = 8
const maxNear = 3
const maxShownLineLength = 120
/** Lines that are compared to find near ones, and characters of each. */
const maxCompared = 20_000
const maxComparedLength = 400

/**
 * A text with one passage of it replaced. Where all its lines end in CRLF, the line ends of both passages are read so.
 * @throws TalonError `NOT_FOUND` with the nearest lines; `CONFLICT` if the passage occurs more than once
 */
export function replaceOnce(text: string, oldText: string, newText: string, shown: string): string {
  const [old, next] = usesCrLf(text) ? [withCrLf(oldText), withCrLf(newText)] : [oldText, newText]
  const places = placesOf(text, old)
  const [place] = places
  if (place === undefined) throw absent(text, old, shown)
  if (places.length > 1) throw repeated(text, places, shown)
  if (old === next) throw new TalonError('INVALID_MESSAGE', 'oldText and newText are the same: nothing would change.')
  return text.slice(0, place) + next + text.slice(place + old.length)
}

function usesCrLf(text: string): boolean {
  return text.includes('\r\n') && !/(?<!\r)\n/.test(text)
}

function withCrLf(text: string): string {
  return text.replace(/\r?\n/g, '\r\n')
}

/** Overlapping ones too: which of them would be meant cannot be told. */
function placesOf(text: string, passage: string): number[] {
  const places: number[] = []
  for (let at = text.indexOf(passage); at >= 0; at = text.indexOf(passage, at + 1)) {
    places.push(at)
    if (places.length > maxNamed) break
  }
  return places
}

function repeated(text: string, places: number[], shown: string): TalonError {
  const named = places.slice(0, maxNamed).map(place => lineAt(text, place))
  const count = places.length > maxNamed ? `more than ${maxNamed} times` : `${places.length} times`
  const advice = 'Give more of what stands around the one that is meant.'
  return new TalonError(
    'CONFLICT',
    `oldText occurs ${count} in ${JSON.stringify(shown)}: lines ${named.join(', ')}. ${advice}`,
  )
}

function absent(text: string, passage: string, shown: string): TalonError {
  const near = nearLines(text, passage)
  const advice = near.length === 0 ? 'Read the file first.' : `Near to it are:\n${near.join('\n')}`
  return new TalonError(
    'NOT_FOUND',
    `oldText does not occur in ${JSON.stringify(shown)}, exactly as it is written. ${advice}`,
  )
}

/** The lines that have most words in common with the first line of a passage that says something. */
function nearLines(text: string, passage: string): string[] {
  const wanted = passage.split('\n').find(line => line.trim() !== '')
  if (wanted === undefined) return []
  const words = wordsOf(wanted)
  return text
    .split('\n', maxCompared)
    .map((line, index) => ({ line, number: index + 1, score: likeness(words, wordsOf(line)) }))
    .filter(({ score }) => score > 0.3)
    .sort((a, b) => b.score - a.score || a.number - b.number)
    .slice(0, maxNear)
    .map(({ line, number }) => `${number}: ${line.slice(0, maxShownLineLength).trimEnd().toWellFormed()}`)
}

function wordsOf(line: string): Set<string> {
  return new Set(
    line
      .slice(0, maxComparedLength)
      .toLowerCase()
      .match(/[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [],
  )
}

/** Of all words of two lines, the part that both have. */
function likeness(one: Set<string>, other: Set<string>): number {
  const common = [...one].filter(word => other.has(word)).length
  return common === 0 ? 0 : common / (one.size + other.size - common)
}

function lineAt(text: string, place: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < place; at = text.indexOf('\n', at + 1)) line += 1
  return line
}
