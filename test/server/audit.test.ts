import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { AuditRow } from '../../src/db/store.ts'
import { byGateway } from '../../src/server/actors.ts'
import { auditEntry, createAudit } from '../../src/server/audit.ts'
import { auditActions } from '../../src/server/audit-actions.ts'
import type { GatewayBackups } from '../../src/server/backups.ts'
import { openLog } from '../../src/server/log.ts'
import { retain } from '../../src/server/retention.ts'
import { message, session, writeOld } from '../db/legacy/importing.ts'
import { browser } from '../support/browser-cookie.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { rawSocket } from '../support/raw-socket.ts'
import { temporaryStore } from '../support/store.ts'
import { converse, newSession, rest } from './api/rest.ts'

const dayMs = 24 * 60 * 60_000

/** The whole trail, oldest first, once all is written that was recorded so far. */
async function trail({ app }: TestGateway): Promise<AuditRow[]> {
  await app.audit.written()
  return (await app.store.listAudit({ limit: 1_000 })).reverse()
}

/** What happened since, without who came in for that. */
async function since(gateway: TestGateway, seq: number): Promise<AuditRow[]> {
  return (await trail(gateway)).filter(entry => entry.seq > seq && entry.action !== 'sign_in')
}

async function newestSeq({ app }: TestGateway): Promise<number> {
  await app.audit.written()
  return (await app.store.auditHead()).seq
}

const agent = { 'user-agent': 'audit-test/1' }
const byRest = {
  tokenId: 'env',
  tokenName: 'TALON_TOKEN',
  channel: 'http',
  address: '127.0.0.1',
  userAgent: 'audit-test/1',
}

describe('the trail', () => {
  test('begins and ends with the gateway, over restarts, and stays one chain', async () => {
    const home = mkdtempSync(join(tmpdir(), 'talon-audit-'))
    onTestFinished(() => rmSync(home, { recursive: true, force: true }))
    let head = ''
    {
      await using gateway = await testGateway({ home })
      head = (await gateway.app.store.auditHead()).hash
    }
    await using gateway = await testGateway({ home })
    const entries = await trail(gateway)
    const actions = entries.map(({ action }) => action)
    expect(actions).toEqual([
      'token.create',
      'gateway.start',
      'sign_in.link',
      'gateway.stop',
      'gateway.start',
      'sign_in.link',
    ])
    const [created, start, , stop, again] = entries
    expect(created).toMatchObject({ target: 'env', channel: 'gateway', details: { name: 'TALON_TOKEN' } })
    expect(start).toMatchObject({ tokenId: null, channel: 'gateway', outcome: 'ok' })
    expect(start?.details).toEqual({
      version: gateway.app.version,
      bootId: stop?.details?.['bootId'],
      settings: gateway.app.settings.hash(),
    })
    expect(again?.details?.['bootId']).not.toBe(start?.details?.['bootId'])
    const { body } = await rest(gateway, 'GET', `/api/v1/audit/verify?head=${head}`)
    // Whoever asks comes in with that, which is an entry as well.
    expect(body).toMatchObject({ ok: true, fault: null, noted: { seq: 3 } })
    expect(body['entries']).toBeGreaterThanOrEqual(entries.length)
    const told = gateway.logs.find(line => line.includes('the newest entry of the audit trail')) ?? ''
    expect(JSON.parse(told)).toMatchObject({ seq: 5, hash: again?.hash })
  })

  test('is read in pages, by action and by token, and by admins alone', async () => {
    await using gateway = await testGateway()
    for (let count = 0; count < 5; count++) await gateway.token('read')
    const first = await rest(gateway, 'GET', '/api/v1/audit?limit=3&action=token.create')
    const [newest] = first.body['entries'] as AuditRow[]
    const next = Number(first.body['next'])
    expect((first.body['entries'] as AuditRow[]).map(({ seq }) => seq)).toEqual([next + 2, next + 1, next])
    expect(newest).toMatchObject({
      action: 'token.create',
      channel: 'gateway',
      details: { name: 'test', scopes: ['read'] },
    })
    const second = await rest(gateway, 'GET', `/api/v1/audit?limit=100&action=token.create&after=${next}`)
    expect(second.body).toMatchObject({ entries: [{ seq: next - 1 }, {}, { target: 'env' }], next: null })
    await gateway.app.audit.written()
    const own = (await rest(gateway, 'GET', '/api/v1/audit?who=env')).body['entries'] as AuditRow[]
    expect(new Set(own.map(({ tokenId }) => tokenId))).toEqual(new Set(['env']))
    for (const bad of ['limit=0', 'limit=1001', 'limit=x', 'after=0', 'after=1.5']) {
      expect((await rest(gateway, 'GET', `/api/v1/audit?${bad}`)).status, bad).toBe(400)
    }
    const { status, body } = await rest(gateway, 'GET', '/api/v1/audit/verify?head=abc')
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'INVALID_MESSAGE' })
    const reader = await gateway.token('read')
    for (const path of ['/api/v1/audit', '/api/v1/audit/verify']) {
      expect((await rest(gateway, 'GET', path, { token: reader })).status).toBe(403)
    }
  })

  test('names every action in docs/audit.md', () => {
    const docs = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'audit.md'), 'utf8')
    expect(Object.keys(auditActions).filter(action => !docs.includes(`| \`${action}\` |`))).toEqual([])
  })

  test('holds no secret, however it came', async () => {
    await using gateway = await testGateway()
    const { token, id } = await gateway.app.auth.createToken({ name: 'phone', scopes: ['admin', 'tools'] })
    const { Cookie } = await browser(gateway, token)
    const { body: link } = await rest(gateway, 'POST', '/api/v1/auth/codes')
    const { body: config } = await rest(gateway, 'GET', '/api/v1/config')
    const providers = [
      { name: 'own', kind: 'openai', baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'sk-canary-0123456789', models: ['m'] },
    ]
    await rest(gateway, 'PATCH', '/api/v1/config', {
      body: { hash: config['hash'], changes: { 'agent.providers': providers, 'agent.retries': 4 } },
    })
    await rest(gateway, 'POST', '/api/v1/tools/file_read', { token, body: { args: { path: 'canary-path.txt' } } })
    await rest(gateway, 'GET', '/api/v1/sessions', { token: `tln_${id}_${'canary'.repeat(8)}` })
    const text = JSON.stringify(await trail(gateway))
    for (const secret of [
      testToken,
      token.slice(-20),
      Cookie.split('=')[1] ?? 'none',
      String(link['code']),
      'canary',
    ]) {
      expect(text).not.toContain(secret)
    }
    expect(text).toContain('token.create')
  })
})

