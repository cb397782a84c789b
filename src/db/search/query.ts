import { TalonError } from '../../protocol/errors.ts'
import { type Role, roles } from '../../protocol/shapes.ts'
import { readDate } from './dates.ts'
import { normal, wordsOf } from './words.ts'

/** Words that have to follow each other; with `prefix` the last of them may go on. */
export interface Term {
  words: string[]
  prefix: boolean
}

export interface Filters {
  role: Role[]
  channel: string[]
  session: string[]
}

/** What is looked for. Of each group one term is enough; of each kind of filter one value. */
export interface Wanted {
  all: Term[][]
  none: Term[]
  only: Filters
  except: Filters
  /** Unix ms; `after` itself is in, `before` is not. */
  after: number | undefined
  before: number | undefined
}

// Each is a walk through an index; a person who looks for more words than this looks for a phrase.
const maxTerms = 32
// Shorter ones stand for so many words that everything is found.
const minPrefixLength = 2

// A sign, a name with a colon, then a phrase, which may lack its end, or all up to the next space.
const item = /(-?)(?:([A-Za-z]+):)?(?:"([^"]*)(?:"(\*?)|$)|([^\s"]+))/gu
const bareFilter = /^(role|channel|session|before|after):$/i
const examples: Readonly<Record<string, string>> = {
  role: 'role:user',
  channel: 'channel:web',
  session: 'session:<id>',
  before: 'before:2026-02',
  after: 'after:2026-01-31',
}
const quotes = /[“”„‟«»＂]/gu

/**
 * Reads a query as people write it: words, "phrases", prefix*, -without or NOT without, one OR another, role: channel:
 * session: before: after:. Whatever is not of this language is text to look for.
 * @throws TalonError `INVALID_MESSAGE` with a sentence that says what to write instead
 */
export function parseQuery(query: string): Wanted {
  const wanted: Wanted = {
    all: [],
    none: [],
    only: { role: [], channel: [], session: [] },
    except: { role: [], channel: [], session: [] },
    after: undefined,
    before: undefined,
  }
  let terms = 0
  let or: 'none' | 'possible' | 'wanted' = 'none'
  let not = false
  for (const [, minus = '', name, phrase, star, plain = ''] of query.replace(quotes, '"').matchAll(item)) {
    const operator = minus === '' && name === undefined ? plain : ''
    // Every word must be there anyway.
    if (operator === 'AND') continue
    if (operator === 'NOT') {
      not = true
      continue
    }
    const sign = not ? '-' : minus
    not = false
    refuseBare(plain, name)
    const isOr = operator === 'OR'
    if (isOr && or === 'possible') {
      or = 'wanted'
      continue
    }
    if (name !== undefined && addFilter(wanted, sign === '-', name.toLowerCase(), phrase ?? plain)) {
      or = 'none'
      continue
    }
    const text = `${name === undefined ? '' : `${name}:`}${phrase ?? plain}`
    const term = toTerm(text, phrase === undefined ? text.endsWith('*') : star === '*')
    if (isOr || !term) continue
    terms += 1
    if (sign === '-') wanted.none.push(term)
    else if (or === 'wanted') wanted.all.at(-1)?.push(term)
    else wanted.all.push([term])
    or = sign === '-' ? 'none' : 'possible'
  }
  if (terms > maxTerms) throw invalid(`A search has at most ${maxTerms} words and phrases; this one has ${terms}.`)
  checkWanted(wanted)
  return wanted
}

/** Every term that a hit may hold, by the place of its group. */
export function* termsOf(wanted: Wanted): Generator<{ term: Term; group: number }> {
  for (const [group, alternatives] of wanted.all.entries()) for (const term of alternatives) yield { term, group }
}

function toTerm(text: string, star: boolean): Term | undefined {
  const words = [...wordsOf(normal(text))].map(({ folded }) => folded)
  const last = words.at(-1)
  return last === undefined ? undefined : { words, prefix: star && last.length >= minPrefixLength }
}

/** A filter with a space behind its colon would look for its own name. */
function refuseBare(plain: string, name: string | undefined): void {
  const bare = name === undefined ? bareFilter.exec(plain)?.[1]?.toLowerCase() : undefined
  if (bare !== undefined) throw withoutValue(bare)
}

function withoutValue(name: string): TalonError {
  return invalid(`"${name}:" has no value: write it right behind the colon, as in ${examples[name]}.`)
}

/** False if there is no filter of this name. */
function addFilter(wanted: Wanted, without: boolean, name: string, value: string): boolean {
  if (value.trim() === '' && name in examples) throw withoutValue(name)
  const filters = without ? wanted.except : wanted.only
  if (name === 'role') filters.role.push(readRole(value))
  else if (name === 'channel') filters.channel.push(value)
  else if (name === 'session') filters.session.push(value)
  else if (name === 'before' || name === 'after') addDate(wanted, without, name, value)
  else return false
  return true
}

function readRole(value: string): Role {
  const role = roles.find(each => each === value.toLowerCase())
  if (!role) throw invalid(`"role:${value}" is no role: there are ${roles.join(', ')}.`)
  return role
}

function addDate(wanted: Wanted, without: boolean, name: 'before' | 'after', value: string): void {
  if (without) throw invalid(`"-${name}:" is not known: write "${name === 'before' ? 'after' : 'before'}:" instead.`)
  const at = readDate(value)
  if (at === undefined) {
    throw invalid(`"${name}:${value}" is no date: write one as 2026-01-31, 2026-01-31T12:00 (UTC) or 2026.`)
  }
  if (name === 'before') wanted.before = Math.min(at, wanted.before ?? at)
  else wanted.after = Math.max(at, wanted.after ?? at)
}

function checkWanted({ all, none, only, except, after, before }: Wanted): void {
  const filtered = Object.values(only).some(values => values.length > 0) || after !== undefined || before !== undefined
  if (all.length > 0 || filtered) return
  const without = none.length > 0 || Object.values(except).some(values => values.length > 0)
  throw invalid(
    without
      ? 'A search needs something to find beside what it leaves out: add a word, or a filter such as role:user.'
      : 'There is nothing to search for: write a word, a "phrase", or a filter such as role:user.',
  )
}

function invalid(message: string): TalonError {
  return new TalonError('INVALID_MESSAGE', message)
}
