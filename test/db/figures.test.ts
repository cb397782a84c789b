import { expect, onTestFinished, test } from 'vitest'
import { createRecorder } from '../../src/db/histogram.ts'
import type { SqliteOptions } from '../../src/db/sqlite/engine.ts'
import { sendText, temporaryStore } from '../support/store.ts'

async function open(options: Partial<SqliteOptions> = {}) {
  const { store, dispose } = await temporaryStore(options)
  onTestFinished(dispose)
  return store
}

test('a histogram counts each value once, in the first bucket that holds it', () => {
  const recorder = createRecorder([1, 10])
  for (const value of [0, 1, 1.0004, 10, 10.5, 4_000]) recorder.add(value)
  expect(recorder.read()).toEqual({ bounds: [1, 10], counts: [2, 2, 2], count: 6, sum: 4_022.5, max: 4_000 })
})

test('figures that were read do not change with what comes later', () => {
  const recorder = createRecorder([1])
  const before = recorder.read()
  recorder.add(5)
  expect(before).toEqual({ bounds: [1], counts: [0, 0], count: 0, sum: 0, max: 0 })
})

test('the writer counts commits, the commands in them and how long they waited', async () => {
  const store = await open()
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  const before = store.stats().writer
  const sent = Promise.allSettled(Array.from({ length: 200 }, (_, index) => sendText(store, 's', `${index}`)))
  const during = store.stats().writer
  expect(during.waiting).toBe(200)
  expect(during.waitingChars).toBeGreaterThan(200 * 'text 0'.length)
  await sent
  await expect(sendText(store, 'nobody', 'x')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  const { writer } = store.stats()
  const commits = writer.commits - before.commits
  expect(writer).toMatchObject({ waiting: 0, waitingChars: 0, failedCommits: 0, refused: 0 })
  expect(writer.commands - before.commands).toBe(201)
  expect(commits).toBeLessThan(50)
  expect(writer.commandsPerCommit.count - before.commandsPerCommit.count).toBe(commits)
  expect(writer.commandsPerCommit.sum - before.commandsPerCommit.sum).toBe(201)
  expect(writer.commandsPerCommit.max).toBeGreaterThan(10)
  expect(writer.commitMs.count).toBe(writer.commits)
  expect(writer.commitMs.max).toBeGreaterThan(0)
  expect(writer.waitMs.count).toBe(writer.commands)
  expect(writer.waitMs.sum).toBeGreaterThan(0)
})

test('the bound on waiting text counts what lies in lists and objects, and says what it refused', async () => {
  const store = await open({ maxWaitingChars: 10_000 })
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  const nested = { level: [{ text: 'x'.repeat(6_000) }], 3: null, on: true }
  const outcomes = await Promise.allSettled([
    store.updateSession({ sessionId: 's', config: nested }),
    store.updateSession({ sessionId: 's', config: nested }),
    store.updateSession({ sessionId: 's', title: 'short' }),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toMatchObject({ reason: { code: 'OVERLOADED' } })
  expect(store.stats().writer).toMatchObject({ refused: 1, waiting: 0, waitingChars: 0 })
})

test('the readers count what they were asked', async () => {
  const store = await open({ readers: 2 })
  const all = { from: 0, to: 1, by: 'day', limit: 1 } as const
  expect(store.stats().readers).toMatchObject({ size: 2, busy: 0, idle: 0, runs: 0 })
  await Promise.all([store.usage(all), store.usage(all), store.usage(all)])
  const { readers } = store.stats()
  expect(readers).toMatchObject({ busy: 0, idle: 2, waiting: 0, oldestMs: 0, runs: 3, timeouts: 0, crashes: 0 })
  expect(readers.waitMs.count).toBe(3)
  expect(readers.runMs.count).toBe(3)
  expect(readers.runMs.max).toBeGreaterThan(0)
})
