import { expect, test } from 'vitest'
import { dateFacets, rangeFacets, readDate } from '../../src/db/search/dates.ts'
import { parseQuery } from '../../src/db/search/query.ts'
import { snippetOf } from '../../src/db/search/snippet.ts'
import { indexable, normal, wordsOf } from '../../src/db/search/words.ts'

const words = (text: string) => [...wordsOf(normal(text))].map(({ folded }) => folded)
const marked = (content: string, query: string) => {
  const { text, marks } = snippetOf(content, parseQuery(query))
  return { text, marks: marks.map(([start, end]) => text.slice(start, end)) }
}

test.each([
  ['Café naïve Łódź Ærø', ['cafe', 'naive', 'lodz', 'aero']],
  ['Straße STRASSE', ['strasse', 'strasse']],
  ['ΣΑΣ σας', ['σασ', 'σασ']],
  ['İstanbul ıssız', ['istanbul', 'issiz']],
  ['ёлка', ['елка']],
  ['ＡＢＣ１２ ｶﾞ ﬁne 𝐛𝐨𝐥𝐝', ['abc12', 'ガ', 'fine', 'bold']],
  ['你好hello世界', ['你', '好', 'hello', '世', '界']],
  ['안녕', ['안', '녕']],
  ['น้ำ', ['น', '้', 'ำ']],
  ['हिन्दी', ['हिन्दी']],
  ['مُحَمَّد أحمد محــمد', ['محمد', 'احمد', 'محمد']],
  ['שָׁלוֹם', ['שלום']],
  ['می‌خواهم', ['میخواهم']],
  ['👨‍👩‍👧👍🏽🇩🇪🇫🇷❤️1️⃣', ['👨', '👩', '👧', '👍', '🇩🇪', '🇫🇷', '❤', '1']],
  ['foo_bar.baz don’t x² 5€', ['foo', 'bar', 'baz', 'don', 't', 'x', '²', '5', '€']],
  ['\ud800 \ufffd \u0000 !?', []],
])('%j is the words %j', (text, expected) => {
  expect(words(text)).toEqual(expected)
  // The index separates what it is given at ASCII, and makes its letters small.
  expect(
    indexable(text)
      .split(/[^0-9A-Za-z\u0080-\u{10ffff}]+/u)
      .filter(word => word !== '')
      .map(word => word.replace(/[A-Z]/g, letter => letter.toLowerCase())),
  ).toEqual(expected)
})

test('composed and decomposed text are the same words', () => {
  for (const text of ['Café', '한국어', 'ガラス', 'Ångström', 'điện', 'क़लम']) {
    expect(words(text.normalize('NFD')), text).toEqual(words(text.normalize('NFC')))
    expect(indexable(text.normalize('NFD')), text).toBe(indexable(text.normalize('NFC')))
  }
})

test('a query is words, phrases, prefixes, alternatives and what is left out', () => {
  const { all, none } = parseQuery('Hello big “Trees” OR tre* -small -"red fox" don\'t')
  expect(all).toEqual([
    [{ words: ['hello'], prefix: false }],
    [{ words: ['big'], prefix: false }],
    [
      { words: ['trees'], prefix: false },
      { words: ['tre'], prefix: true },
    ],
    [{ words: ['don', 't'], prefix: false }],
  ])
  expect(none).toEqual([
    { words: ['small'], prefix: false },
    { words: ['red', 'fox'], prefix: false },
  ])
})

test('AND says nothing, NOT leaves out, in capitals and outside of quotes', () => {
  expect(parseQuery('cat AND dog')).toEqual(parseQuery('cat dog'))
  expect(parseQuery('cat AND NOT dog NOT role:tool')).toEqual(parseQuery('cat -dog -role:tool'))
  expect(parseQuery('cat NOT "red fox" AND big OR small')).toEqual(parseQuery('cat -"red fox" big OR small'))
  expect(parseQuery('"AND" and not').all).toEqual(['and', 'and', 'not'].map(word => [{ words: [word], prefix: false }]))
})

test('filters take names and dates; unknown ones are words', () => {
  const wanted = parseQuery(
    'role:user ROLE:tool channel:"my channel" -session:s1 after:2026-01-31 before:2026-02 file:notes http://a.b',
  )
  expect(wanted).toMatchObject({
    only: { role: ['user', 'tool'], channel: ['my channel'], session: [] },
    except: { role: [], channel: [], session: ['s1'] },
    after: Date.UTC(2026, 0, 31),
    before: Date.UTC(2026, 1, 1),
    all: [[{ words: ['file', 'notes'] }], [{ words: ['http', 'a', 'b'] }]],
  })
})

test.each([
  ['', 'There is nothing to search for: write a word, a "phrase", or a filter such as role:user.'],
  ['" * - "" !!', 'There is nothing to search for: write a word, a "phrase", or a filter such as role:user.'],
  [
    '-word -role:tool',
    'A search needs something to find beside what it leaves out: add a word, or a filter such as role:user.',
  ],
  ['role: x', '"role:" has no value: write it right behind the colon, as in role:user.'],
  ['x -session:', '"session:" has no value: write it right behind the colon, as in session:<id>.'],
  ['channel:"" x', '"channel:" has no value: write it right behind the colon, as in channel:web.'],
  ['After:" " x', '"after:" has no value: write it right behind the colon, as in after:2026-01-31.'],
  ['role:robot x', '"role:robot" is no role: there are user, assistant, system, tool.'],
  ['before:tomorrow x', '"before:tomorrow" is no date: write one as 2026-01-31, 2026-01-31T12:00 (UTC) or 2026.'],
  ['after:2026-02-31 x', '"after:2026-02-31" is no date: write one as 2026-01-31, 2026-01-31T12:00 (UTC) or 2026.'],
  ['-before:2026 x', '"-before:" is not known: write "after:" instead.'],
  ['w '.repeat(33), 'A search has at most 32 words and phrases; this one has 33.'],
])('the query %j is refused with a sentence that helps', (query, message) => {
  expect(() => parseQuery(query)).toThrow(expect.objectContaining({ code: 'INVALID_MESSAGE', message }))
})

