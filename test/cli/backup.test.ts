import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { acquireLock } from '../../src/db/sqlite/lock.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { migrationsDir, sendText } from '../support/store.ts'
import { newHome, runCommand, startCommand } from './command.ts'

const ofGateway = /^gateway-\d{4}-\d\d-\d\dT\d{6}Z-manual(-\d+)?\.backup$/

/** A home with one session of so many messages, without a gateway. */
async function homeWith(messages: number): Promise<string> {
  const home = newHome()
  const store = await openSqliteStore({ file: join(home, 'gateway.db'), home, migrationsDir })
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  for (let count = 0; count < messages; count++) await sendText(store, 's', `${count}`)
  await store.close()
  return home
}

async function gatewayWithMessage(): Promise<TestGateway> {
  const gateway = await testGateway()
  await gateway.app.store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  await sendText(gateway.app.store, 's', 'one')
  return gateway
}

async function json(argv: string[], options: Parameters<typeof runCommand>[1]): Promise<Record<string, unknown>> {
  const { exitCode, out, err } = await runCommand([...argv, '--json'], options)
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
  return JSON.parse(out)
}

function messagesIn(file: string): number {
  const database = new Database(file, { readonly: true })
  try {
    return Number(database.prepare('SELECT count(*) FROM messages').pluck().get())
  } finally {
    database.close()
  }
}

function sessionsIn(file: string): unknown[] {
  const database = new Database(file, { readonly: true })
  try {
    return database.prepare('SELECT id FROM sessions ORDER BY id').pluck().all()
  } finally {
    database.close()
  }
}

