// Dates outside of these years count as the first or the last of them; what a clock says is never there.
const firstYear = 1970
const lastYear = 2199
const firstMs = Date.UTC(firstYear, 0, 1)
const endMs = Date.UTC(lastYear + 1, 0, 1)

const written =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?)?)?$/
const unixMs = /^\d{9,15}$/

/** A year, month, day or moment in ISO 8601, in UTC where it names no zone, or Unix ms; undefined if it is none of them. */
export function readDate(text: string): number | undefined {
  if (unixMs.test(text)) return Number(text)
  const match = written.exec(text)
  if (!match) return undefined
  const [, year = '', month = '01', day = '01', hour] = match
  // The 31st of a month that has 30 days would become the first of the next.
  if (Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()) return undefined
  const zoned = hour === undefined ? `${year}-${month}-${day}T00:00Z` : withZone(text)
  const at = Date.parse(zoned)
  return Number.isNaN(at) ? undefined : at
}

/** The words under which a moment is indexed: its year, month and day in UTC. */
export function dateFacets(at: number): string[] {
  const [year, month, day] = partsOf(clamp(at))
  return [yearFacet(year), monthFacet(year, month), dayFacet(year, month, day)]
}

/** The fewest words that name every day of `[after, before)`, whole years and months first of all. */
export function rangeFacets(after: number | undefined, before: number | undefined): string[] {
  const facets: string[] = []
  const end = before === undefined ? endMs : clamp(before - 1) + 1
  let at = clamp(after ?? firstMs)
  while (at < end) {
    const [year, month, day] = partsOf(at)
    const [nextYear, nextMonth] = [Date.UTC(year + 1, 0, 1), Date.UTC(year, month, 1)]
    const covers = (start: number, next: number) => startOfDay(at) === start && next <= end
    if (covers(Date.UTC(year, 0, 1), nextYear)) {
      facets.push(yearFacet(year))
      at = nextYear
    } else if (covers(Date.UTC(year, month - 1, 1), nextMonth)) {
      facets.push(monthFacet(year, month))
      at = nextMonth
    } else {
      facets.push(dayFacet(year, month, day))
      at = Date.UTC(year, month - 1, day + 1)
    }
  }
  return facets
}

function withZone(text: string): string {
  const moment = text.replace(' ', 'T')
  return /(?:[Zz]|[+-]\d\d:?\d\d)$/.test(moment.slice(10)) ? moment.toUpperCase() : `${moment.toUpperCase()}Z`
}

function clamp(at: number): number {
  return Math.min(Math.max(at, firstMs), endMs - 1)
}

function startOfDay(at: number): number {
  return at - (at % (24 * 60 * 60_000))
}

function partsOf(at: number): [number, number, number] {
  const date = new Date(at)
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
}

function yearFacet(year: number): string {
  return `y${year}`
}

function monthFacet(year: number, month: number): string {
  return `m${year * 100 + month}`
}

function dayFacet(year: number, month: number, day: number): string {
  return `d${(year * 100 + month) * 100 + day}`
}
