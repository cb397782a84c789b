import { expect, onTestFinished, test } from 'vitest'
import { openReader } from '../../src/db/sqlite/open.ts'
import { sendText, temporaryStore } from '../support/store.ts'

const name = (index: number) => `s${String(index).padStart(4, '0')}`

test('a list shows each commit at once, whether the indexes have followed it or not', async () => {
  const { store, dispose } = await temporaryStore()
  onTestFinished(dispose)
  const activity = new Map<string, number>()
  for (let index = 0; index < 12; index++) {
    await store.createSession({ id: name(index), senderId: `u${index % 3}`, channel: 'c', at: 0 })
    activity.set(name(index), 0)
  }
  let random = 7
  for (let at = 1; at <= 400; at++) {
    random = (random * 48_271) % 2_147_483_647
    const id = name(random % 12)
    const known = `m${at}`
    await sendText(store, id, known, { at })
    activity.set(id, at)
    if (random % 3 === 0) await store.finishRun({ runId: `run-${known}`, state: 'done', at })
    const { sessions } = await store.listSessions({ limit: 200 })
    const expected = [...activity].sort(([a, aAt], [b, bAt]) => bAt - aAt || (a < b ? 1 : -1)).map(([key]) => key)
    expect(sessions.map(session => session.id)).toEqual(expected)
    const [first] = (await store.listSessions({ limit: 1, state: sessions[0]?.state ?? 'idle' })).sessions
    expect(first?.id).toBe(id)
    expect((await store.counts()).activeSessions).toBe(sessions.filter(({ state }) => state === 'active').length)
  }
})

test('no more sessions than the bound wait for their place, and all are in place soon after', async () => {
  const { store, file, dispose } = await temporaryStore()
  onTestFinished(dispose)
  const ids = Array.from({ length: 1_500 }, (_, index) => name(index))
  await Promise.all(ids.map(id => store.createSession({ id, senderId: 'u', channel: 'c', at: 1 })))
  await Promise.all(ids.map((id, at) => sendText(store, id, id, { at: 10 + at })))
  const reader = openReader(file)
  onTestFinished(() => reader.close())
  const waiting = () => reader.prepared<{ n: number }>('SELECT count(*) AS n FROM sessions WHERE unlisted = 1').get()?.n
  expect(waiting()).toBeLessThanOrEqual(1_000)
  const { sessions } = await store.listSessions({ limit: 1_500 })
  expect(sessions.map(({ id }) => id)).toEqual([...ids].reverse())
  await expect.poll(waiting, { timeout: 20_000 }).toBe(0)
  expect((await store.listSessions({ limit: 1_500 })).sessions).toEqual(sessions)
})

test("the sender's own session is found by its newest activity before the indexes know of it", async () => {
  const { store, dispose } = await temporaryStore()
  onTestFinished(dispose)
  for (const id of ['a', 'b']) await store.createSession({ id, senderId: 'u', channel: 'c', at: 1 })
  for (const [at, id] of ['a', 'b', 'a', 'b', 'b', 'a'].entries()) {
    await sendText(store, id, `m${at}`, { at: 10 + at })
    const findOrCreate = { id: 'new', senderId: 'u', channel: 'c' }
    const found = await store.sendMessage({
      target: { findOrCreate },
      messageId: `found-${at}`,
      runId: `found-${at}`,
      text: 'x',
      tokenId: 't',
      at: 10 + at,
    })
    expect(found.sessionId).toBe(id)
  }
})
