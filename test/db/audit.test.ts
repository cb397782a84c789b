import { createHash } from 'node:crypto'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteStore, type SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { AuditEntry } from '../../src/db/store.ts'
import { migrationsDir, requestKey, sendText, temporaryStore } from '../support/store.ts'

let store: SqliteStore
let file: string
let home: string
let dispose: () => Promise<void>

beforeEach(async () => {
  ;({ store, file, home, dispose } = await temporaryStore())
})
afterEach(() => dispose())

const entry = (more: Partial<AuditEntry> = {}): AuditEntry => ({
  at: 1_000,
  action: 'token.create',
  tokenId: 'ada',
  channel: 'http',
  address: '10.0.0.1',
  userAgent: 'curl/8',
  target: 'a',
  outcome: 'ok',
  details: { name: 'phone', scopes: ['read'] },
  ...more,
})
const token = (id: string, more: object = {}) => ({ id, name: id, hash: id, scopes: [], createdAt: 1, ...more })
const cut = { messageId: 'cut' }

async function actions(): Promise<string[]> {
  return (await store.listAudit({ limit: 100 })).map(({ action, target }) => `${action} ${target}`).reverse()
}

test('an entry comes back as it was written, with the name that its token had then', async () => {
  await store.createToken(token('ada', { name: 'Ada' }))
  await store.recordAudit(entry())
  await store.putToken(token('ada', { name: 'Grace' }))
  await store.recordAudit(entry({ details: null, address: null, userAgent: null, target: null }))
  const [second, first] = await store.listAudit({ limit: 10 })
  expect(first).toEqual({ ...entry(), seq: 1, tokenName: 'Ada', hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(second).toMatchObject({ seq: 2, tokenName: 'Grace', details: null, address: null, target: null })
  expect(await store.auditHead()).toEqual({ seq: 2, hash: second?.hash })
})

test('each hash is made as docs/audit.md says, of the one before it and the columns', async () => {
  const odd = { target: 'sess_ü\u0000,3:', userAgent: 'x'.repeat(5_000), details: { lone: 'a\ud800b' } }
  for (const each of [entry(), entry({ address: null }), entry(odd)]) await store.recordAudit(each)
  const database = new Database(file, { readonly: true })
  const columns = 'seq, at, action, token_id, token_name, channel, address, user_agent, target, outcome, details'
  const rows = database.prepare(`SELECT ${columns}, hash FROM audit ORDER BY seq`).all() as Record<string, unknown>[]
  let before = database.prepare('SELECT hash FROM audit_genesis').pluck().get() as Buffer
  for (const { hash, ...fields } of rows) {
    const strings = Object.values(fields).map(value => {
      if (value === null) return Buffer.from('-,')
      const bytes = Buffer.from(String(value))
      return Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, Buffer.from(',')])
    })
    const wanted = createHash('sha256').update(before).update('1:1,').update(Buffer.concat(strings)).digest()
    expect(hash).toEqual(wanted)
    before = wanted
  }
  database.close()
  expect(rows).toHaveLength(3)
  expect(await store.verifyAudit({})).toMatchObject({ ok: true, entries: 3 })
})

test('nothing that is written can be changed, removed or replaced, nor anything be put between', async () => {
  for (let count = 0; count < 3; count++) await store.recordAudit(entry())
  const database = new Database(file)
  const tried = [
    "UPDATE audit SET target = 'b' WHERE seq = 2",
    'DELETE FROM audit WHERE seq = 2',
    'DELETE FROM audit',
    'INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2',
    "REPLACE INTO audit SELECT 3, at, 'b', token_id, token_name, channel, address, user_agent, target, outcome, details, hash FROM audit WHERE seq = 3",
    'INSERT INTO audit SELECT 5, at, action, token_id, token_name, channel, address, user_agent, target, outcome, details, hash FROM audit WHERE seq = 3',
    'INSERT INTO audit SELECT -1, at, action, token_id, token_name, channel, address, user_agent, target, outcome, details, hash FROM audit WHERE seq = 3',
    'UPDATE audit_genesis SET hash = randomblob(32)',
    'DELETE FROM audit_genesis',
  ]
  for (const sql of tried) expect(() => database.exec(sql), sql).toThrow('only ever added to')
  database.close()
  expect(await store.verifyAudit({})).toMatchObject({ ok: true, entries: 3 })
})

test('pages go from the newest to the oldest, and by action and token', async () => {
  for (let count = 1; count <= 10; count++) {
    const [action, tokenId] = [count % 2 === 0 ? 'sign_in' : 'token.create', count % 3 === 0 ? 'bob' : 'ada']
    await store.recordAudit(entry({ action, tokenId }))
  }
  const seqs = async (query: Parameters<SqliteStore['listAudit']>[0]) =>
    (await store.listAudit(query)).map(({ seq }) => seq)
  expect(await seqs({ limit: 3 })).toEqual([10, 9, 8])
  expect(await seqs({ limit: 3, before: 8 })).toEqual([7, 6, 5])
  expect(await seqs({ limit: 3, before: 1 })).toEqual([])
  expect(await seqs({ limit: 3, action: 'sign_in' })).toEqual([10, 8, 6])
  expect(await seqs({ limit: 3, tokenId: 'bob', before: 9 })).toEqual([6, 3])
  expect(await seqs({ limit: 3, tokenId: 'bob', action: 'sign_in' })).toEqual([6])
  expect(await seqs({ limit: 3, action: "' OR 1 --" })).toEqual([])
})

