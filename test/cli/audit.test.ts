import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import type { AuditRow, AuditVerdict } from '../../src/db/store.ts'
import { message, session, writeOld } from '../db/legacy/importing.ts'
import { testGateway, testToken } from '../support/gateway.ts'
import { newHome, runCommand } from './command.ts'

/** A data folder with the trail of one start, and the head of it. */
async function usedHome(): Promise<{ home: string; file: string; head: string }> {
  const home = newHome()
  await using gateway = await testGateway({ home })
  await gateway.app.auth.createToken({ name: 'phone', scopes: ['read'] })
  await gateway.stop()
  const { head } = await verdictOf(home)
  return { home, file: join(home, 'gateway.db'), head: head.hash }
}

async function verdictOf(home: string, ...argv: string[]): Promise<AuditVerdict> {
  const { out, err } = await runCommand(['audit', 'verify', '--json', ...argv], { home })
  expect(err).toBe('')
  return JSON.parse(out)
}

async function entriesOf(home: string, ...argv: string[]): Promise<AuditRow[]> {
  const { out } = await runCommand(['audit', 'list', '--json', ...argv], { home })
  return JSON.parse(out).entries
}

/** Changes a database as somebody does who may do anything with it. */
function tamper(file: string, sql: string): void {
  const database = new Database(file)
  for (const name of ['audit_keeps_values', 'audit_keeps_entries']) database.exec(`DROP TRIGGER ${name}`)
  database.exec(sql)
  database.close()
}

describe('talon audit verify', () => {
  test('says without a gateway that the trail is whole, with its head, and leaves no trace', async () => {
    const { home, head } = await usedHome()
    const before = readdirSync(home)
    const { exitCode, out, err } = await runCommand(['audit', 'verify'], { home })
    expect(exitCode).toBe(0)
    expect(out).toMatch(
      /^The audit trail is whole: 5 entries, the newest of \d{4}-\d\d-\d\d \d\d:\d\d\.\nHead: [0-9a-f]{64}\n$/,
    )
    expect(out).toContain(head)
    expect(err).toContain('Note the head')
    expect(readdirSync(home)).toEqual(before)
    expect(await verdictOf(home)).toMatchObject({ ok: true, entries: 5, fault: null, noted: null })
  })

  test('works beside a gateway, which goes on writing, and over HTTP with TALON_URL', async () => {
    await using gateway = await testGateway()
    const { home, url } = gateway
    const { head } = await verdictOf(home)
    await gateway.token('read')
    expect(await verdictOf(home, '--from-head', head.hash)).toMatchObject({ ok: true, noted: { seq: head.seq } })
    const env = { TALON_URL: url, TALON_TOKEN: testToken }
    const there = await runCommand(['audit', 'verify', '--from-head', head.hash], { env })
    expect(there).toMatchObject({ exitCode: 0, err: '' })
    expect(there.out).toContain(`The head that was noted is entry ${head.seq} of `)
    const list = await runCommand(['audit', 'list', '--action', 'token.create', '-n', '1', '--json'], { env })
    expect(JSON.parse(list.out).entries).toMatchObject([{ action: 'token.create', details: { name: 'test' } }])
  })

  test('finds a changed entry, and with a noted head what is missing at the end', async () => {
    const { home, file, head } = await usedHome()
    tamper(file, 'DELETE FROM audit WHERE seq = 5')
    expect((await runCommand(['audit', 'verify'], { home })).exitCode).toBe(0)
    const cut = await runCommand(['audit', 'verify', '--from-head', head], { home })
    expect(cut).toMatchObject({ exitCode: 1, out: '' })
    expect(cut.err).toContain('The audit trail is not whole.')
    expect(cut.err).toContain('was noted is not there')
    const other = await usedHome()
    tamper(other.file, "UPDATE audit SET address = '10.0.0.1' WHERE seq = 3")
    const { exitCode, err } = await runCommand(['audit', 'verify'], { home: other.home })
    expect(exitCode).toBe(1)
    expect(err).toBe(
      'The audit trail is not whole. Entry 3 is not what was written, or does not follow the one before it.\nUp to entry 2 it is what was written.\n',
    )
    expect(await runCommand(['audit', 'verify', '--json'], { home: other.home })).toMatchObject({
      exitCode: 1,
      err: '',
    })
  })

  test('refuses a head that is none, and says so where there is no database', async () => {
    const home = newHome()
    expect((await runCommand(['audit', 'verify', '--from-head', 'abc'], { home })).exitCode).toBe(2)
    for (const argv of [['verify'], ['list'], ['verify', '--file', 'none.backup']]) {
      const { exitCode, err } = await runCommand(['audit', ...argv], { home })
      expect(exitCode, argv.join(' ')).toBe(1)
      expect(err).toMatch(/^There is no .*\n$/)
    }
    mkdirSync(join(home, 'run'))
    writeFileSync(join(home, 'gateway.db'), 'no database')
    const { exitCode, err } = await runCommand(['audit', 'verify'], { home })
    expect({ exitCode, err }).toEqual({ exitCode: 1, err: expect.stringContaining('cannot be read') })
  })
})

