import { rangeFacets } from '../search/dates.ts'
import { channelFacet, roleFacet, sessionFacet } from '../search/facets.ts'
import type { Filters, Term, Wanted } from '../search/query.ts'

/** The filters of a query with what the database knows of them: sessions by their rowid. */
export interface Narrowed extends Omit<Wanted, 'only' | 'except'> {
  only: Omit<Filters, 'session'>
  except: Omit<Filters, 'session'> & { session: number[] }
  /** The sessions in which a hit must be shown; undefined for all. */
  sessions: number[] | undefined
  /** Those whose entries these show, if they are forks; which of the entries, the index does not know. */
  sources: number[]
}

/** The expression for message_index. All that a person wrote stands in it as strings: nothing of it is syntax. */
export function messageMatch({ all, none, only, except, after, before, sessions, sources }: Narrowed): string {
  const dated = after === undefined && before === undefined ? [] : [facets(rangeFacets(after, before))]
  const wanted = [
    ...all.map(group => `(${group.map(term => `text : ${string(term)}`).join(' OR ')})`),
    ...(sessions === undefined ? [] : [facets([...sessions, ...sources].map(sessionFacet))]),
    ...namesOf(only).map(facets),
    ...dated,
  ]
  const unwanted = [
    ...none.map(term => `text : ${string(term)}`),
    ...namesOf(except).map(facets),
    ...except.session.map(rowid => facets([sessionFacet(rowid)])),
  ]
  return without(wanted, unwanted)
}

/** The expression for title_index; undefined where no title can be meant. */
export function titleMatch({ all, none, only }: Narrowed): string | undefined {
  if (all.length === 0 || only.role.length > 0) return undefined
  return wordsMatch(all, none)
}

/** An expression for words alone, in any column: of each group one, and none of the others. */
export function wordsMatch(all: readonly Term[][], none: readonly Term[]): string {
  const wanted = all.map(group => `(${group.map(string).join(' OR ')})`)
  return without(wanted, none.map(string))
}

/** One list for each kind of filter that is used. */
function namesOf({ role, channel }: Omit<Filters, 'session'>): string[][] {
  return [role.map(roleFacet), channel.map(channelFacet)].filter(names => names.length > 0)
}

function without(wanted: readonly string[], unwanted: readonly string[]): string {
  const expression = wanted.join(' AND ')
  return unwanted.length === 0 ? expression : `(${expression}) NOT (${unwanted.join(' OR ')})`
}

/** One of these facets is enough. */
export function facets(names: readonly string[]): string {
  // No date is both after and before: then there is nothing to find, and nothing is indexed under this name.
  return `facets : (${names.length === 0 ? '"none"' : names.map(name => `"${name}"`).join(' OR ')})`
}

/** A string of FTS5; the words hold letters, digits, marks and symbols only. */
function string({ words, prefix }: Term): string {
  return `"${words.join(' ').replaceAll('"', '""')}"${prefix ? ' *' : ''}`
}
