import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { SessionFilter } from '../../src/db/store.ts'
import { sendText, temporaryStore } from '../support/store.ts'

let store: SqliteStore
let dispose: () => Promise<void>

// 120 sessions whose activity has many ties, in three states, two channels and four senders.
beforeAll(async () => {
  ;({ store, dispose } = await temporaryStore())
  const name = (index: number) => `s${String(index).padStart(3, '0')}`
  await Promise.all(
    Array.from({ length: 120 }, (_, index) =>
      store.createSession({
        id: name(index),
        senderId: `sender-${index % 4}`,
        channel: index % 2 === 0 ? 'web' : 'sms',
        title: index === 17 ? '100% of_it\\all' : `Title ${index}`,
        at: Math.floor(index / 10),
      }),
    ),
  )
  for (let index = 0; index < 120; index += 3)
    await sendText(store, name(index), name(index), { at: Math.floor(index / 10) })
  for (let index = 0; index < 120; index += 6) {
    await store.finishRun({ runId: `run-${name(index)}`, state: 'done', at: Math.floor(index / 10) })
  }
})
afterAll(() => dispose())

async function walk(filter: Omit<SessionFilter, 'limit' | 'cursor'>, limit: number) {
  const seen = []
  let cursor: string | undefined
  do {
    const page = await store.listSessions({ ...filter, limit, cursor })
    seen.push(...page.sessions)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return seen
}

test('pages hold every session once, newest activity first, ties by id', async () => {
  const seen = await walk({}, 7)
  expect(seen).toHaveLength(120)
  expect(new Set(seen.map(({ id }) => id)).size).toBe(120)
  const sorted = [...seen].sort((a, b) => b.lastActiveAt - a.lastActiveAt || (a.id < b.id ? 1 : -1))
  expect(seen).toEqual(sorted)
})

test('every combination of filters gives the sessions that pass all of them, in order', async () => {
  const all = await walk({}, 200)
  for (const channel of [undefined, 'web', 'none']) {
    for (const state of [undefined, 'created', 'active', 'idle'] as const) {
      for (const senderId of [undefined, 'sender-2', 'sender-1']) {
        const expected = all.filter(
          item =>
            (channel === undefined || item.channel === channel) &&
            (state === undefined || item.state === state) &&
            (senderId === undefined || item.senderId === senderId),
        )
        expect(await walk({ channel, state, senderId }, 4)).toEqual(expected)
      }
    }
  }
})

test('the last page says that there is no next one', async () => {
  expect((await store.listSessions({ limit: 120 })).nextCursor).toBeNull()
  expect((await store.listSessions({ limit: 119 })).nextCursor).not.toBeNull()
})

test('a text finds a part of title, sender or id in any case, and its wildcards are letters', async () => {
  expect((await walk({ query: 'TITLE 42' }, 5)).map(({ id }) => id)).toEqual(['s042'])
  expect((await walk({ query: 'S017' }, 5)).map(({ id }) => id)).toEqual(['s017'])
  expect((await walk({ query: '100% of_it\\' }, 5)).map(({ id }) => id)).toEqual(['s017'])
  expect(await walk({ query: 'T_tle' }, 5)).toEqual([])
  expect(await walk({ query: 'sender-3', state: 'created' }, 5)).toHaveLength(20)
})

test('a cursor that is not ours is refused', async () => {
  for (const cursor of ['', 'x', Buffer.from('NaN.s').toString('base64url'), '../../etc']) {
    await expect(store.listSessions({ limit: 1, cursor })).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
  }
})
