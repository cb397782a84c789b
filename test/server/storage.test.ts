import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { type TestGateway, testGateway } from '../support/gateway.ts'

const pageBytes = 4_096
// More than any disk has, so that every disk is short of space.
const everything = { TALON_STORAGE_MIN_FREE_MEGABYTES: '1048576' }

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'talon-storage-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return home
}

async function readiness(gateway: TestGateway): Promise<{ status: number; reasons: string[] }> {
  const answer = await gateway.fetch('/readyz', { token: '' })
  const { reasons } = (await answer.json()) as { reasons: string[] } // What the route answers.
  return { status: answer.status, reasons }
}

/** Fills a home as a gateway with space does, so that the database is whole on disk. */
async function filledHome(): Promise<{ home: string; sessionId: string }> {
  const home = newHome()
  await using gateway = await testGateway({ home })
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
  const answered = new Promise<void>(resolve => {
    client.subscribe(sessionId, { after: 0 }, event => event.type === 'session.message.final' && resolve())
  })
  await client.request('session.send_message', { sessionId, text: 'hello' })
  await answered
  return { home, sessionId }
}

test('with less space than is kept free nothing new is stored, and the rest works', async () => {
  const { home, sessionId } = await filledHome()
  await using gateway = await testGateway({ home, env: everything })
  const client = gateway.client()
  const reason = expect.stringMatching(
    /^The disk of the data folder has \d+ MB free, and 1048576 MB are kept \(storage\.minFreeMegabytes\)/,
  )
  expect(await readiness(gateway)).toEqual({ status: 503, reasons: [reason] })
  const refused = { code: 'STORAGE_UNAVAILABLE', retryable: true, message: reason }
  await expect(client.request('session.create', { senderId: 'ada', channel: 'test' })).rejects.toMatchObject(refused)
  await expect(client.request('session.send_message', { sessionId, text: 'more' })).rejects.toMatchObject(refused)
  const status = await client.request('gateway.status', {})
  expect(status).toMatchObject({ status: 'degraded', components: { storage: reason } })
  expect((await client.request('session.history', { sessionId })).messages).toHaveLength(2)
  await client.request('session.delete', { sessionId })
  await expect(client.request('session.get', { sessionId })).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  expect(gateway.logs.filter(line => line.includes('The disk of the data folder'))).toHaveLength(1)
})

test('a run that works when space runs short is ended, and a token can be revoked', async () => {
  const home = newHome()
  {
    await using gateway = await testGateway({ home })
    const { app } = gateway
    await app.store.createSession({ id: 's', senderId: 'ada', channel: 'test', at: 1 })
    const target = { sessionId: 's' }
    await app.store.sendMessage({ target, messageId: 'm', runId: 'r', text: 'hello', tokenId: 'none', at: 2 })
    await app.store.startRun({ runId: 'r', at: 3 })
    await app.store.savePartialText({ runId: 'r', text: 'half of an' })
    await app.auth.createToken({ name: 'lost', scopes: ['read'] })
  }
  await using gateway = await testGateway({ home, env: everything })
  const { entries } = await gateway.app.store.history({ sessionId: 's', epoch: 1, after: 1, limit: 9, maxBytes: 1e6 })
  expect(entries.map(({ message }) => message)).toMatchObject([{ content: 'half of an', incomplete: true }])
  expect(await gateway.app.store.getRun('r')).toMatchObject({ state: 'interrupted' })
  const lost = (await gateway.app.store.listTokens()).find(({ name }) => name === 'lost')
  expect(await gateway.app.store.revokeToken({ id: lost?.id ?? '', at: 4 })).toBe(true)
})

test('damage that is found at run time ends all writing; what can be read is read on', async () => {
  const { home, sessionId } = await filledHome()
  await using gateway = await testGateway({ home })
  const client = gateway.client()
  expect(await readiness(gateway)).toEqual({ status: 200, reasons: [] })
  garble(join(home, 'gateway.db'), 'idx_messages_session')
  const reason = 'The database is damaged: talon doctor says more, and how to go on.'
  await expect(client.request('session.history', { sessionId })).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: reason,
  })
  expect(await readiness(gateway)).toEqual({ status: 503, reasons: [reason] })
  await expect(client.request('session.create', { senderId: 'ada', channel: 'test' })).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    message: reason,
  })
  await expect(client.request('session.history', { sessionId })).rejects.toMatchObject({ message: reason })
  const { sessions } = await client.request('session.list', {})
  expect(sessions.map(({ id }) => id)).toEqual([sessionId])
  const status = await client.request('gateway.status', {})
  expect(status).toMatchObject({ status: 'degraded', components: { storage: reason } })
  const told = gateway.logs.filter(line => line.includes('is damaged (SQLITE_CORRUPT'))
  expect(told).toHaveLength(1)
  expect(told[0]).toContain('talon start --set-aside')
})

test('commits that are missing are told in the log and in the status, while everything works', async () => {
  const { home } = await filledHome()
  writeFileSync(join(home, 'gateway.commit'), `${'1000000'.padStart(16, '0')}\n`)
  await using gateway = await testGateway({ home })
  expect(await readiness(gateway)).toEqual({ status: 200, reasons: [] })
  const missing = /^99\d{4} commits of the last run are missing: /
  const answer = await gateway.fetch('/readyz?verbose')
  expect(await answer.json()).toMatchObject({
    details: { status: 'ok', components: { storage: expect.stringMatching(missing) } },
  })
  expect(gateway.logs.filter(line => line.includes('commits of the last run are missing'))).toHaveLength(1)
})

/** Writes over the first page of an index, as a failing disk might. */
function garble(file: string, index: string): void {
  const database = new Database(file, { readonly: true })
  const find = database.prepare<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck()
  const page = find.get(index) ?? 0
  database.close()
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(pageBytes, 'garbage'), 0, pageBytes, (page - 1) * pageBytes)
  closeSync(descriptor)
}
