import { renameSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createReaderPool, type ReaderPoolOptions } from '../../src/db/sqlite/reader-pool.ts'
import type { ReadOptions } from '../../src/db/store.ts'
import { sendText, temporaryStore } from '../support/store.ts'

const entry = new URL('./children/other-reads.ts', import.meta.url)
const soon = { timeout: 15_000, interval: 5 }
const always = { from: 0, to: Number.MAX_SAFE_INTEGER, by: 'day', limit: 1_000 } as const

/** A pool over a real database, with reads that last, fail and crash on demand. */
async function pool(options: Partial<ReaderPoolOptions> = {}) {
  const { store, file, dispose } = await temporaryStore()
  const errors: unknown[] = []
  const opened = createReaderPool({
    file,
    size: 1,
    maxWaiting: 10,
    timeoutMs: 30_000,
    onError: error => errors.push(error),
    entry,
    ...options,
  })
  onTestFinished(async () => {
    await opened.close()
    await dispose()
  })
  // The table of the thread holds more reads than the store's own, whose names the type knows.
  const run = opened.run as unknown as (name: string, input: unknown, options?: ReadOptions) => Promise<unknown>
  const usage = async () => (await opened.run('usage', always)).rows
  return { ...opened, run, usage, store, file, errors }
}

/** Holds a thread until it is opened. */
function gate() {
  const held = new Int32Array(new SharedArrayBuffer(4))
  onTestFinished(() => open())
  function open() {
    Atomics.store(held, 0, 1)
    Atomics.notify(held, 0)
  }
  return { gate: held, open }
}

test('no thread runs before the first read, which starts one', async () => {
  const { usage, stats } = await pool({ size: 2 })
  expect(stats()).toMatchObject({ size: 2, busy: 0, idle: 0 })
  expect(await usage()).toEqual([])
  expect(stats()).toMatchObject({ busy: 0, idle: 1, runs: 1, waiting: 0, oldestMs: 0 })
})

test('a read sees every commit that was acknowledged before it', async () => {
  const { usage, store } = await pool()
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  for (let round = 1; round <= 10; round++) {
    await sendText(store, 's', `${round}`)
    await store.finishRun({ runId: `run-${round}`, state: 'done', at: round })
    expect(await usage()).toMatchObject([{ day: '1970-01-01', runs: round }])
  }
})

test('reads are answered in the order in which they were asked for', async () => {
  const { run } = await pool()
  const { gate: held, open } = gate()
  const order: unknown[] = []
  const all = ['a', 'b', 'c', 'd'].map(async name => order.push(await run('hold', { gate: held, name })))
  open()
  await Promise.all(all)
  expect(order).toEqual(['a', 'b', 'c', 'd'])
})

test('as many reads run at once as there are threads', async () => {
  const { run, usage, stats } = await pool({ size: 2 })
  const { gate: held, open } = gate()
  const first = run('hold', { gate: held, name: 'first' })
  expect(await usage()).toEqual([])
  expect(stats()).toMatchObject({ busy: 1, idle: 1 })
  open()
  expect(await first).toBe('first')
})

test('over its bound the queue refuses at once and says when to come back', async () => {
  const { run, usage, stats } = await pool({ maxWaiting: 2 })
  const { gate: held, open } = gate()
  const accepted = [run('hold', { gate: held, name: 'a' }), usage(), usage()]
  await expect(usage()).rejects.toMatchObject({ code: 'OVERLOADED', extras: { retryAfterMs: expect.any(Number) } })
  expect(stats()).toMatchObject({ busy: 1, waiting: 2, refused: 1 })
  expect(stats().oldestMs).toBeGreaterThan(0)
  open()
  await Promise.all(accepted)
  expect(await usage()).toEqual([])
  expect(stats().waitMs.count).toBe(4)
})

test('a scan that takes too long is told so at once, and its thread goes on with the next', async () => {
  // A busy machine may let the scan look late; that is no stuck thread.
  const { run, usage, stats, errors } = await pool({ patienceMs: 60_000 })
  for (const name of ['scan', 'loop']) {
    // Begins at once, because the one before it has ended.
    expect(await usage()).toEqual([])
    await expect(run(name, {}, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'The answer took longer than 0.1 s: ask for less, or raise storage.readTimeoutMs.',
    })
  }
  expect(await usage()).toEqual([])
  expect(stats()).toMatchObject({ timeouts: 2, crashes: 0, stuck: 0, idle: 1, runs: 5 })
  expect(errors).toEqual([])
})

