import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteStore, type SqliteStore } from '../../src/db/sqlite/engine.ts'
import { migrationsDir, requestKey, sendText, temporaryHome } from '../support/store.ts'

let store: SqliteStore
let place: ReturnType<typeof temporaryHome>

const open = () => openSqliteStore({ file: place.file, migrationsDir })

beforeEach(async () => {
  place = temporaryHome()
  store = await open()
  await store.createSession({ id: 's', senderId: 'ann', channel: 'web', at: 1 })
})
afterEach(async () => {
  await store.close()
  place.remove()
})

test('a message is sent once, also when its repeats come at the same time or after a restart', async () => {
  const request = requestKey('r', 'hello')
  const replies = await Promise.all([1, 2, 3].map(name => sendText(store, 's', `${name}`, { request })))
  expect(replies.map(({ duplicate }) => duplicate)).toEqual([false, true, true])
  expect(new Set(replies.map(({ messageId, runId, seq }) => `${messageId} ${runId} ${seq}`)).size).toBe(1)
  await store.close()
  store = await open()
  expect(await sendText(store, 's', '4', { request })).toEqual({ ...replies[0], duplicate: true })
  expect(await store.getHead('s')).toEqual({ epoch: 1, seq: 1 })
  expect(await store.unfinishedRuns()).toHaveLength(1)
})

test('the same request id with another payload is a conflict, with another token it is another request', async () => {
  await sendText(store, 's', '1', { request: requestKey('r', 'hello') })
  const other = sendText(store, 's', '2', { request: requestKey('r', 'goodbye') })
  await expect(other).rejects.toMatchObject({ code: 'CONFLICT' })
  const stranger = await sendText(store, 's', '3', { tokenId: 'x', request: requestKey('r', 'goodbye', 'x') })
  expect(stranger.duplicate).toBe(false)
})

test('a request id is one across all kinds of commands', async () => {
  const tool = (requestId: string, payload: string) =>
    store.beginInvocation({
      id: `i-${requestId}`,
      tokenId: 'token',
      sessionId: null,
      runId: null,
      toolName: 'clock',
      args: {},
      startedAt: 1,
      request: requestKey(requestId, payload),
    })
  const update = (requestId: string, payload: string) =>
    store.updateSession({ sessionId: 's', title: payload, request: requestKey(requestId, payload) })
  const send = (requestId: string, payload: string) =>
    sendText(store, 's', requestId, { request: requestKey(requestId, payload) })
  const conflict = { code: 'CONFLICT' }

  await send('message', 'a')
  await update('update', 'b')
  await tool('tool', 'c')
  await expect(update('message', 'x')).rejects.toMatchObject(conflict)
  await expect(tool('message', 'x')).rejects.toMatchObject(conflict)
  await expect(send('update', 'x')).rejects.toMatchObject(conflict)
  await expect(tool('update', 'x')).rejects.toMatchObject(conflict)
  await expect(send('tool', 'x')).rejects.toMatchObject(conflict)
  await expect(update('tool', 'x')).rejects.toMatchObject(conflict)
})

test('every other change is done once and gives its first reply again', async () => {
  const request = (name: string) => requestKey(name, name)
  const twice = async <T>(act: () => Promise<T>) => [await act(), await act()] as const

  const [made, again] = await twice(() =>
    store.createSession({ id: 'n', senderId: 'a', channel: 'c', at: 1, request: request('create') }),
  )
  expect(again).toEqual({ ...made, duplicate: true })
  await store.updateSession({ sessionId: 'n', title: 'first', request: request('update') })
  await store.updateSession({ sessionId: 'n', title: 'second' })
  const repeated = await store.updateSession({ sessionId: 'n', title: 'first', request: request('update') })
  expect(repeated).toMatchObject({ duplicate: true, session: { title: 'first' } })
  expect((await store.getSession('n'))?.title).toBe('second')
  const resets = await twice(() =>
    store.resetSession({ cut: { messageId: 'cut' }, sessionId: 'n', at: 2, request: request('reset') }),
  )
  expect(resets.map(({ epoch }) => epoch)).toEqual([2, 2])
  const deletions = await twice(() =>
    store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 'n', at: 3, request: request('delete') }),
  )
  expect(deletions.map(({ duplicate }) => duplicate)).toEqual([false, true])
  const restored = await twice(() => store.restoreSession({ sessionId: 'n', at: 4, request: request('restore') }))
  expect(restored[1]).toEqual({ ...restored[0], duplicate: true })
})

