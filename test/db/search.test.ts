import { expect, test } from 'vitest'
import { now, searchableStore } from './search-fixture.ts'

const found: [query: string, text: string, marked: string][] = [
  ['cafe', 'We met at the Café.', 'Café'],
  ['CAFÉ', 'we met at the cafe', 'cafe'],
  ['cafe\u0301', 'Das Café', 'Café'],
  ['café', 'decomposed cafe\u0301 here', 'café'],
  ['STRASSE', 'die Straße', 'Straße'],
  ['abc', 'full width ＡＢＣ', 'ABC'],
  ['世', '你好，世界！', '世'],
  ['世界', '你好，世界！', '世界'],
  ['去公园散步', '我们去公园散步吧', '去公园散步'],
  ['カフェ', '昨日カフェで会った', 'カフェ'],
  ['ｶﾌｪ', '昨日カフェで会った', 'カフェ'],
  ['서울', '저는 서울에서 살아요', '서울'],
  ['น้ำ', 'ขอน้ำหน่อยครับ', 'น้ำ'],
  ['محمد', 'قال مُحَمَّد ذلك', 'مُحَمَّد'],
  ['שלום', 'אמר שָׁלוֹם לכולם', 'שָׁלוֹם'],
  ['नमस्ते', 'उसने नमस्ते कहा', 'नमस्ते'],
  ['👍', 'great 👍🏽 work', '👍🏽'],
  ['👩', 'the 👨‍👩‍👧 family', '👩'],
  ['👨‍👩‍👧', 'the 👨‍👩‍👧 family', '👨‍👩‍👧'],
  ['🇩🇪', 'from 🇫🇷🇩🇪', '🇩🇪'],
  ['🥹', 'younger than SQLite 🥹', '🥹'],
  ['"red fox"', 'a red fox ran', 'red fox'],
  ['mess*', 'two messages', 'messages'],
  ['"quick bro"*', 'the quick brown fox', 'quick brown'],
  ["don't", 'I don’t know', 'don’t'],
  ['session.search', 'asks session.search now', 'session.search'],
]

test('words are found whatever their case, accents, form and script', async () => {
  const { store, say, marks } = await searchableStore()
  for (const [index, [query, text, marked]] of found.entries()) {
    const sessionId = `case-${index}`
    await store.createSession({ id: sessionId, senderId: 'ann', channel: 'web', at: now })
    await say(text, { sessionId })
    await say('another one 别的 다른 อื่น 🎉', { sessionId })
    expect(await marks(query, { sessionId }), query).toEqual([[marked]])
  }
})

test('what only looks alike is not found', async () => {
  const { say, texts } = await searchableStore()
  await say('fox red; 界世; the messages; 🇫🇷🇩🇪; cafeteria')
  for (const query of ['"red fox"', '世界', 'mess', '🇷🇩', 'cafe', 'fox absent']) expect(await texts(query)).toEqual([])
})

test('all words must be there, none that is left out, one of those with OR', async () => {
  const { say, texts } = await searchableStore()
  for (const text of ['apple', 'apple pear', 'apple plum', 'pear plum']) await say(text)
  expect(await texts('apple pear')).toEqual(['apple pear'])
  expect(await texts('apple -pear')).toEqual(['apple', 'apple plum'])
  expect(await texts('pear OR plum')).toEqual(['apple pear', 'apple plum', 'pear plum'])
  expect(await texts('apple pear OR plum')).toEqual(['apple pear', 'apple plum'])
  expect(await texts('apple -"pear" -plum')).toEqual(['apple'])
  expect(await texts('pl* -pear')).toEqual(['apple plum'])
})

