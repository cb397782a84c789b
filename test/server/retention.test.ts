import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import type { Store } from '../../src/db/store.ts'
import { retain } from '../../src/server/retention.ts'
import type { Config, SettingKey } from '../../src/server/settings.ts'
import { type TestGateway, testGateway } from '../support/gateway.ts'
import { converse, newSession, rest } from './api/rest.ts'

const dayMs = 86_400_000

/** The gateway as it will be in so many days, with these settings. */
function app(gateway: TestGateway, days: number, settings: Partial<Record<SettingKey, unknown>>, store?: Store) {
  const { app } = gateway
  const clock = { now: () => app.clock.now() + days * dayMs, monotonic: () => app.clock.monotonic() }
  const config = { ...app.config, ...settings } as Config // Values of the settings' own types.
  return { ...app, clock, config, store: store ?? app.store }
}

const folder = (gateway: TestGateway) => join(gateway.home, 'exports')
const filesIn = (path: string) => readdirSync(path).toSorted()
const alive = async (gateway: TestGateway) =>
  ((await rest(gateway, 'GET', '/api/v1/sessions')).body['sessions'] as { id: string }[]).map(({ id }) => id)
const logged = (gateway: TestGateway, text: string) =>
  gateway.logs.map(line => JSON.parse(line)).filter(({ msg }) => msg.includes(text))

/** The order of lists follows activity by a moment: all that is quiet has its place. */
async function settled(gateway: TestGateway, sessions: number): Promise<void> {
  const until = { lastActiveAt: Number.MAX_SAFE_INTEGER, id: '' }
  await expect
    .poll(() => gateway.app.store.quietSessions({ until, limit: 100 }), { timeout: 20_000 })
    .toHaveLength(sessions)
}

test('nothing is ever deleted by default', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  await retain(app(gateway, 10_000, {}))
  expect(await alive(gateway)).toEqual([id])
  expect(filesIn(gateway.home)).not.toContain('exports')
})

test('what was quiet for longer is exported for good, then deleted, and says so', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway, { title: 'Engines' })
  await converse(gateway, id, 'one')
  await settled(gateway, 1)
  await retain(app(gateway, 29, { 'retention.maxAgeDays': 30 }))
  expect(await alive(gateway)).toEqual([id])
  const text = await (await gateway.fetch(`/api/v1/sessions/${id}/export`)).text()

  await retain(app(gateway, 31, { 'retention.maxAgeDays': 30 }))
  expect(await alive(gateway)).toEqual([])
  const [name = '', ...more] = filesIn(folder(gateway))
  expect(more).toEqual([])
  expect(name).toMatch(new RegExp(`^${id}-\\d{4}-\\d\\d-\\d\\dT\\d{6}Z\\.json$`))
  const file = join(folder(gateway), name)
  expect([statSync(folder(gateway)).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600])
  const withoutTime = (json: string) => ({ ...JSON.parse(json), exportedAt: 0 })
  expect(withoutTime(readFileSync(file, 'utf8'))).toEqual(withoutTime(text))
  expect(logged(gateway, 'exported, then deleted')).toMatchObject([
    { level: 30, sessionId: id, title: 'Engines', file },
  ])
  expect(logged(gateway, 'were exported and deleted')).toMatchObject([{ sessions: 1 }])

  const imported = await gateway.fetch('/api/v1/sessions/import', { method: 'POST', body: readFileSync(file) })
  expect(await imported.json()).toMatchObject({ messages: 2 })
  expect((await rest(gateway, 'POST', `/api/v1/sessions/${id}/restore`)).status).toBe(200)
})

test('a session whose run works stays, however old it is', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  gateway.app.bus.onSession(id, notice => notice.type === 'session.message.delta' && resolve())
  await rest(gateway, 'POST', `/api/v1/sessions/${id}/messages`, { body: { text: '/slow 10000' } })
  await begun
  await retain(app(gateway, 100, { 'retention.maxAgeDays': 1, 'retention.maxMegabytes': 1 }))
  expect(await alive(gateway)).toEqual([id])
  await rest(gateway, 'POST', `/api/v1/sessions/${id}/cancel`)
})

test('a session that cannot be exported stays, and that is said', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  writeFileSync(folder(gateway), 'in the way')
  await retain(app(gateway, 100, { 'retention.maxAgeDays': 1 }))
  expect(await alive(gateway)).toEqual([id])
  expect(logged(gateway, 'was not exported')).toMatchObject([{ level: 40, sessionId: id }])
  await rm(folder(gateway))
  await retain(app(gateway, 100, { 'retention.maxAgeDays': 1 }))
  expect(await alive(gateway)).toEqual([])
})