describe('talon backup', () => {
  test('without a gateway: into the folder of backups, or into a file', async () => {
    const home = await homeWith(3)
    const made = await runCommand(['backup'], { home })
    expect(made).toMatchObject({ exitCode: 0, err: expect.stringMatching(/ MB, read back and found whole\.\n$/) })
    const file = made.out.trim()
    expect(file.startsWith(join(home, 'backups', 'gateway-'))).toBe(true)
    expect(messagesIn(file)).toBe(3)
    const own = join(newHome(), 'my.backup')
    expect(await runCommand(['backup', own], { home })).toMatchObject({ exitCode: 0, out: `${own}\n` })
    expect(statSync(own).mode & 0o777).toBe(0o600)
    execFileSync('sha256sum', ['-c', 'my.backup.sha256'], { cwd: join(own, '..') })
    // No gateway runs, and none is left behind.
    expect(readdirSync(join(home, 'run'))).toEqual(['gateway.lock'])
    expect(readdirSync(home).sort()).toEqual(expect.not.arrayContaining(['gateway.db-wal']))
  })

  test('with a gateway: there, or loaded into a file and then no longer there', async () => {
    await using gateway = await gatewayWithMessage()
    const { home } = gateway
    const kept = await json(['backup'], { home })
    expect(kept).toMatchObject({ file: join(home, 'backups', String(kept['name'])), sha256: expect.any(String) })
    const folder = newHome()
    const file = join(folder, 'my.backup')
    const loaded = await json(['backup', file], { home })
    expect(loaded).toMatchObject({ file, name: 'my.backup', bytes: statSync(file).size })
    expect(messagesIn(file)).toBe(1)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    execFileSync('sha256sum', ['-c', 'my.backup.sha256'], { cwd: folder })
    const inFolder = await json(['backup', folder], { home })
    expect(inFolder['name']).toMatch(ofGateway)
    expect(readdirSync(folder)).toHaveLength(4)
    const names = readdirSync(join(home, 'backups'))
    expect(names.sort()).toEqual([kept['name'], `${kept['name']}.sha256`])
  })

  test('of a gateway elsewhere, with its token', async () => {
    await using gateway = await gatewayWithMessage()
    const home = join(newHome(), 'none')
    const env = { TALON_URL: gateway.url, TALON_TOKEN: testToken }
    const file = join(newHome(), 'my.backup')
    expect(await json(['backup', file], { home, env })).toMatchObject({ file })
    expect(messagesIn(file)).toBe(1)
    const there = await runCommand(['backup'], { home, env })
    expect(there.out.trim()).toMatch(ofGateway)
    expect(there.err).toContain('in the data folder of the gateway')
    expect((await runCommand(['backup', 'list'], { home, env })).out).toContain(there.out.trim())
    expect(existsSync(home)).toBe(false)
    const token = await gateway.token('read', 'chat')
    const refused = await runCommand(['backup'], { home, env: { ...env, TALON_TOKEN: token } })
    expect(refused).toMatchObject({ exitCode: 1, err: 'This needs a token with the scope "admin".\n' })
  })

  test('a download that is cut short, or not what the gateway has, leaves nothing', async () => {
    const row = { name: 'gateway-2026-02-19T120000Z-manual.backup', bytes: 10, sha256: 'a'.repeat(64), createdAt: 1 }
    let body = '0123456789'
    const gateway = createServer((request, response) => {
      if (request.method === 'POST') return response.writeHead(201).end(JSON.stringify(row))
      response.writeHead(200, { 'content-length': '10' })
      return body.length === 10 ? response.end(body) : response.write(body, () => response.destroy())
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void gateway.close())
    await new Promise(resolve => gateway.once('listening', resolve))
    const { port } = gateway.address() as AddressInfo // It listens on a port and not on a path.
    const env = { TALON_URL: `http://127.0.0.1:${port}`, TALON_TOKEN: testToken }
    const folder = newHome()
    const argv = ['backup', join(folder, 'my.backup')]
    const other = await runCommand(argv, { env })
    expect(other).toMatchObject({ exitCode: 1, err: expect.stringContaining('what came is not what the gateway has') })
    body = '01234'
    const cut = await runCommand(argv, { env })
    expect(cut).toMatchObject({ exitCode: 1, err: expect.stringMatching(/could not be loaded: .* Try again\.\n$/) })
    expect(readdirSync(folder)).toEqual([])
  })

  test('a file that is there is overwritten only when that is asked for', async () => {
    const home = await homeWith(2)
    const file = join(newHome(), 'my.backup')
    writeFileSync(file, 'precious')
    const refused = await runCommand(['backup', file], { home })
    expect(refused).toMatchObject({
      exitCode: 1,
      err: `${file} is there already. Name another file, or add --force.\n`,
    })
    expect(readFileSync(file, 'utf8')).toBe('precious')
    expect((await runCommand(['backup', file, '--force'], { home })).exitCode).toBe(0)
    expect(messagesIn(file)).toBe(2)
    const nowhere = join(newHome(), 'a', 'b.backup')
    expect(await runCommand(['backup', nowhere], { home })).toMatchObject({
      exitCode: 1,
      err: `There is no folder ${join(nowhere, '..')}.\n`,
    })
  })

  test('says that there is nothing to back up, and that another command has the folder', async () => {
    const empty = newHome()
    expect(await runCommand(['backup'], { home: empty })).toMatchObject({
      exitCode: 1,
      err: `There is no database in ${empty}, and so nothing to back up.\n`,
    })
    expect(readdirSync(empty)).toEqual([])
    const home = await homeWith(0)
    const lock = acquireLock(home, { pid: 4_242, bootId: 'b', version: '0', host: '', port: 0, startedAt: 1 })
    expect(await runCommand(['backup'], { home })).toMatchObject({
      exitCode: 1,
      err: `Process 4242 works on ${home}. Try again when it is done.\n`,
    })
    lock.release()
  })

  test('of a damaged database is none: it says so with the ways on, and exits with 74', async () => {
    const home = await homeWith(300)
    const whole = await json(['backup'], { home })
    const file = join(home, 'gateway.db')
    writeFileSync(file, readFileSync(file).fill(0xa5, 4_096, 5 * 4_096))
    const { exitCode, out, err } = await runCommand(['backup'], { home })
    expect({ exitCode, out }).toEqual({ exitCode: 74, out: '' })
    expect(err).toContain(`talon restore ${whole['file']}`)
    expect(err).not.toContain('    at ')
    writeFileSync(file, 'no database')
    expect(await runCommand(['backup'], { home })).toMatchObject({
      exitCode: 74,
      err: expect.stringContaining('its first bytes are something else'),
    })
  })

  test('list shows what is there, newest first, with and without a gateway', async () => {
    const home = await homeWith(1)
    expect(await runCommand(['backup', 'list'], { home })).toMatchObject({
      exitCode: 0,
      out: '',
      err: 'There is no backup yet. Make one with: talon backup\n',
    })
    await runCommand(['backup'], { home })
    const offline = await json(['backup', 'list'], { home })
    expect(offline).toMatchObject({ backups: [{ kind: 'manual', name: expect.stringMatching(ofGateway) }], last: null })
    await using _gateway = await testGateway({ home })
    expect(await json(['backup', 'list'], { home })).toMatchObject({ backups: offline['backups'], last: { ok: true } })
    expect((await runCommand(['backup', 'list'], { home })).out).toMatch(
      /^NAME +KIND +CREATED +SIZE +SHA-256\ngateway-\S+ +manual +[\d-]+ [\d:]+ +[\d.]+ MB +[0-9a-f]{12}…\n$/,
    )
  })

  test('verify says what a backup holds, and what is wrong with one', async () => {
    const home = await homeWith(4)
    const { file, name } = await json(['backup'], { home })
    const whole = await runCommand(['backup', 'verify', String(name)], { home })
    expect(whole).toMatchObject({ exitCode: 0, err: '' })
    expect(whole.out).toMatch(/ is whole: 1 sessions, 4 messages, newest activity .*, schema \d{4}-/)
    expect(await json(['backup', 'verify', String(file)], { home })).toMatchObject({ ok: true, file, messages: 4 })
    const bytes = readFileSync(String(file))
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    writeFileSync(String(file), bytes)
    const tampered = await runCommand(['backup', 'verify', String(name)], { home })
    expect(tampered).toMatchObject({ exitCode: 1, out: '', err: expect.stringContaining('is not what it was') })
    rmSync(`${file}.sha256`)
    const asJson = await runCommand(['backup', 'verify', String(name), '--json'], { home })
    expect(asJson.exitCode).toBe(1)
    expect(JSON.parse(asJson.out)).toEqual({ ok: false, file, error: expect.stringContaining('.sha256 is missing') })
  })
})

describe('talon restore', () => {
  test('puts a backup back, keeps what was there, and the gateway goes on with it', async () => {
    const home = await homeWith(2)
    const { name } = await json(['backup'], { home })
    {
      await using gateway = await testGateway({ home })
      await gateway.app.store.createSession({ id: 'later', senderId: 'a', channel: 'c', at: 1 })
    }
    const restored = await runCommand(['restore', String(name)], { home })
    expect(restored.exitCode).toBe(0)
    expect(restored.out).toMatch(/^Restored \S+ into \S+: 1 sessions, 2 messages, /)
    const [, replaced = ''] = /before is (\S+)\.\n/.exec(restored.err) ?? []
    expect(sessionsIn(replaced)).toEqual(['later', 's'])
    expect(sessionsIn(join(home, 'gateway.db'))).toEqual(['s'])
    await using gateway = await testGateway({ home })
    expect(await gateway.app.store.counts()).toMatchObject({ sessions: 1 })
    expect(await (await gateway.fetch('/readyz')).json()).toMatchObject({ status: 'ok' })
  })

  test('is refused while a gateway has the folder, and names it', async () => {
    await using gateway = await gatewayWithMessage()
    const { home } = gateway
    const file = join(newHome(), 'my.backup')
    await runCommand(['backup', file], { home })
    const before = readdirSync(home).sort()
    const refused = await runCommand(['restore', file], { home })
    expect(refused).toMatchObject({ exitCode: 1, out: '' })
    expect(refused.err).toMatch(
      new RegExp(`^Process ${process.pid} already uses ${home} and serves port ${gateway.port}`),
    )
    expect(readdirSync(home).sort()).toEqual(before)
    expect(await gateway.app.store.counts()).toMatchObject({ totalMessages: 1 })
  })

  test('works into any home, whatever answers on its port', async () => {
    const source = await homeWith(5)
    const file = join(newHome(), 'my.backup')
    await runCommand(['backup', file], { home: source })
    const foreign = createServer((_request, response) => response.end('{"status": "ok"}')).listen(0, '127.0.0.1')
    onTestFinished(() => void foreign.close())
    await new Promise(resolve => foreign.once('listening', resolve))
    const { port } = foreign.address() as AddressInfo // It listens on a port and not on a path.
    const home = join(newHome(), 'deep', 'home')
    mkdirSync(join(home, 'run'), { recursive: true })
    writeFileSync(join(home, 'talon.json'), JSON.stringify({ server: { port } }))
    const stale = { pid: process.pid, bootId: 'b', version: '0', host: '127.0.0.1', port, startedAt: 1 }
    writeFileSync(join(home, 'run', 'gateway.json'), JSON.stringify(stale))
    const env = { TALON_URL: `http://127.0.0.1:${port}`, TALON_PORT: String(port) }
    expect(await json(['restore', file], { home, env })).toMatchObject({ home, file, replaced: null, messages: 5 })
    expect(messagesIn(join(home, 'gateway.db'))).toBe(5)
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(void socket.end())).on('error', reject)
    })
  })

  test('ended by Ctrl-C it has changed nothing', async () => {
    const home = await homeWith(1)
    const { file } = await json(['backup'], { home })
    const before = readdirSync(home)
    const command = startCommand(['restore', String(file)], { home })
    // The first press that it hears comes long before a thread has even started.
    const presses = setInterval(() => command.pressStop(), 1)
    expect(await command.exitCode).toBe(130)
    clearInterval(presses)
    expect(command.err()).toBe('Stopped; nothing was changed.\n')
    expect(readdirSync(home)).toEqual(before)
    expect((await runCommand(['restore', String(file)], { home })).exitCode).toBe(0)
  })

  test('takes a file without a checksum only when that is said', async () => {
    const source = await homeWith(1)
    const file = join(newHome(), 'raw.copy')
    copyFileSync(join(source, 'gateway.db'), file)
    const home = newHome()
    const refused = await runCommand(['restore', file], { home })
    expect(refused).toMatchObject({ exitCode: 1, err: expect.stringContaining('talon restore --without-checksum') })
    expect(existsSync(join(home, 'gateway.db'))).toBe(false)
    expect(await json(['restore', file, '--without-checksum'], { home })).toMatchObject({ messages: 1, replaced: null })
    expect(await runCommand(['restore', `${file}.gone`], { home })).toMatchObject({
      exitCode: 1,
      err: `There is no ${file}.gone.\n`,
    })
  })
})