test('filters narrow by role, channel, session and date', async () => {
  const { store, say, texts } = await searchableStore()
  await store.createSession({ id: 't', senderId: 'bob', channel: 'My Channel', at: now })
  await say('word one', { at: Date.UTC(2026, 0, 31, 23, 59) })
  await say('word two', { at: Date.UTC(2026, 1, 1) })
  await say('word three', { sessionId: 't', at: Date.UTC(2026, 1, 1, 12) })
  await store.startRun({ runId: 'run-t-2', at: now })
  await store.appendToolCalls({
    runId: 'run-t-2',
    messageId: 'call',
    content: 'word four',
    toolCalls: [{ id: 'c', name: 'file_read', args: {} }],
    at: now,
  })
  await store.appendToolResult({
    runId: 'run-t-2',
    messageId: 'result',
    toolCallId: 'c',
    content: 'word five',
    at: now,
  })
  expect(await texts('word')).toHaveLength(5)
  expect(await texts('word role:tool')).toEqual(['word five'])
  expect(await texts('word role:assistant role:tool')).toEqual(['word five', 'word four'])
  expect(await texts('word -role:user')).toEqual(['word five', 'word four'])
  expect(await texts('word channel:web')).toEqual(['word one', 'word two'])
  expect(await texts('word channel:"my channel" role:user')).toEqual(['word three'])
  expect(await texts('word -channel:WEB -role:tool')).toEqual(['word four', 'word three'])
  expect(await texts('word session:s')).toEqual(['word one', 'word two'])
  expect(await texts('word -session:s role:user')).toEqual(['word three'])
  expect(await texts('word session:none')).toEqual([])
  expect(await texts('word -session:none role:user')).toHaveLength(3)
  expect(await texts('word before:2026-02-01')).toEqual(['word one'])
  expect(await texts('word after:2026-02-01 role:user')).toEqual(['word three', 'word two'])
  expect(await texts('word after:2026-02-01T00:01 before:2026-02-01T12:01')).toEqual(['word three'])
  expect(await texts(`word before:${Date.UTC(2026, 1, 1) + 1}`)).toEqual(['word one', 'word two'])
  expect(await texts('word after:2026-03 before:2026-02')).toEqual([])
  expect(await texts('role:tool')).toEqual(['word five'])
  expect(await texts('after:2026-02 before:2026-03')).toEqual(['word three', 'word two'])
})

test('a search in one session stays in it, whatever the query says', async () => {
  const { store, say, find } = await searchableStore()
  await store.createSession({ id: 't', senderId: 'bob', channel: 'web', title: 'word', at: now })
  await say('word here')
  await say('word there', { sessionId: 't' })
  const sessions = async (query: string, sessionId: string) =>
    (await find(query, { sessionId })).map(hit => [hit.sessionId, hit.role])
  expect(await sessions('word', 's')).toEqual([['s', 'user']])
  expect(await sessions('word session:s', 't')).toEqual([])
  expect((await sessions('word', 't')).sort()).toEqual([
    ['t', 'title'],
    ['t', 'user'],
  ])
  expect(await sessions('word', 'none')).toEqual([])
})

test('what was said lately ranks above the same words of long ago, and more of the words above fewer', async () => {
  const { say, find } = await searchableStore()
  await say('the plan', { at: Date.UTC(2025, 0, 1) })
  await say('the plan', { at: now })
  await say('a plan of a plan, the plan', { at: now })
  await say('something else entirely', { at: now })
  const hits = await find('plan')
  expect(hits.map(({ snippet }) => snippet)).toEqual(['a plan of a plan, the plan', 'the plan', 'the plan'])
  expect(hits.map(({ timestamp }) => timestamp)).toEqual([now, now, Date.UTC(2025, 0, 1)])
  for (const [index, { rank }] of hits.entries()) expect(rank).toBeLessThan(hits[index - 1]?.rank ?? 9)
  expect(await find('plan', { limit: 2 })).toEqual(hits.slice(0, 2))
})

test('a hit tells where it is', async () => {
  const { store, say, find } = await searchableStore()
  await store.updateSession({ sessionId: 's', title: 'Lunch' })
  const { messageId, seq } = await say('pizza tonight')
  expect(await find('pizza')).toEqual([
    {
      sessionId: 's',
      messageId,
      epoch: 1,
      seq,
      role: 'user',
      snippet: 'pizza tonight',
      marks: [[0, 5]],
      rank: expect.any(Number),
      timestamp: now - 86_400_000,
      title: 'Lunch',
      channel: 'web',
    },
  ])
})

test('titles are found as they are now', async () => {
  const { store, find } = await searchableStore()
  await store.createSession({ id: 't', senderId: 'bob', channel: 'cli', title: 'Zürich trip', at: now })
  await store.updateSession({ sessionId: 's', title: 'Old name' })
  const sessions = async (query: string) => (await find(query)).map(hit => [hit.sessionId, hit.role, hit.snippet])
  expect(await sessions('zurich')).toEqual([['t', 'title', 'Zürich trip']])
  await store.updateSession({ sessionId: 's', title: 'New zurich' })
  expect(await sessions('old')).toEqual([])
  expect((await sessions('zurich')).length).toBe(2)
  expect(await sessions('zurich channel:CLI')).toEqual([['t', 'title', 'Zürich trip']])
  expect(await sessions('zurich role:user')).toEqual([])
  expect(await sessions('zurich -new')).toEqual([['t', 'title', 'Zürich trip']])
  await store.updateSession({ sessionId: 's', title: null })
  expect(await sessions('new')).toEqual([])
  expect(await find('zurich')).toMatchObject([{ messageId: null, epoch: null, seq: null, timestamp: now }])
})

