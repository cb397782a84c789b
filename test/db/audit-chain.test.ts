import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { linksSql, verifyAudit } from '../../src/db/sqlite/audit-chain.ts'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { type Connection, openWriter } from '../../src/db/sqlite/open.ts'
import type { AuditEntry, AuditHead, AuditVerdict } from '../../src/db/store.ts'
import { migrationsDir, temporaryHome, temporaryStore } from '../support/store.ts'

const columns = [
  'seq',
  'at',
  'action',
  'token_id',
  'token_name',
  'channel',
  'address',
  'user_agent',
  'target',
  'outcome',
  'details',
  'hash',
]
const texts = columns.filter(column => !['seq', 'at', 'hash'].includes(column))
const entries: AuditEntry[] = [
  {
    at: 1_767_000_000_000,
    action: 'gateway.start',
    tokenId: null,
    channel: 'gateway',
    address: null,
    userAgent: null,
    target: null,
    outcome: 'ok',
    details: { version: '1', ok: '\ufffd' },
  },
  {
    at: 1_767_000_000_001,
    action: 'sign_in',
    tokenId: null,
    channel: 'ws',
    address: '2001:db8::1',
    userAgent: 'Mozilla/5.0 (ünïcode)',
    target: null,
    outcome: 'failed',
    details: { failures: 17 },
  },
  {
    at: 1_767_000_000_002,
    action: 'token.create',
    tokenId: 'ada',
    channel: 'http',
    address: '10.0.0.1',
    userAgent: 'curl/8',
    target: 'b',
    outcome: 'ok',
    details: { scopes: ['read'] },
  },
  {
    at: 1_767_000_000_003,
    action: 'tool.run',
    tokenId: 'ada',
    channel: 'agent',
    address: '',
    userAgent: null,
    target: 'file_read',
    outcome: 'refused',
    details: null,
  },
]

let connection: Connection
let head: AuditHead
let dispose: () => Promise<void>

/** A chain of all these, on a connection of somebody who may do anything. */
beforeAll(async () => {
  const opened = await temporaryStore()
  ;({ dispose } = opened)
  await opened.store.createToken({ id: 'ada', name: 'Ada', hash: 'h', scopes: [], createdAt: 1 })
  for (const entry of entries) await opened.store.recordAudit(entry)
  head = await opened.store.auditHead()
  connection = openWriter(opened.file)
  const triggers = connection.database
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'audit%'")
    .pluck()
    .all()
  expect(triggers).toHaveLength(5)
  for (const name of triggers) connection.database.exec(`DROP TRIGGER ${name}`)
  connection.database.pragma('ignore_check_constraints = ON')
})
afterAll(async () => {
  connection.close()
  await dispose()
})

/** What is found after a change, which is then undone. */
function after(change: () => void, noted?: string): AuditVerdict {
  connection.database.exec('BEGIN')
  try {
    change()
    return verifyAudit(connection, { noted }, () => undefined)
  } finally {
    connection.database.exec('ROLLBACK')
  }
}

function run(sql: string, ...values: unknown[]): void {
  expect(connection.database.prepare(sql).run(...values).changes, sql).toBeGreaterThan(0)
}

/** The bytes of every field that holds any, and how to write others in their place. */
function fields(): { name: string; isNumber: boolean; bytes: Buffer; set: (bytes: Buffer) => void }[] {
  const found = []
  for (const seq of [1, 2, 3, 4]) {
    for (const column of columns) {
      const isNumber = column === 'seq' || column === 'at'
      const read = connection.database.prepare<[number], Buffer | null>(
        `SELECT CAST(${column} AS BLOB) FROM audit WHERE seq = ?`,
      )
      const bytes = read.pluck().get(seq)
      const text = column === 'hash' ? '?' : 'CAST(? AS TEXT)'
      const value = isNumber ? `CAST(${text} AS INTEGER)` : text
      const set = (changed: Buffer) => run(`UPDATE audit SET ${column} = ${value} WHERE seq = ?`, changed, seq)
      if (bytes) found.push({ name: `${column} of ${seq}`, isNumber, bytes, set })
    }
  }
  return found
}

test('a chain that nobody touched is whole, and so is one with its own head noted', () => {
  expect(after(() => undefined)).toMatchObject({ ok: true, entries: 4, head, fault: null, noted: null })
  expect(after(() => undefined, head.hash.toUpperCase())).toMatchObject({
    ok: true,
    noted: { seq: 4, at: entries[3]?.at },
  })
})

test('every change of any byte of any field of any entry is found', () => {
  let changes = 0
  for (const { name, bytes, isNumber, set } of fields()) {
    for (const at of bytes.keys()) {
      for (const other of isNumber ? digits : otherBytes(bytes[at] ?? 0)) {
        const changed = Buffer.from(bytes)
        changed[at] = other
        if (changed.equals(bytes) || (name.startsWith('seq') && isTaken(changed))) continue
        changes += 1
        expect(after(() => set(changed)).ok, `byte ${at} of ${name} as ${other}`).toBe(false)
      }
    }
  }
  expect(changes).toBeGreaterThan(3_500)
})

const digits = [...Buffer.from('0123456789')]

/** With each bit turned, and what is no UTF-8. */
function otherBytes(byte: number): number[] {
  return [...Array.from({ length: 8 }, (_, bit) => byte ^ (1 << bit)), 0, 0xff]
}

/** No two entries can have one number. */
function isTaken(seq: Buffer): boolean {
  return entries[Number(seq) - 1] !== undefined
}