describe('who came in', () => {
  test('is told with the credential, once an hour for each address, and who goes out', async () => {
    await using gateway = await testGateway()
    const { app } = gateway
    const from = await newestSeq(gateway)
    const signIns = async () =>
      (await trail(gateway)).filter(({ seq, action }) => seq > from && action.startsWith('sign_'))
    for (let count = 0; count < 3; count++) await rest(gateway, 'GET', '/api/v1/status', { headers: agent })
    const phone = await app.auth.createToken({ name: 'phone', scopes: ['read'] })
    const session = await browser(gateway, phone.token)
    await rest(gateway, 'GET', '/api/v1/status', { headers: session, token: '' })
    using socket = await rawSocket(gateway.port, {
      token: (await app.auth.createToken({ name: 'watch', scopes: ['read'] })).token,
    })
    expect(socket).toBeDefined()
    await rest(gateway, 'POST', '/api/v1/auth/logout', { headers: session, token: '' })
    const seen = (await signIns()).map(({ action, tokenName, channel, address, outcome, details }) => [
      action,
      tokenName,
      channel,
      address,
      outcome,
      details,
    ])
    const address = '127.0.0.1'
    expect(seen).toEqual([
      ['sign_in', 'TALON_TOKEN', 'http', address, 'ok', { credential: 'token' }],
      ['sign_in', 'phone', 'http', address, 'ok', { credential: 'token' }],
      ['sign_in', 'watch', 'ws', address, 'ok', { credential: 'token' }],
      ['sign_out', 'phone', 'http', address, 'ok', null],
    ])
  })

  test('is told of a link that was made and of its one use, with the browser that used it', async () => {
    await using gateway = await testGateway()
    const from = await newestSeq(gateway)
    const { body } = await rest(gateway, 'POST', '/api/v1/auth/codes', { headers: agent })
    const exchange = {
      token: '',
      headers: { Origin: gateway.url, 'user-agent': 'x'.repeat(900) },
      body: { code: body['code'] },
    }
    expect((await rest(gateway, 'POST', '/api/v1/auth/exchange', exchange)).status).toBe(200)
    expect((await rest(gateway, 'POST', '/api/v1/auth/exchange', exchange)).status).toBe(401)
    const [, made, used, failed] = (await trail(gateway)).filter(({ seq }) => seq > from)
    expect(made).toMatchObject({ action: 'sign_in.link', ...byRest, details: { expiresAt: body['expiresAt'] } })
    expect(used).toMatchObject({ action: 'sign_in', tokenId: 'env', outcome: 'ok', details: { credential: 'link' } })
    expect(used?.userAgent).toBe('x'.repeat(200))
    expect(failed).toMatchObject({
      action: 'sign_in',
      tokenId: null,
      outcome: 'failed',
      details: { credential: 'link', failures: 1 },
    })
  })

  test('is told of guesses by their number: the first at once, the others of its minute in one', async () => {
    const home = mkdtempSync(join(tmpdir(), 'talon-audit-'))
    onTestFinished(() => rmSync(home, { recursive: true, force: true }))
    {
      await using gateway = await testGateway({
        home,
        env: { TALON_LIMITS_AUTH_FAILURES: '5' },
      })
      const guess = () =>
        rest(gateway, 'GET', '/api/v1/status', { token: `tln_nobody_${'a'.repeat(43)}`, headers: agent })
      const statuses = []
      for (let count = 0; count < 8; count++) statuses.push((await guess()).status)
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
    }
    await using gateway = await testGateway({ home })
    const failures = (await trail(gateway)).filter(({ outcome }) => outcome === 'failed')
    expect(failures.map(({ details }) => details)).toEqual([
      { credential: 'token', failures: 1 },
      { credential: 'token', failures: 7, locked: 3 },
    ])
    expect(failures[0]).toMatchObject({ ...byRest, tokenId: null, tokenName: null })
  })

  test('cannot fill the disk: of many addresses, and of many sign-ins, most are a number', async () => {
    const { store, dispose } = await temporaryStore()
    const clock = { now: () => 1_000, monotonic: () => 1_000 }
    const parts = {
      settings: { hash: () => '', onUpdate: () => () => undefined },
      log: openLog({ level: 'info', write: () => undefined }),
    }
    const audit = createAudit({ store, clock, ...parts, version: '', bootId: '' })
    const at = (address: string) => ({ channel: 'http', address, userAgent: undefined }) as const
    for (let count = 0; count < 5_000; count++) {
      audit.signIns.refused('token', at(`10.0.${count >> 8}.${count & 255}`), false)
      audit.signIns.accepted('cookie', `t${count}`, at('10.1.0.1'))
    }
    // One household.
    for (let count = 0; count < 100; count++) audit.signIns.refused('token', at(`2001:db8::${count + 1}`), false)
    await audit.stop()
    const entries = await store.listAudit({ limit: 10_000 })
    const failed = entries.filter(({ outcome }) => outcome === 'failed')
    expect(failed).toHaveLength(21)
    expect(failed[0]).toMatchObject({ address: null, details: { credential: 'token', failures: 5_080 } })
    const accepted = entries.filter(({ action, outcome }) => action === 'sign_in' && outcome === 'ok')
    expect(accepted).toHaveLength(101)
    expect(accepted[0]?.details).toEqual({ more: 4_900 })
    await dispose()
  })
})

