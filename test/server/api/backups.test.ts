import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { converse, newSession, rest } from './rest.ts'

const base = '/api/v1/backups'

interface Row {
  name: string
  bytes: number
  createdAt: number
  kind: string
  sha256: string
}

async function make(gateway: TestGateway, key?: string): Promise<Row & { duplicate?: true }> {
  const { status, body, headers } = await rest(gateway, 'POST', base, key === undefined ? {} : { key })
  expect(status).toBe(201)
  expect(headers.get('location')).toBe(`${base}/${body['name']}`)
  // What the route says of itself; the tests check it.
  return body as unknown as Row
}

async function list(gateway: TestGateway): Promise<{ backups: Row[]; last: unknown }> {
  const { status, body } = await rest(gateway, 'GET', base)
  expect(status).toBe(200)
  return body as unknown as { backups: Row[]; last: unknown }
}

test('a backup is made, listed, loaded as it lies on disk, and removed', async () => {
  await using gateway = await testGateway()
  expect(await list(gateway)).toEqual({ backups: [], last: null })
  const sessionId = await newSession(gateway, { title: 'Kept' })
  await converse(gateway, sessionId, 'remember this')
  const { requestId: _none, ...row } = { requestId: 0, ...(await make(gateway)) }
  expect(row).toEqual({
    name: expect.stringMatching(/^gateway-\d{4}-\d\d-\d\dT\d{6}Z-manual\.backup$/),
    bytes: expect.any(Number),
    createdAt: expect.any(Number),
    kind: 'manual',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  const { backups, last } = await list(gateway)
  expect(backups).toEqual([row])
  expect(last).toMatchObject({ ok: true, kind: 'manual', name: row.name, bytes: row.bytes, error: null })

  const response = await gateway.fetch(`${base}/${row.name}`)
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-length': String(row.bytes),
    'content-disposition': `attachment; filename="${row.name}"`,
    'repr-digest': `sha-256=:${Buffer.from(row.sha256, 'hex').toString('base64')}:`,
    'cache-control': 'no-store',
  })
  const content = Buffer.from(await response.arrayBuffer())
  expect(createHash('sha256').update(content).digest('hex')).toBe(row.sha256)
  const database = new Database(content)
  expect(database.prepare('SELECT id, title FROM sessions').all()).toEqual([{ id: sessionId, title: 'Kept' }])
  expect(database.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(2)
  database.close()
  const checksum = await gateway.fetch(`${base}/${row.name}.sha256`)
  expect([checksum.status, checksum.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')])
  expect(await checksum.text()).toBe(readFileSync(join(gateway.home, 'backups', `${row.name}.sha256`), 'utf8'))
  expect((await rest(gateway, 'DELETE', `${base}/${row.name}.sha256`)).status).toBe(404)
  const head = await gateway.fetch(`${base}/${row.name}`, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(row.bytes)])

  expect((await rest(gateway, 'DELETE', `${base}/${row.name}`)).status).toBe(204)
  expect((await rest(gateway, 'DELETE', `${base}/${row.name}`)).status).toBe(404)
  expect((await list(gateway)).backups).toEqual([])
  expect(readdirSync(join(gateway.home, 'backups'))).toEqual([])
})

test('the same key makes one backup, meanwhile and after a restart; used for anything else it is a conflict', async () => {
  const home = mkdtempSync(join(tmpdir(), 'talon-test-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  let first: Row
  {
    await using gateway = await testGateway({ home })
    const [one, two] = await Promise.all([make(gateway, 'nightly'), make(gateway, 'nightly')])
    expect([one.name, two.name]).toEqual([one.name, one.name])
    expect([one.duplicate, two.duplicate].filter(duplicate => duplicate)).toHaveLength(1)
    const { duplicate: _either, ...row } = one
    first = row
    await rest(gateway, 'POST', '/api/v1/sessions', { body: {}, key: 'session' })
    expect(await rest(gateway, 'POST', base, { key: 'session' })).toMatchObject({
      status: 409,
      body: { code: 'CONFLICT' },
    })
    expect(await rest(gateway, 'POST', base, { key: 'x'.repeat(129) })).toMatchObject({ status: 400 })
  }
  await using gateway = await testGateway({ home })
  expect(await make(gateway, 'nightly')).toEqual({ ...first, duplicate: true })
  expect((await list(gateway)).backups).toEqual([first])
})

test('no name leads out of the folder, to a link, or to what is no backup', async () => {
  await using gateway = await testGateway()
  const { name } = await make(gateway)
  const folder = join(gateway.home, 'backups')
  const good = 'gateway-2026-01-01T000000Z-manual.backup'
  writeFileSync(join(gateway.home, good), 'outside')
  writeFileSync(join(folder, 'talon.json'), 'no backup')
  symlinkSync(join(gateway.home, 'gateway.db'), join(folder, good))
  mkdirSync(join(folder, 'gateway-2026-01-01T000001Z-manual.backup'))
  const attacks = [
    good,
    'gateway-2026-01-01T000001Z-manual.backup',
    'talon.json',
    `${name}.sha256.sha256`,
    `${good}.sha256`,
    `..%2f${name}.sha256`,
    `${name}.partial`,
    `..%2f${good}`,
    `%2e%2e%2f${good}`,
    `..%5c${good}`,
    `%2e%2e`,
    `.%2f${name}`,
    `backups%2f${name}`,
    encodeURIComponent(join(folder, name)),
    encodeURIComponent(join(gateway.home, 'gateway.db')),
    `${name}%00`,
    `${name}%00.txt`,
    `${name}%0a`,
    `${name}%20`,
    `%67ateway-2026-01-01T000000Z-manual.backup`,
    '%ff%fe',
    '%',
    name.toUpperCase(),
  ]
  for (const attack of attacks) {
    for (const method of ['GET', 'DELETE']) {
      const { status, body } = await rest(gateway, method, `${base}/${attack}`)
      expect([attack, method, status, body['code']]).toEqual([attack, method, 404, 'NOT_FOUND'])
    }
  }
  expect((await list(gateway)).backups.map(row => row.name)).toEqual([name])
  expect(readdirSync(gateway.home)).toEqual(expect.arrayContaining(['gateway.db', good]))
})

test('who leaves in the middle of a download harms nobody', async () => {
  await using gateway = await testGateway()
  for (let count = 0; count < 20; count++) await newSession(gateway, { title: 'x'.repeat(190) })
  const { name, sha256 } = await make(gateway)
  for (let count = 0; count < 10; count++) {
    const leave = new AbortController()
    const response = await gateway.fetch(`${base}/${name}`, { signal: leave.signal })
    await response.body?.getReader().read()
    leave.abort()
  }
  const content = Buffer.from(await (await gateway.fetch(`${base}/${name}`)).arrayBuffer())
  expect(createHash('sha256').update(content).digest('hex')).toBe(sha256)
  expect(gateway.logs.filter(line => JSON.parse(line).level >= 50)).toEqual([])
})

test('a backup that cannot be made is told with its reason, and so is the last one', async () => {
  await using gateway = await testGateway({ env: { TALON_STORAGE_MIN_FREE_MEGABYTES: '1' } })
  // No folder can be where a file is.
  writeFileSync(join(gateway.home, 'backups'), '')
  const { status, body } = await rest(gateway, 'POST', base)
  expect([status, body['code']]).toEqual([503, 'STORAGE_UNAVAILABLE'])
  expect((await list(gateway)).last).toMatchObject({ ok: false, error: body['detail'] })
})