test('a read whose turn does not come in time is told that', async () => {
  const { run, stats } = await pool()
  const { gate: held, open } = gate()
  const first = run('hold', { gate: held, name: 'first' })
  await expect(run('scan', {}, { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringContaining('No reader was free within 0.05 s'),
  })
  expect(stats()).toMatchObject({ timeouts: 1, waiting: 0, busy: 1 })
  open()
  expect(await first).toBe('first')
})

test('a caller that went away frees its place in the queue', async () => {
  const { run, usage, stats } = await pool({ maxWaiting: 1 })
  const { gate: held, open } = gate()
  const first = run('hold', { gate: held, name: 'first' })
  const leaving = new AbortController()
  const second = run('scan', {}, { signal: leaving.signal })
  leaving.abort()
  await expect(second).rejects.toMatchObject({ code: 'CANCELLED' })
  const third = usage()
  open()
  expect(await Promise.all([first, third])).toEqual(['first', []])
  expect(stats()).toMatchObject({ cancelled: 1, refused: 0 })
  await expect(run('scan', {}, { signal: leaving.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('a caller that goes away ends its read', async () => {
  const { run, usage, stats } = await pool({ patienceMs: 60_000 })
  // Before the thread stands, the read would be given up without having begun.
  expect(await usage()).toEqual([])
  const leaving = new AbortController()
  const scan = run('scan', {}, { signal: leaving.signal })
  setImmediate(() => leaving.abort())
  await expect(scan).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(await usage()).toEqual([])
  expect(stats()).toMatchObject({ cancelled: 1, stuck: 0, crashes: 0 })
})

test('a thread that cannot be stopped is replaced, but not without end', async () => {
  const { run, usage, stats, errors } = await pool({ patienceMs: 1 })
  const { gate: held } = gate()
  await expect(run('hold', { gate: held, name: 'never' }, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  expect(await usage()).toEqual([])
  const blind = Array.from({ length: 4 }, () => run('scanBlindly', {}, { timeoutMs: 20 }))
  // Together: one that is refused before its turn to be looked at would be a rejection that nobody handles.
  for (const outcome of await Promise.allSettled(blind)) expect(outcome).toMatchObject({ reason: { code: 'TIMEOUT' } })
  const { busy, idle, stuck } = stats()
  expect(busy + idle + stuck).toBeLessThanOrEqual(2)
  expect(await usage()).toEqual([])
  expect(errors).toEqual([])
})

test('a thread that crashes is replaced; only its own caller notices', async () => {
  const { run, usage, stats, errors } = await pool({ size: 2 })
  const { gate: held, open } = gate()
  const beside = run('hold', { gate: held, name: 'beside' })
  const outcomes = await Promise.allSettled([run('exit', {}), usage(), usage()])
  expect(outcomes).toMatchObject([
    { reason: { code: 'STORAGE_UNAVAILABLE', message: 'The reader had to be restarted: try again.' } },
    { value: [] },
    { value: [] },
  ])
  open()
  expect(await beside).toBe('beside')
  expect(stats()).toMatchObject({ crashes: 1, busy: 0 })
  expect(errors).toHaveLength(1)
})

test('where no thread can start, reads fail until one can', async () => {
  const { usage, file, errors } = await pool()
  renameSync(file, `${file}.gone`)
  await expect(usage()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  expect(errors).toHaveLength(1)
  renameSync(`${file}.gone`, file)
  expect(await usage()).toEqual([])
})

test('what a read throws reaches its caller as it is', async () => {
  const { run, usage } = await pool()
  const refusal = { name: 'TalonError', code: 'NOT_FOUND', message: 'There is no such thing.' }
  await expect(run('refuse', {})).rejects.toMatchObject({ ...refusal, extras: { retryAfterMs: 7 } })
  await expect(run('unheard of', {})).rejects.toThrow('There is no read "unheard of".')
  await expect(run('usage', { callback: () => undefined })).rejects.toThrow('could not be cloned')
  expect(await usage()).toEqual([])
})

test('closing ends the reads that run and those that wait', async () => {
  const { run, close, stats, errors } = await pool({ size: 2 })
  const outcomes = Promise.allSettled(Array.from({ length: 5 }, () => run('scan', {})))
  expect(stats()).toMatchObject({ busy: 2, waiting: 3 })
  await close()
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ reason: { code: 'STORAGE_UNAVAILABLE', message: 'Storage is closed.' } })
  }
  await expect(run('scan', {})).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  expect(stats()).toMatchObject({ busy: 0, idle: 0, stuck: 0, crashes: 0 })
  expect(errors).toEqual([])
})

test('a thread with nothing to do ends, and another comes when it is needed', async () => {
  const { usage, stats, errors } = await pool({ idleMs: 1 })
  for (let round = 0; round < 3; round++) {
    expect(await usage()).toEqual([])
    await vi.waitFor(() => expect(stats().idle).toBe(0), soon)
  }
  expect(stats()).toMatchObject({ crashes: 0, runs: 3 })
  expect(errors).toEqual([])
})