test('an export that breaks off leaves no file and deletes nothing, and the next session has its turn', async () => {
  await using gateway = await testGateway()
  const broken = await newSession(gateway)
  await converse(gateway, broken, 'one')
  const well = await newSession(gateway)
  await settled(gateway, 2)
  const { store } = gateway.app
  const breaking: Store = {
    ...store,
    history: query =>
      query.sessionId === broken ? Promise.reject(new Error('The disk failed.')) : store.history(query),
  }
  await retain(app(gateway, 100, { 'retention.maxAgeDays': 1 }, breaking))
  expect(await alive(gateway)).toEqual([broken])
  expect(filesIn(folder(gateway))).toEqual([expect.stringContaining(well)])
})

test('a session in which something happens while it is exported stays, and its export does not', async () => {
  await using gateway = await testGateway()
  const id = await newSession(gateway)
  const { store } = gateway.app
  const meanwhile: Store = {
    ...store,
    async retireSession(input) {
      await converse(gateway, id, 'still here')
      return store.retireSession(input)
    },
  }
  await retain(app(gateway, 100, { 'retention.maxAgeDays': 1 }, meanwhile))
  expect(await alive(gateway)).toEqual([id])
  expect(filesIn(folder(gateway))).toEqual([])
})

test('by size those go that were quiet for longest, until the others hold no more', async () => {
  await using gateway = await testGateway()
  const { store } = gateway.app
  const now = gateway.app.clock.now()
  for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
    const { sessionId } = await store.beginImport({ id, spareId: `${id}-2`, at: now })
    const entry = {
      id: `m-${id}`,
      spareId: `n-${id}`,
      role: 'user' as const,
      content: 'x'.repeat(400_000),
      timestamp: 1,
    }
    await store.importEntries({ sessionId, epoch: 1, entries: [entry] })
    const session = { senderId: 'a', channel: 'c', createdAt: now, lastActiveAt: now + index }
    await store.finishImport({ sessionId, epoch: 1, session, at: now })
  }
  // What was active today stays, whatever it holds.
  await retain(app(gateway, 0, { 'retention.maxMegabytes': 1 }))
  expect(await alive(gateway)).toEqual(['d', 'c', 'b', 'a'])
  await retain(app(gateway, 2, { 'retention.maxMegabytes': 1 }))
  expect(await alive(gateway)).toEqual(['d', 'c'])
  expect(filesIn(folder(gateway)).map(name => name[0])).toEqual(['a', 'b'])
  await retain(app(gateway, 2, { 'retention.maxMegabytes': 1 }))
  expect(await alive(gateway)).toEqual(['d', 'c'])
})

test('ids that are no names of files are exported beside each other, inside the folder', async () => {
  await using gateway = await testGateway()
  for (const id of ['../x', '..-x', 'a/b', 'a:b']) {
    await gateway.app.store.createSession({ id, senderId: 'a', channel: 'c', at: 1 })
  }
  await retain(app(gateway, 1, { 'retention.maxAgeDays': 1 }))
  expect(await alive(gateway)).toEqual([])
  const names = filesIn(folder(gateway))
  expect(names).toHaveLength(4)
  for (const name of names) expect(name).toMatch(/^[\w-]+\.json$/)
})

test('a gateway that is set to it retains when it starts', async () => {
  const home = await mkdtemp(join(tmpdir(), 'talon-test-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  {
    await using gateway = await testGateway({ home })
    await gateway.app.store.createSession({ id: 'old', senderId: 'a', channel: 'c', at: Date.now() - 3 * dayMs })
    await newSession(gateway)
  }
  await using gateway = await testGateway({ home, env: { TALON_RETENTION_MAX_AGE_DAYS: '2' } })
  await expect
    .poll(() => logged(gateway, 'were exported and deleted'), { timeout: 20_000 })
    .toMatchObject([{ sessions: 1 }])
  expect(await alive(gateway)).toHaveLength(1)
  expect(filesIn(folder(gateway))).toEqual([expect.stringMatching(/^old-/)])
  const database = new Database(join(home, 'gateway.db'), { readonly: true })
  expect(database.prepare('SELECT erasing FROM sessions WHERE id = ?').get('old')).toEqual({ erasing: 0 })
  database.close()
})

test.each(['TALON_RETENTION_MAX_AGE_DAYS', 'TALON_RETENTION_MAX_MEGABYTES'])(
  '%s=0 is refused with the reason',
  async name => {
    await expect(testGateway({ env: { [name]: '0' } })).rejects.toThrow(/must be at least 1; null keeps sessions/)
  },
)
