import { expect, test } from 'vitest'
import { now, searchableStore } from './search-fixture.ts'

test('entries that a fork shows are hits of the session that said them', async () => {
  const { store, say, find } = await searchableStore()
  await say('shared words')
  await store.forkSession({ id: 'fork', sessionId: 's', atSeq: 1, at: now })
  await say('own words', { sessionId: 'fork' })
  expect((await find('words')).map(({ sessionId, snippet }) => [sessionId, snippet]).sort()).toEqual([
    ['fork', 'own words'],
    ['s', 'shared words'],
  ])
})

test('a search in a fork finds what it shows, and nothing else of its source', async () => {
  const { store, say, find } = await searchableStore()
  await say('first words')
  await store.forkSession({ id: 'fork', sessionId: 's', atSeq: 1, at: now })
  await say('later words')
  await say('own words', { sessionId: 'fork' })
  await store.forkSession({ id: 'again', sessionId: 'fork', atSeq: 2, at: now })
  const found = async (query: string, sessionId?: string) =>
    (await find(query, { sessionId })).map(hit => [hit.sessionId, hit.epoch, hit.seq, hit.snippet]).sort()
  const shown = [
    ['fork', 1, 1, 'first words'],
    ['fork', 1, 2, 'own words'],
  ]
  expect(await found('words', 'fork')).toEqual(shown)
  expect(await found('words session:fork')).toEqual(shown)
  expect(await found('words', 'again')).toEqual(shown.map(([, ...place]) => ['again', ...place]))
  expect(await found('words session:s', 'fork')).toEqual([])
  expect(await found('words session:again session:s')).toEqual([
    ['again', 1, 2, 'own words'],
    ['s', 1, 1, 'first words'],
    ['s', 1, 2, 'later words'],
  ])
})

test('what a fork shows of a deleted session is found in the fork', async () => {
  const { store, say, find } = await searchableStore()
  await say('old words')
  await store.resetSession({ sessionId: 's', at: now, cut: { messageId: 'cut' } })
  const { messageId } = await say('shared words')
  await store.forkSession({ id: 'fork', sessionId: 's', atSeq: 1, at: now })
  await say('later words')
  await store.deleteSession({ sessionId: 's', at: now, cut: { messageId: 'x' } })
  expect(await find('words')).toMatchObject([
    { sessionId: 'fork', messageId, epoch: 1, seq: 1, snippet: 'shared words' },
  ])
  expect(await find('words', { sessionId: 'fork' })).toHaveLength(1)
  expect(await find('words -session:fork')).toEqual([])
  await store.eraseDeleted({ before: now + 1 })
  expect(await find('words')).toHaveLength(1)
  await store.deleteSession({ sessionId: 'fork', at: now, cut: { messageId: 'y' } })
  expect(await find('words')).toEqual([])
})