test('a byte more or less, nothing in the place of something, and a move between fields are found', () => {
  for (const { name, bytes, isNumber, set } of fields()) {
    if (isNumber) continue
    expect(after(() => set(Buffer.concat([bytes, Buffer.from('x')]))).ok, `more of ${name}`).toBe(false)
    if (bytes.length > 0) expect(after(() => set(bytes.subarray(1))).ok, `less of ${name}`).toBe(false)
  }
  const mayBeNull = texts.filter(column => !['action', 'channel', 'outcome'].includes(column))
  for (const column of mayBeNull) {
    for (const seq of [1, 2, 3, 4]) {
      const turn = () => run(`UPDATE audit SET ${column} = iif(${column} IS NULL, '', NULL) WHERE seq = ?`, seq)
      expect(after(turn).ok, `${column} of ${seq}`).toBe(false)
    }
  }
  expect(after(() => run("UPDATE audit SET address = '10.0.0.', user_agent = '1curl/8' WHERE seq = 3")).ok).toBe(false)
  expect(after(() => run('UPDATE audit SET target = outcome, outcome = target WHERE seq = 3')).ok).toBe(false)
})

test('an entry that was taken out is found, the last ones only with a head that was noted', () => {
  for (const seq of [1, 2, 3]) {
    expect(after(() => run('DELETE FROM audit WHERE seq = ?', seq))).toMatchObject({
      ok: false,
      entries: seq - 1,
      fault: { seq, reason: `Entry ${seq} is missing.` },
    })
    const closeUp = () => {
      run('DELETE FROM audit WHERE seq = ?', seq)
      run('UPDATE audit SET seq = seq - 1 WHERE seq > ?', seq)
    }
    expect(after(closeUp)).toMatchObject({ ok: false, fault: { seq } })
  }
  const cutEnd = () => run('DELETE FROM audit WHERE seq = 4')
  expect(after(cutEnd)).toMatchObject({ ok: true, entries: 3 })
  expect(after(cutEnd, head.hash)).toMatchObject({ ok: false, entries: 3, noted: null, fault: { seq: null } })
  const emptied = () => run('DELETE FROM audit')
  expect(after(emptied)).toMatchObject({ ok: true, entries: 0 })
  expect(after(emptied, head.hash).ok).toBe(false)
})

test('an entry that was put in, before or between or in another order, is found', () => {
  const copy = (to: number) =>
    run(`INSERT INTO audit SELECT ${to}, ${columns.slice(1).join(', ')} FROM audit WHERE seq = 2`)
  expect(after(() => copy(0))).toMatchObject({ ok: false, fault: { seq: 1 } })
  expect(after(() => copy(-7))).toMatchObject({ ok: false, fault: { seq: 1 } })
  expect(after(() => copy(5))).toMatchObject({ ok: false, fault: { seq: 5 } })
  const swap = () => {
    run('UPDATE audit SET seq = 9 WHERE seq = 2')
    run('UPDATE audit SET seq = 2 WHERE seq = 3')
    run('UPDATE audit SET seq = 3 WHERE seq = 9')
  }
  expect(after(swap)).toMatchObject({ ok: false, fault: { seq: 2 } })
})

test('another beginning is found, and none', () => {
  expect(after(() => run('UPDATE audit_genesis SET hash = zeroblob(32)'))).toMatchObject({
    ok: false,
    fault: { seq: 1 },
  })
  expect(after(() => run('DELETE FROM audit_genesis'))).toMatchObject({ ok: false, entries: 0, fault: { seq: null } })
})

test('no two rows have the same canonical form, whatever is in them', () => {
  const text = fc.option(fc.string({ unit: fc.constantFrom('1', ':', ',', '-', 'ü', '\u0000'), maxLength: 6 }))
  const row = fc.tuple(text, text, text)
  fc.assert(
    fc.property(row, row, (one, other) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(other))
      expect(canonicalOf(one).equals(canonicalOf(other))).toBe(false)
    }),
    { seed: 20_261_123, numRuns: 500 },
  )
})

/** Of the first entry with these in the fields that clients choose. */
function canonicalOf(values: (string | null)[]): Buffer {
  connection.database.exec('BEGIN')
  run('UPDATE audit SET address = ?, user_agent = ?, target = ? WHERE seq = 1', ...values)
  const link = connection.database.prepare<[], { canonical: Buffer }>(linksSql('0')).get()
  connection.database.exec('ROLLBACK')
  if (!link) throw new Error('There is no first entry.')
  return link.canonical
}

test('kill -9 at any moment leaves a whole chain with all that was acknowledged, and what it tells of is done', async () => {
  const { file, remove } = temporaryHome()
  onTestFinished(remove)
  const heads: string[] = []
  for (const enough of [1, 40, 150]) heads.push(...(await writeUntilKilled(file, enough)))
  const store = await openSqliteStore({ file, migrationsDir })
  for (const noted of [heads[0], heads.at(-1)]) expect(await store.verifyAudit({ noted })).toMatchObject({ ok: true })
  const deleted = (await store.listAudit({ limit: 1e6, action: 'session.delete' })).map(({ target }) => target ?? '')
  expect(deleted.length).toBeGreaterThan(190)
  for (const id of deleted) expect(await store.getSession(id)).toBeUndefined()
  const { sessions } = await store.counts()
  // Each lane of each process had at most one session that was not deleted yet.
  expect(sessions).toBeLessThanOrEqual(3 * 8)
  await store.close()
}, 60_000)

/** The heads that a process acknowledged before it was killed, after so many. */
async function writeUntilKilled(file: string, enough: number): Promise<string[]> {
  const script = fileURLToPath(new URL('./children/audit-until-killed.ts', import.meta.url))
  const child = spawn(process.execPath, [script, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const heads: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const [, head = ''] = line.split(' ')
    // The kill may cut the last line in the middle.
    if (head.length === 64) heads.push(head)
    if (heads.length === enough) child.kill('SIGKILL')
  }
  const [code, signal] = await exited
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' })
  return heads
}
