import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import type { Store } from '../../src/db/store.ts'
import { buildContext } from '../../src/server/agent/context.ts'
import { createFirstImport } from '../../src/server/import.ts'
import { message, newFolder, samples, session, snapshot, writeOld } from '../db/legacy/importing.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { migrationsDir } from '../support/store.ts'

async function start(home: string): Promise<TestGateway> {
  const gateway = await testGateway({ home })
  onTestFinished(() => gateway[Symbol.asyncDispose]())
  return gateway
}

async function readiness(gateway: TestGateway): Promise<{ status: number; reasons: string[] }> {
  const response = await gateway.fetch('/readyz')
  const { reasons } = await response.json()
  return { status: response.status, reasons }
}

/** Resolves with the reasons that were given before the gateway was ready. */
async function untilReady(gateway: TestGateway): Promise<string[]> {
  const given: string[] = []
  await vi.waitFor(
    async () => {
      const { status, reasons } = await readiness(gateway)
      given.push(...reasons)
      expect(status).toBe(200)
    },
    { timeout: 60_000, interval: 20 },
  )
  return given
}

test('a gateway that starts on an old data folder imports it, and is ready when every conversation is there', async () => {
  const home = newFolder()
  cpSync(samples, join(home, 'sessions'), { recursive: true })
  const many = Array.from({ length: 20_000 }, (_, index) => message(`m${index}`, `text ${index}`))
  writeOld(join(home, 'sessions', 'large.json'), session('large', many))
  writeOld(join(home, 'sessions', 'empty.json'), '')
  writeOld(join(home, '.env'), 'OPENAI_API_KEY=canary-key')
  const before = snapshot(join(home, 'sessions'))
  const gateway = await start(home)
  const reasons = await untilReady(gateway)
  expect(reasons[0]).toMatch(/^(Looking for sessions of v0\.3\.3\.|Importing sessions of v0\.3\.3: \d of 6 files\.)$/)
  const client = gateway.client(testToken)
  const { sessions } = await client.request('session.list', {})
  expect(sessions.map(({ id }) => id).toSorted()).toEqual(
    ['cli-local', 'large', 'sess_Nlp2KZ-0rnJs', 'sess_V1StGXR8_Z5j', 'sess_zGq2OqB2qf-1'].toSorted(),
  )
  const { messages } = await client.request('session.history', { sessionId: 'sess_V1StGXR8_Z5j' })
  expect(messages.at(-1)?.content).toBe(
    'That command is blocked by the safety rules. Shall I move the files to the trash instead?',
  )
  expect(snapshot(join(home, 'sessions'))).toEqual(before)
  const logged = gateway.logs.join('')
  expect(logged).toContain('importing sessions of v0.3.3')
  expect(logged).toContain('"file":"sessions/empty.json","error":"The file is empty."')
  expect(logged).toContain(
    '"msg":"sessions/empty.json of an older Talon was not imported: The file is empty. Once the file is mended, the next start imports it."',
  )
  expect(logged).toContain('"sessions":5,"messages":20028,"failed":1')
  expect(logged).toContain(
    '.env names a key for openai. Stop the gateway and take them over with: talon import --settings',
  )
  expect(logged).not.toContain('canary')
}, 90_000)

test('the next start finds everything imported, and says nothing of it', async () => {
  const home = newFolder()
  cpSync(samples, join(home, 'sessions'), { recursive: true })
  writeOld(join(home, 'sessions', 'empty.json'), '')
  const first = await testGateway({ home })
  await untilReady(first)
  await first[Symbol.asyncDispose]()
  const second = await start(home)
  await untilReady(second)
  expect(second.logs.join('')).not.toContain('v0.3.3')
  expect(await second.app.store.counts()).toMatchObject({ sessions: 4, totalMessages: 28 })
}, 90_000)

test('a gateway that is stopped during the import does the rest at its next start', async () => {
  const home = newFolder()
  const many = Array.from({ length: 30_000 }, (_, index) => message(`m${index}`, `text ${index} `.repeat(10)))
  for (const id of ['a', 'b', 'c']) writeOld(join(home, 'sessions', `${id}.json`), session(id, many))
  const first = await testGateway({ home })
  await first[Symbol.asyncDispose]()
  expect(first.logs.join('')).toContain('the import of sessions of v0.3.3 goes on at the next start')
  const second = await start(home)
  await untilReady(second)
  const { sessions } = await second.app.store.listSessions({ limit: 10 })
  expect(sessions.map(({ id, messageCount }) => [id, messageCount]).toSorted()).toEqual([
    ['a', 30_000],
    ['b', 30_000],
    ['c', 30_000],
  ])
}, 120_000)