describe('what was done', () => {
  test('to tokens: by whom, from where, and what the new one may do', async () => {
    await using gateway = await testGateway()
    const from = await newestSeq(gateway)
    const body = { name: 'phone', scopes: ['read', 'chat'], expiresAt: 4_000_000_000_000 }
    const created = await rest(gateway, 'POST', '/api/v1/tokens', { body, headers: agent, key: 'k' })
    await rest(gateway, 'POST', '/api/v1/tokens', { body, headers: agent, key: 'k' })
    const target = String(created.body['id'])
    for (let count = 0; count < 2; count++)
      await rest(gateway, 'DELETE', `/api/v1/tokens/${target}`, { headers: agent })
    const entries = await since(gateway, from)
    expect(entries).toMatchObject([
      { action: 'token.create', ...byRest, target, details: body },
      { action: 'token.revoke', ...byRest, target },
    ])
  })

  test('to sessions: over a socket, by REST and by a slash command, and not by a repeat', async () => {
    await using gateway = await testGateway()
    const sessionId = await newSession(gateway)
    const from = await newestSeq(gateway)
    const client = gateway.client()
    await client.request('session.reset', { sessionId })
    await converse(gateway, sessionId, '/reset')
    const path = `/api/v1/sessions/${sessionId}`
    for (let count = 0; count < 2; count++) await rest(gateway, 'DELETE', path, { headers: agent, key: 'k' })
    await rest(gateway, 'POST', `${path}/restore`, { headers: agent })
    await (await gateway.fetch(`${path}/export?format=md&epoch=1`, { headers: agent })).text()
    const exported = await (await gateway.fetch(`${path}/export`)).text()
    const imported = await gateway.fetch('/api/v1/sessions/import', { method: 'POST', body: exported, headers: agent })
    const { sessionId: importedId, messages } = (await imported.json()) as { sessionId: string; messages: number }
    const entries = await since(gateway, from)
    expect(entries).toMatchObject([
      { action: 'session.reset', tokenId: 'env', channel: 'ws', address: '127.0.0.1', target: sessionId },
      { action: 'session.reset', tokenId: 'env', channel: 'agent', address: null, target: sessionId },
      { action: 'session.delete', ...byRest, target: sessionId },
      { action: 'session.restore', ...byRest, target: sessionId },
      { action: 'session.export', ...byRest, target: sessionId, details: { format: 'md', epoch: 1 } },
      { action: 'session.export', target: sessionId, details: { format: 'json', epoch: null } },
      { action: 'session.import', ...byRest, target: importedId, details: { messages } },
    ])
  })

  test('to the settings: which ones, by whom, by the file that was read again, and the hashes of both states', async () => {
    await using gateway = await testGateway()
    const { app, home } = gateway
    const from = await newestSeq(gateway)
    const before = app.settings.hash()
    const body = { hash: before, changes: { 'agent.retries': 4 } }
    const { body: updated } = await rest(gateway, 'PATCH', '/api/v1/config', { body, headers: agent })
    expect((await rest(gateway, 'PATCH', '/api/v1/config', { body, headers: agent })).status).toBe(409)
    writeFileSync(join(home, 'talon.json'), '{"agent": {"retries": 5}}')
    gateway.reload()
    const entries = await since(gateway, from)
    expect(entries).toMatchObject([
      { action: 'config.change', ...byRest, details: { changed: ['agent.retries'], before, after: updated['hash'] } },
      {
        action: 'config.change',
        tokenId: null,
        channel: 'gateway',
        details: { changed: ['agent.retries'], before: updated['hash'], after: app.settings.hash() },
      },
    ])
    expect(JSON.stringify(entries)).not.toContain('"agent.retries":')
  })

  test('to backups: made, failed, loaded, deleted', async () => {
    await using gateway = await testGateway()
    const from = await newestSeq(gateway)
    const made = await rest(gateway, 'POST', '/api/v1/backups', { headers: agent, key: 'k' })
    await rest(gateway, 'POST', '/api/v1/backups', { headers: agent, key: 'k' })
    const target = String(made.body['name'])
    const path = `/api/v1/backups/${target}`
    await gateway.fetch(path, { method: 'HEAD', headers: agent })
    await (await gateway.fetch(path, { headers: agent })).arrayBuffer()
    await gateway.fetch(`${path}.sha256`, { headers: agent })
    await rest(gateway, 'DELETE', path, { headers: agent })
    await rest(gateway, 'DELETE', path, { headers: agent })
    rmSync(join(gateway.home, 'backups'), { recursive: true })
    writeFileSync(join(gateway.home, 'backups'), 'no folder')
    await rest(gateway, 'POST', '/api/v1/backups', { headers: agent })
    const entries = await since(gateway, from)
    expect(entries).toMatchObject([
      { action: 'backup.create', ...byRest, target, outcome: 'ok', details: { bytes: made.body['bytes'] } },
      { action: 'backup.download', ...byRest, target },
      { action: 'backup.delete', ...byRest, target },
      { action: 'backup.create', ...byRest, target: null, outcome: 'failed', details: { code: 'STORAGE_UNAVAILABLE' } },
    ])
  })

  test('by tools that can change something: which, for whom, by which rule and how it ended, and of the arguments a hash', async () => {
    await using gateway = await testGateway()
    const sessionId = await newSession(gateway)
    const from = await newestSeq(gateway)
    await converse(gateway, sessionId, '/tool file_list {"path": "."}')
    await converse(gateway, sessionId, '/tool file_write {"path": "a.txt", "content": "a"}')
    const client = gateway.client()
    await client.request('tools.invoke', { toolName: 'file_write', args: { path: 'a.txt/b', content: '' } })
    const entries = await since(gateway, from)
    expect(entries).toMatchObject([
      { action: 'tool.run', tokenId: 'env', channel: 'agent', target: 'file_write', outcome: 'ok' },
      {
        action: 'tool.run',
        tokenId: 'env',
        channel: 'ws',
        address: '127.0.0.1',
        target: 'file_write',
        outcome: 'failed',
      },
    ])
    expect(entries[0]?.details).toMatchObject({
      sessionId,
      rule: 'workspace.write',
      argsSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(entries[1]?.details).toMatchObject({ rule: 'workspace.write', code: expect.any(String) })
  })

  test('by the gateway itself: what retention deletes, backups that are due, and what an older Talon left', async () => {
    const home = mkdtempSync(join(tmpdir(), 'talon-audit-'))
    onTestFinished(() => rmSync(home, { recursive: true, force: true }))
    writeOld(join(home, 'sessions', 'old.json'), session('old', [message('m1', 'text')]))
    await using gateway = await testGateway({ home })
    const { app } = gateway
    await vi.waitFor(async () => expect((await gateway.fetch('/readyz')).status).toBe(200), { timeout: 15_000 })
    const from = await newestSeq(gateway)
    await app.store.createSession({ id: 'quiet', senderId: 'a', channel: 'c', at: Date.now() - 3 * dayMs })
    await retain({ ...app, config: { ...app.config, 'retention.maxAgeDays': 1 } })
    await app.store.createSession({ id: 'new', senderId: 'a', channel: 'c', at: Date.now() })
    // What the record calls its backups is all that there is of them.
    await (app.backups as GatewayBackups).makeDue()
    const [backup] = app.backups.list()
    const byItself = { tokenId: null, channel: 'gateway', outcome: 'ok' }
    expect(await since(gateway, from)).toMatchObject([
      { action: 'session.delete', ...byItself, target: 'quiet', details: { reason: 'retention' } },
      { action: 'backup.create', ...byItself, target: backup?.name, details: { kind: 'auto', bytes: backup?.bytes } },
    ])
    const imported = (await trail(gateway)).filter(({ action }) => action === 'data.import')
    expect(imported).toMatchObject([{ ...byItself, details: { sessions: 1, messages: 1, failed: 0 } }])
  })

  test('by the command line of this machine is told as such', async () => {
    await using gateway = await testGateway()
    const from = await newestSeq(gateway)
    const token = readFileSync(join(gateway.home, 'run', 'cli.token'), 'utf8').trim()
    await rest(gateway, 'POST', '/api/v1/tokens', { token, body: { name: 'x', scopes: ['read'] } })
    expect(await since(gateway, from)).toMatchObject([{ action: 'token.create', tokenId: 'cli', channel: 'cli' }])
  })
})

describe('an entry', () => {
  test('that cannot be written is logged as it would have been, and nobody fails for it', async () => {
    const { store, dispose } = await temporaryStore()
    const lines: string[] = []
    const parts = {
      settings: { hash: () => '', onUpdate: () => () => undefined },
      log: openLog({ level: 'info', write: line => lines.push(line) }),
    }
    const audit = createAudit({ store, clock: { now: () => 7, monotonic: () => 7 }, ...parts, version: '', bootId: '' })
    await store.close()
    await audit.record({ action: 'session.export', target: 's' }, byGateway)
    expect(lines.map(line => JSON.parse(line))).toMatchObject([
      {
        level: 50,
        entry: { at: 7, action: 'session.export', target: 's' },
        msg: 'an entry of the audit trail was not written',
      },
    ])
    await dispose()
  })

  test('has a bound, whatever somebody calls himself or asks for', () => {
    const long = 'x'.repeat(100_000)
    const entry = auditEntry(
      { action: 'tool.run', target: long, details: { long } },
      { ...byGateway, userAgent: long },
      1,
    )
    expect(JSON.stringify(entry).length).toBeLessThan(5_000)
    expect(entry.details).toEqual({ shortened: expect.stringContaining('{"long":"xxx') })
  })
})