test('a command writes its entry only if it does something, and neither is there without the other', async () => {
  const request = requestKey('r')
  const audit = entry({ target: 'a' })
  await store.createToken({ ...token('a'), request, audit })
  await store.createToken({ ...token('b'), request, audit })
  await expect(store.createToken({ ...token('a'), audit })).rejects.toMatchObject({ code: 'CONFLICT' })
  await store.createWebSession({
    hash: 'c',
    tokenId: 'a',
    createdAt: 1,
    expiresAt: 9,
    audit: entry({ action: 'sign_in' }),
  })
  await store.deleteWebSession({ hash: 'c', audit: entry({ action: 'sign_out' }) })
  await store.revokeToken({ id: 'a', at: 2, audit: entry({ action: 'token.revoke' }) })
  await store.revokeToken({ id: 'a', at: 3, audit: entry({ action: 'token.revoke' }) })
  await store.revokeToken({ id: 'nobody', at: 3, audit: entry({ action: 'token.revoke' }) })
  expect(await actions()).toEqual(['token.create a', 'sign_in a', 'sign_out a', 'token.revoke a'])
})

test('what becomes of a session is written with it, from its reset to its erasure, and of forks what they hold', async () => {
  const audit = (action: string) => entry({ action, target: 's' })
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  await sendText(store, 's', 'one')
  await store.forkSession({ id: 'fork', sessionId: 's', atSeq: 1, at: 2 })
  await store.resetSession({ sessionId: 's', at: 3, cut, audit: audit('session.reset') })
  await store.deleteSession({ sessionId: 's', at: 4, cut, audit: audit('session.delete') })
  await store.restoreSession({ sessionId: 's', at: 5, audit: audit('session.restore') })
  await expect(
    store.deleteSession({ sessionId: 'none', at: 6, cut, audit: audit('session.delete') }),
  ).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  const place = { sessionId: 'fork', epoch: 1, seq: 1, at: 7, audit: audit('session.delete') }
  expect(await store.retireSession({ ...place, lastActiveAt: 1 })).toBe(false)
  await store.deleteSession({ sessionId: 's', at: 8, cut, audit: audit('session.delete') })
  const erase = entry({ action: 'session.erase', target: null, details: null })
  await store.eraseDeleted({ before: 9, audit: erase })
  await store.deleteSession({ sessionId: 'fork', at: 10, cut })
  await store.eraseDeleted({ before: 20, audit: erase })
  expect(await actions()).toEqual([
    'session.reset s',
    'session.delete s',
    'session.restore s',
    'session.delete s',
    'session.erase s',
    'session.erase fork',
    'session.erase s',
  ])
  const [, , third] = await store.listAudit({ limit: 3 })
  expect(third?.details).toEqual({ heldByForks: true })
})

test('an import that a crash cut short is erased without a word, and one that is shown has its entry', async () => {
  const session = { senderId: 'a', channel: 'c', createdAt: 1, lastActiveAt: 1 }
  await store.beginImport({ id: 'left', spareId: 'other', at: 1 })
  await store.dropUnfinishedImports()
  const erased = await store.eraseDeleted({ before: 1_000, audit: entry({ action: 'session.erase' }) })
  expect(erased).toEqual({ erased: 1 })
  await store.beginImport({ id: 'shown', spareId: 'other', at: 1 })
  await store.finishImport({
    sessionId: 'shown',
    epoch: 1,
    session,
    at: 2,
    audit: entry({ action: 'session.import', target: 'shown' }),
  })
  expect(await actions()).toEqual(['session.import shown'])
})

test('a run of a tool is written once, with its end; what a crash interrupted with the next start', async () => {
  const invocation = { tokenId: 'ada', sessionId: null, runId: null, toolName: 'file_list', args: {}, startedAt: 1 }
  const audit = entry({ action: 'tool.run', target: 'file_list' })
  for (const id of ['ended', 'left']) await store.beginInvocation({ ...invocation, id })
  await store.finishInvocation({ invocationId: 'ended', outcome: {}, at: 2, audit })
  await store.finishInvocation({ invocationId: 'ended', outcome: {}, at: 3, audit })
  await store.interruptInvocations({ at: 4 })
  const [second, first, ...more] = await store.listAudit({ limit: 10 })
  expect(more).toEqual([])
  expect(first).toMatchObject({ target: 'file_list', outcome: 'ok' })
  expect(second).toMatchObject({ at: 4, tokenId: 'ada', channel: 'gateway', target: 'file_list', outcome: 'failed' })
  expect(second?.details).toMatchObject({ invocationId: 'left', code: 'INTERRUPTED' })
})

test('entries that come at once from everywhere are one chain, and a restart goes on with it', async () => {
  const messages = Array.from({ length: 50 }, (_, index) =>
    sendText(store, 's', `${index}`, { target: { findOrCreate: { id: 's', senderId: 'a', channel: 'c' } } }),
  )
  const records = Array.from({ length: 300 }, (_, index) => store.recordAudit(entry({ target: `${index}` })))
  await Promise.all([...messages, ...records])
  const head = await store.auditHead()
  expect(head.seq).toBe(300)
  const again = await openSqliteStore({ file, home, migrationsDir })
  await again.recordAudit(entry())
  expect(await again.verifyAudit({ noted: head.hash })).toMatchObject({ ok: true, entries: 301, noted: { seq: 300 } })
  await again.close()
})

test('two databases begin with another hash each', async () => {
  const other = await temporaryStore()
  const [mine, theirs] = [await store.auditHead(), await other.store.auditHead()]
  expect(mine).toEqual({ seq: 0, hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(theirs.hash).not.toBe(mine.hash)
  expect(await store.verifyAudit({ noted: mine.hash })).toMatchObject({ ok: true, entries: 0, noted: { seq: 0 } })
  expect(await store.verifyAudit({ noted: theirs.hash })).toMatchObject({ ok: false, noted: null })
  await other.dispose()
})
