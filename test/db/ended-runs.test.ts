import { expect, test } from 'vitest'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { migrationsDir, temporaryStore } from '../support/store.ts'

const run = (id: string, more: object = {}) => ({
  ...{ id, tokenId: 'token', sessionId: null, runId: null, toolName: 'clock', args: { zone: 'UTC' }, startedAt: 5 },
  ...{ outcome: { success: true, output: 'é', durationMs: 2 }, at: 7 },
  ...more,
})

test('runs that ended at the same moment share commits, are all there and are counted for those who asked', async () => {
  const { store, dispose } = await temporaryStore()
  const before = store.stats().writer.commits
  const of = (index: number) => ({ sessionId: index % 2 ? 's' : null, tokenId: index % 3 ? 'token' : 'other' })
  await Promise.all(Array.from({ length: 600 }, (_, index) => store.recordEnded(run(`run-${index}`, of(index)))))
  expect(store.stats().writer.commits - before).toBeLessThan(10)
  expect(await store.getInvocationItem('run-599')).toMatchObject({
    ...{ tokenId: 'token', sessionId: 's', toolName: 'clock', args: { zone: 'UTC' }, startedAt: 5, finishedAt: 7 },
    ...{ success: true, code: null, durationMs: 2, outputBytes: 2 },
  })
  const { rows, total } = await store.usage({ from: 0, to: 1, by: 'token', limit: 10 })
  expect(total.toolCalls).toBe(600)
  expect(Object.fromEntries(rows.map(row => [row.tokenId, row.toolCalls]))).toEqual({ token: 400, other: 200 })
  const limits = { day: { toolCalls: 1 }, session: { toolCalls: 1 }, token: { toolCalls: 1 } }
  const states = await store.budgetStates({ payer: { sessionId: 's', tokenId: 'token' }, limits, at: 5 })
  expect(states.map(({ scope, spent }) => [scope, spent])).toEqual([
    ['day', 600],
    ['session', 300],
    ['token', 400],
  ])
  await dispose()
})

test('a run whose request id is taken is refused alone', async () => {
  const { store, dispose } = await temporaryStore()
  const request = { tokenId: 'token', requestId: 'r', hash: 'h' }
  await store.recordEnded(run('first', { request }))
  const ended = await Promise.allSettled([
    store.recordEnded(run('before')),
    store.recordEnded(run('again', { request })),
    store.recordEnded(run('behind')),
  ])
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(ended[1]).toMatchObject({ reason: { code: 'CONFLICT' } })
  expect(await store.getInvocation('behind')).toMatchObject({ id: 'behind' })
  expect(await store.getInvocation('again')).toBeUndefined()
  expect(await store.findInvocation(request)).toMatchObject({ id: 'first' })
  await dispose()
})

test('what was taken is recorded before the store closes', async () => {
  const { store, home, file, dispose } = await temporaryStore()
  const recorded = Array.from({ length: 300 }, (_, index) => store.recordEnded(run(`run-${index}`)))
  await store.close()
  await Promise.all(recorded)
  const again = await openSqliteStore({ file, home, migrationsDir })
  expect(await again.getInvocation('run-299')).toMatchObject({ id: 'run-299' })
  await again.close()
  await dispose()
})