describe('talon audit list', () => {
  test('shows the newest entries as a table, or as JSON, by action and by token', async () => {
    const { home } = await usedHome()
    const { exitCode, out } = await runCommand(['audit', 'list', '-n', '2'], { home })
    expect(exitCode).toBe(0)
    const [head, stop, created, ...more] = out.trimEnd().split('\n')
    expect(head).toMatch(/^SEQ +TIME +ACTION +OUTCOME +WHO +FROM +TARGET +DETAILS$/)
    expect(stop).toMatch(/^5 +.* gateway\.stop +ok +gateway/)
    expect(created).toMatch(/^4 +.* token\.create +ok +gateway +[0-9a-f]+ +\{"name":"phone"/)
    expect(more).toEqual([])
    expect((await entriesOf(home)).map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1])
    expect((await entriesOf(home, '--action', 'token.create')).map(({ seq }) => seq)).toEqual([4, 1])
    const none = await runCommand(['audit', 'list', '--who', "' OR 1 --"], { home })
    expect(none).toMatchObject({ exitCode: 0, out: '', err: 'There is no such entry.\n' })
    expect((await runCommand(['audit', 'list', '-n', '0'], { home })).exitCode).toBe(2)
  })
})

describe('work without a gateway', () => {
  test('is in the trail: a backup, in the restored database the restore, an import', async () => {
    const { home, head } = await usedHome()
    const backup = await runCommand(['backup', '--json'], { home })
    const { file, name, bytes } = JSON.parse(backup.out)
    const [made] = await entriesOf(home, '-n', '1')
    expect(made).toMatchObject({ action: 'backup.create', channel: 'cli', tokenId: null, target: file })
    expect(made?.details).toEqual({ bytes, user: expect.any(String) })
    const inBackup = await verdictOf(home, '--file', name, '--from-head', head)
    expect(inBackup).toMatchObject({ ok: true, entries: 5, noted: { seq: 5 } })

    const restored = await runCommand(['restore', name, '--json'], { home })
    const { replaced } = JSON.parse(restored.out)
    expect(await entriesOf(home, '-n', '2')).toMatchObject([
      { seq: 6, action: 'data.restore', channel: 'cli', target: file, details: { checksum: true } },
      { seq: 5, action: 'gateway.stop' },
    ])
    expect(await verdictOf(home, '--from-head', head)).toMatchObject({ ok: true, entries: 6, noted: { seq: 5 } })
    expect(await verdictOf(home, '--file', replaced)).toMatchObject({
      ok: true,
      entries: 6,
      head: { hash: made?.hash },
    })
    const old = newHome()
    writeOld(join(old, 'sessions', 'old.json'), session('old', [message('m1', 'text')]))
    expect(await runCommand(['import', old], { home })).toMatchObject({ exitCode: 0, err: '' })
    const [imported] = await entriesOf(home, '-n', '1')
    expect(imported).toMatchObject({ action: 'data.import', target: old, details: { sessions: 1, messages: 1 } })
    await using gateway = await testGateway({ home })
    expect(await gateway.app.store.verifyAudit({ noted: head })).toMatchObject({ ok: true })
  })
})