test('dates are read as ISO 8601 in UTC or Unix milliseconds', () => {
  expect(readDate('2026')).toBe(Date.UTC(2026, 0, 1))
  expect(readDate('2026-03')).toBe(Date.UTC(2026, 2, 1))
  expect(readDate('2024-02-29')).toBe(Date.UTC(2024, 1, 29))
  expect(readDate('2026-03-04T05:06')).toBe(Date.UTC(2026, 2, 4, 5, 6))
  expect(readDate('2026-03-04 05:06:07.250')).toBe(Date.UTC(2026, 2, 4, 5, 6, 7, 250))
  expect(readDate('2026-03-04T05:06+02:00')).toBe(Date.UTC(2026, 2, 4, 3, 6))
  expect(readDate('1771459200000')).toBe(1_771_459_200_000)
  for (const text of ['', '2026-13', '2026-02-29', '2026-00-01', '12', 'noon', '2026-01-01T25:00', '2026-1-1']) {
    expect(readDate(text), text).toBeUndefined()
  }
})

test('a range of dates is the fewest years, months and days, and names exactly its days', () => {
  expect(rangeFacets(Date.UTC(2025, 10, 29), Date.UTC(2027, 1, 2))).toEqual([
    'd20251129',
    'd20251130',
    'm202512',
    'y2026',
    'm202701',
    'd20270201',
  ])
  expect(rangeFacets(Date.UTC(2026, 0, 1, 12), Date.UTC(2026, 0, 1, 13))).toEqual(['d20260101'])
  expect(rangeFacets(2_000_000_000_000, 1_000_000_000_000)).toEqual([])
  expect(rangeFacets(undefined, undefined)).toHaveLength(230)
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed % below
  }
  const day = 86_400_000
  for (let round = 0; round < 200; round++) {
    const after = random(20_000) * day + random(day)
    const before = after + 1 + random(800) * day
    const named = new Set(rangeFacets(after, before))
    for (const at of [after, before - 1, after + random(before - after)]) {
      expect(dateFacets(at).filter(facet => named.has(facet))).toHaveLength(1)
    }
    for (const at of [after - day, before + day]) expect(dateFacets(at).some(facet => named.has(facet))).toBe(false)
  }
})

test('moments that no clock shows count as the first and the last', () => {
  expect(dateFacets(-8e15)).toEqual(dateFacets(0))
  expect(dateFacets(Number.MAX_SAFE_INTEGER)).toEqual(['y2199', 'm219912', 'd21991231'])
})

test('a snippet shows the place where most of what was looked for stands together', () => {
  const filler = 'lorem ipsum dolor sit amet '.repeat(20)
  const { text, marks } = marked(`needle ${filler}the hay\nand  the Needle ${filler}`, 'needle hay')
  expect(marks).toEqual(['hay', 'Needle'])
  expect(text).toMatch(/^…\S.* the hay and the Needle .*\S…$/)
  expect(text.length).toBeLessThanOrEqual(162)
})

test('a snippet ends its look where all words stand together, a phrase that began before among them', () => {
  const filler = 'lorem ipsum dolor sit amet '.repeat(20)
  const text = `hay ${filler}hay and far from it the hay of a long long phrase needle ${filler}needle hay hay hay needle`
  // The words of the second place are more, and are not looked at.
  expect(marked(text, 'needle "hay of a long long phrase" OR hay').marks).toEqual([
    'hay',
    'hay of a long long phrase',
    'needle',
  ])
})

test('a short text is its own snippet, on one line, with every mark', () => {
  expect(marked('A café\n\tand CAFES', 'caf*')).toEqual({ text: 'A café and CAFES', marks: ['café', 'CAFES'] })
  expect(marked('the red red fox', '"red fox" OR red')).toEqual({ text: 'the red red fox', marks: ['red', 'red fox'] })
  expect(marked('你好，世界', '世界')).toEqual({ text: '你好，世界', marks: ['世界'] })
  expect(marked('ok 👍🏽!', '👍')).toEqual({ text: 'ok 👍🏽!', marks: ['👍🏽'] })
  expect(marked('nothing of it', 'role:user')).toEqual({ text: 'nothing of it', marks: [] })
})

test('a snippet cuts no character in two, in scripts without spaces either', () => {
  for (const unit of ['👍🏽', '漢字', 'é'.normalize('NFD'), '👨‍👩‍👧']) {
    const { text, marks } = marked(`${unit.repeat(300)}needle${unit.repeat(300)}`, 'needle')
    expect(text.isWellFormed()).toBe(true)
    expect(text.length).toBeLessThanOrEqual(340)
    if (unit !== 'é'.normalize('NFD')) expect(marks).toEqual(['needle'])
  }
})

test('a long text is read as far as it is needed', () => {
  const found = marked(`${'a '.repeat(50_000)}needle ${'b '.repeat(500_000)}`, 'needle')
  expect(found.marks).toEqual(['needle'])
  expect(marked('a '.repeat(1_000_000), 'b').text).toMatch(/^a a .* a…$/)
})