test('a refusal is not remembered: the same request works once its cause is gone', async () => {
  const request = requestKey('r')
  await expect(sendText(store, 'later', '1', { request })).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  await store.createSession({ id: 'later', senderId: 'a', channel: 'c', at: 1 })
  expect((await sendText(store, 'later', '1', { request })).duplicate).toBe(false)
})

test('a repeat says what happened even after the session is deleted', async () => {
  const request = requestKey('r')
  await sendText(store, 's', '1', { request })
  await store.deleteSession({ cut: { messageId: 'cut' }, sessionId: 's', at: 2 })
  expect(await sendText(store, 's', '2', { request })).toMatchObject({ duplicate: true, messageId: 'message-1' })
})

test('a tool begins once, and a repeat sees how it stands', async () => {
  const begin = (id: string) =>
    store.beginInvocation({
      id,
      tokenId: 'token',
      sessionId: 's',
      runId: null,
      toolName: 'clock',
      args: { zone: 'UTC' },
      startedAt: 1,
      request: requestKey('r'),
    })
  expect(await begin('i')).toEqual({ known: undefined })
  expect((await begin('j')).known).toMatchObject({ id: 'i', finishedAt: null, outcome: null, args: { zone: 'UTC' } })
  await store.finishInvocation({ invocationId: 'i', outcome: { success: true }, at: 5 })
  await store.finishInvocation({ invocationId: 'i', outcome: { success: false }, at: 6 })
  expect((await begin('k')).known).toMatchObject({ id: 'i', finishedAt: 5, outcome: { success: true } })
  expect(await store.findInvocation(requestKey('r'))).toMatchObject({ id: 'i', outcome: { success: true } })
  expect(await store.getInvocation('j')).toBeUndefined()
})

test('what a request began is found by its token and id; of another payload or kind it is a conflict', async () => {
  await store.beginInvocation({
    id: 'i',
    tokenId: 'token',
    sessionId: null,
    runId: null,
    toolName: 'clock',
    args: {},
    startedAt: 1,
    request: requestKey('tool', 'a'),
  })
  await store.updateSession({ sessionId: 's', title: 'b', request: requestKey('update', 'b') })
  expect(await store.findInvocation(requestKey('tool', 'a'))).toMatchObject({ id: 'i', outcome: null })
  expect(await store.findInvocation(requestKey('new', 'a'))).toBeUndefined()
  expect(await store.findInvocation(requestKey('tool', 'a', 'stranger'))).toBeUndefined()
  await expect(store.findInvocation(requestKey('tool', 'x'))).rejects.toMatchObject({ code: 'CONFLICT' })
  await expect(store.findInvocation(requestKey('update', 'b'))).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('what a dead process left running is interrupted at the next start', async () => {
  const begin = (id: string) =>
    store.beginInvocation({
      id,
      tokenId: null,
      sessionId: null,
      runId: null,
      toolName: 'shell',
      args: {},
      startedAt: 10,
    })
  await begin('i')
  await begin('j')
  await store.finishInvocation({ invocationId: 'j', outcome: {}, at: 11 })
  await store.close()
  store = await open()
  expect(await store.interruptInvocations({ at: 40 })).toEqual({ interrupted: 1 })
  expect((await store.getInvocation('i'))?.outcome).toMatchObject({
    toolName: 'shell',
    invocationId: 'i',
    success: false,
    code: 'INTERRUPTED',
    durationMs: 30,
  })
})