test('an entry of an archived epoch is found with its epoch', async () => {
  const { store, say, find } = await searchableStore()
  await say('before the reset')
  await store.resetSession({ sessionId: 's', at: now, cut: { messageId: 'cut' } })
  await say('after the reset')
  expect((await find('reset')).map(({ epoch, seq }) => [epoch, seq]).sort()).toEqual([
    [1, 1],
    [2, 1],
  ])
})

test('a deleted session is not found, a restored one is, an erased one leaves no word behind', async () => {
  const { store, say, find } = await searchableStore()
  await store.createSession({ id: 't', senderId: 'bob', channel: 'web', at: now })
  await say('secretword', { sessionId: 't' })
  await say('newestword')
  await store.updateSession({ sessionId: 's', title: 'titleword' })
  await store.deleteSession({ sessionId: 's', at: now, cut: { messageId: 'x' } })
  expect(await find('newestword OR titleword')).toEqual([])
  await store.restoreSession({ sessionId: 's', at: now })
  expect(await find('newestword OR titleword')).toHaveLength(2)
  await store.deleteSession({ sessionId: 's', at: now, cut: { messageId: 'x' } })
  expect(await store.eraseDeleted({ before: now + 1 })).toEqual({ erased: 1 })
  expect(await find('newestword OR titleword')).toEqual([])
  // Both rowids are free again.
  await store.createSession({ id: 'u', senderId: 'bob', channel: 'web', title: 'another', at: now })
  await say('thirdword', { sessionId: 'u' })
  expect(await find('newestword OR titleword')).toEqual([])
  expect((await find('thirdword OR another')).map(({ sessionId }) => sessionId)).toEqual(['u', 'u'])
  expect(await find('secretword')).toHaveLength(1)
})

test('a message is found by the search that follows its acknowledgement', async () => {
  const { say, find } = await searchableStore()
  for (let round = 0; round < 60; round++) {
    const { messageId } = await say(`unique${round} of many`)
    expect((await find(`unique${round}`)).map(hit => hit.messageId)).toEqual([messageId])
  }
  const batch = await Promise.all(Array.from({ length: 300 }, (_, index) => say(`batch${index} of many`)))
  const found = await Promise.all([0, 150, 299].map(index => find(`batch${index}`)))
  expect(found.map(hits => hits.map(hit => hit.messageId))).toEqual(
    [0, 150, 299].map(index => [batch[index]?.messageId]),
  )
  expect((await find('many', { limit: 100 })).length).toBe(100)
})

test('a very long message is found by its beginning and does no harm', async () => {
  const { say, find } = await searchableStore()
  await say(`startword ${'filler text '.repeat(40_000)} middleword ${'filler text '.repeat(40_000)}`)
  expect(await find('startword')).toMatchObject([{ marks: [[0, 9]] }])
  expect(await find('middleword')).toHaveLength(1)
})

test('no text that a person can type reaches the index as anything but words', async () => {
  const { store, say } = await searchableStore()
  await say('NEAR this AND that')
  const parts = ['"', "'", '(', ')', '*', '^', ':', '+', '-', '{', '}', 'NEAR(', 'AND', 'OR', 'NOT', 'text', 'facets:']
  parts.push('role:user', 'before:2030', 'session:s', 'a', 'b*', '世', '👍', '\u0000', '\\', ';--', ',', ' ', '  ', '“')
  parts.push('rowid', '"a" "b"', '-"', 'message_index', '%', '\ud83d', '\u0301', '\u200d', '1', '/*', '0x1', 'x:y:z')
  let seed = 42
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed % below
  }
  const queries = Array.from({ length: 3_000 }, () =>
    Array.from({ length: 1 + random(12) }, () => parts[random(parts.length)]).join(''),
  )
  for (let at = 0; at < queries.length; at += 50) {
    const outcomes = await Promise.allSettled(
      queries.slice(at, at + 50).map(query => store.search({ query, limit: 3, now })),
    )
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') {
        expect(outcome.reason, queries[at + index]).toMatchObject({ code: 'INVALID_MESSAGE' })
      }
    }
  }
  expect((await store.search({ query: 'NEAR(this, that) AND "this"', limit: 3, now })).hits).toHaveLength(1)
}, 60_000)