test('until the import is done the gateway answers, and changes nothing', async () => {
  const home = newFolder()
  const many = Array.from({ length: 20_000 }, (_, index) => message(`m${index}`, `text ${index}`))
  writeOld(join(home, 'sessions', 'a.json'), session('a', many))
  const gateway = await start(home)
  const client = gateway.client(testToken)
  expect((await client.request('gateway.status', {})).version).toBe(gateway.app.version)
  const first = await client.request('session.create', { senderId: 'now', channel: 'webchat' }).catch(error => error)
  await untilReady(gateway)
  // A machine may be so fast that it is done before the request arrives.
  if (first instanceof Error) expect(first).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  const { sessionId } = await client.request('session.create', { senderId: 'now', channel: 'webchat' })
  expect(await client.request('session.send_message', { sessionId, text: 'hello' })).toMatchObject({ sessionId })
}, 90_000)

test('a session that was imported with a conversation goes on with it', async () => {
  const home = newFolder()
  cpSync(join(samples, 'sess_V1StGXR8_Z5j.json'), join(home, 'sessions', 'sess_V1StGXR8_Z5j.json'), { recursive: true })
  const gateway = await start(home)
  await untilReady(gateway)
  const client = gateway.client(testToken)
  await client.request('session.update', { sessionId: 'sess_V1StGXR8_Z5j', model: null })
  await client.request('session.send_message', { sessionId: 'sess_V1StGXR8_Z5j', text: 'and now?' })
  await vi.waitFor(
    async () => {
      const { messages } = await client.request('session.history', { sessionId: 'sess_V1StGXR8_Z5j' })
      expect(messages.at(-1)).toMatchObject({ role: 'assistant', seq: 13, content: 'offline: and now?' })
    },
    { timeout: 30_000 },
  )
}, 60_000)

test('what an old session remembers of messages that are gone is told to the model', async () => {
  const home = newFolder()
  cpSync(join(samples, 'cli-local.json'), join(home, 'sessions', 'cli-local.json'), { recursive: true })
  const gateway = await start(home)
  await untilReady(gateway)
  const { store } = gateway.app
  const target = { sessionId: 'cli-local' }
  await store.sendMessage({ target, messageId: 'new', runId: 'run', text: 'hello', tokenId: 'test', at: 5 })
  const run = await store.getRun('run')
  if (!run) throw new Error('The run is gone.')
  const context = await buildContext(gateway.app, run, 1_000_000)
  expect(context.messages).toHaveLength(11)
  expect(context.summary).toContain('User is Marta, based in Lisbon')
}, 60_000)

test('an import that storage does not take waits with its reason, and goes on when there is space again', async () => {
  const home = newFolder()
  cpSync(samples, join(home, 'sessions'), { recursive: true })
  const open = (minFreeBytes: number) =>
    openSqliteStore({ file: join(home, 'gateway.db'), home, migrationsDir, minFreeBytes })
  await using gateway = await testGateway()
  // More than any disk has.
  let store: Store & { close(): Promise<void> } = await open(2 ** 50)
  onTestFinished(() => store.close())
  const app = {
    ...gateway.app,
    home,
    get store() {
      return store
    },
  }
  const reasons = new Set<() => string>()
  const hold = (reason: () => string) => {
    reasons.add(reason)
    return () => void reasons.delete(reason)
  }
  const firstImport = createFirstImport(app, { hold }, 20)
  onTestFinished(() => firstImport.stop())
  firstImport.start()
  const waits = /^The import of sessions of v0\.3\.3 waits: The disk of the data folder has \d+ MB free/
  await vi.waitFor(() => expect([...reasons].map(reason => reason())).toEqual([expect.stringMatching(waits)]), 30_000)
  const full = store
  store = await open(0)
  await full.close()
  await vi.waitFor(() => expect(reasons.size).toBe(0), 30_000)
  expect(await store.counts()).toMatchObject({ sessions: 4, totalMessages: 28 })
  expect(gateway.logs.filter(line => line.includes('the import of sessions of v0.3.3 waits'))).toHaveLength(1)
}, 90_000)

test('an import that waits for space ends with the gateway', async () => {
  const home = newFolder()
  cpSync(samples, join(home, 'sessions'), { recursive: true })
  const first = await testGateway({ home, env: { TALON_STORAGE_MIN_FREE_MEGABYTES: '1048576' } })
  await vi.waitFor(
    async () => {
      const { status, reasons } = await readiness(first)
      expect(status).toBe(503)
      expect(reasons[0]).toMatch(/^The import of sessions of v0\.3\.3 waits: The disk of the data folder/)
    },
    { timeout: 30_000, interval: 20 },
  )
  await first[Symbol.asyncDispose]()
  const second = await start(home)
  await untilReady(second)
  expect(await second.app.store.counts()).toMatchObject({ sessions: 4, totalMessages: 28 })
}, 90_000)
