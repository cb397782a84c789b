import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Live, Report } from '../../src/server/doctor.ts'
import { createDoctor } from '../../src/server/live-doctor.ts'
import { type TestGateway, testGateway } from '../support/gateway.ts'
import { temporaryHome } from '../support/store.ts'
import { examineHome, found } from './examined.ts'

const well: Live = {
  problems: [],
  notices: [],
  draining: false,
  connections: 3,
  pools: [{ provider: 'p', origin: 'https://p', connected: 2, free: 1, pending: 0, queued: 0, running: 1, size: 1 }],
  refused: { messages: 0 },
  lostLogLines: 0,
  lastBackup: undefined,
  waitingSettings: [],
  brokenTools: [],
  sandbox: { level: 'full', reason: undefined },
  schedules: { overdue: [], stopped: [] },
}
const failed = {
  ok: false,
  at: 1,
  kind: 'auto',
  name: null,
  bytes: null,
  durationMs: 5,
  error: 'The disk is full.',
} as const

describe('what a gateway says of itself', () => {
  let place: ReturnType<typeof temporaryHome>
  beforeEach(() => {
    place = temporaryHome()
  })
  afterEach(() => place.remove())

  const examined = (live: Partial<Live>) => examineHome(place.home, { groups: ['gateway'], live: { ...well, ...live } })

  test('is nothing but good if it is well', async () => {
    const { findings } = await examined({})
    expect(findings.map(({ id, severity }) => [id, severity])).toEqual([
      ['gateway.ready', 'ok'],
      ['gateway.connections', 'ok'],
      ['gateway.pools', 'ok'],
      ['gateway.limits', 'ok'],
      ['gateway.sandbox', 'ok'],
    ])
  })

  test.each([
    ['gateway.ready', 'warn', { problems: ['There is no space.'] }, 'There is no space.'],
    ['gateway.ready', 'info', { draining: true }, 'It is stopping'],
    [
      'gateway.schedules',
      'warn',
      { schedules: { overdue: [{ name: 'News', dueAt: 0 }], stopped: [] } },
      '"News" has waited',
    ],
    [
      'gateway.schedules',
      'warn',
      { schedules: { overdue: [], stopped: [{ name: 'News', reason: 'No.' }] } },
      'is paused',
    ],
    ['gateway.notice', 'info', { notices: ['12 commits are missing.'] }, '12 commits'],
    ['gateway.connections', 'warn', { connections: 9_500 }, '9500 connections of at most 10000'],
    ['gateway.pools', 'warn', { pools: well.pools.map(pool => ({ ...pool, queued: 7 })) }, '7 wait'],
    ['gateway.limits', 'info', { refused: { messages: 4, reads: 9, frames: 0 } }, 'reads 9, messages 4'],
    ['gateway.log', 'warn', { lostLogLines: 12 }, '12 lines'],
    ['gateway.backup', 'warn', { lastBackup: failed }, 'The disk is full.'],
    ['gateway.settings', 'info', { waitingSettings: ['server.port'] }, 'server.port'],
    ['gateway.tools', 'warn', { brokenTools: [{ name: 'my_tool', reason: 'no function "run"' }] }, 'my_tool'],
    ['gateway.sandbox', 'info', { sandbox: { level: 'limits', reason: 'No bubblewrap.' } }, 'No bubblewrap.'],
  ] as const)('has %s as %s for %j', async (id, severity, live, words) => {
    const finding = found(await examined(live), id)
    expect(finding?.severity).toBe(severity)
    expect(`${finding?.title} ${finding?.detail}`).toContain(words)
  })
})

async function reportOf(gateway: TestGateway, query = ''): Promise<Report> {
  const response = await gateway.fetch(`/api/v1/doctor${query}`)
  expect(response.status).toBe(200)
  return (await response.json()) as Report // What the route answers with.
}

describe('the doctor of a gateway', () => {
  test('looks at its own environment, settings and providers, and shows nothing of them', async () => {
    const key = 'sk-never-to-be-shown-0123456789'
    const provider = createServer((request, response) => {
      response.writeHead(request.headers.authorization === `Bearer ${key}` ? 200 : 401).end('{}')
    })
    provider.listen(0, '127.0.0.1')
    await once(provider, 'listening')
    onTestFinished(() => void provider.close())
    const address = provider.address()
    const baseUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v1`
    const providers = [{ name: 'near', kind: 'openai-compatible', baseUrl, apiKeyEnv: 'NEAR_KEY', models: ['m'] }]
    const env = {
      TALON_AGENT_PROVIDERS: JSON.stringify(providers),
      NEAR_KEY: key,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      TALON_METRICS_PUBLIC: 'true',
    }
    await using gateway = await testGateway({ env })
    const report = await reportOf(gateway)
    expect(JSON.stringify(report)).not.toContain(key)
    expect(found(report, 'providers.reachable')?.title).toMatch(/near answers in \d+ ms and takes the key/)
    expect(found(report, 'metrics.public')?.risk).toBe('info')
    expect(found(report, 'tls.checked')).toMatchObject({ risk: 'critical', severity: 'error' })
    expect(found(report, 'gateway.ready')?.severity).toBe('ok')
    expect(report).toMatchObject({ ok: false, risks: { critical: 1 } })
  })

  test('makes a report of the groups that are asked for, and refuses others', async () => {
    await using gateway = await testGateway()
    const report = await reportOf(gateway, '?groups=gateway,security&offline')
    expect([...new Set(report.findings.map(({ group }) => group))]).toEqual(['gateway', 'security'])
    const refused = await gateway.fetch('/api/v1/doctor?groups=gateway,nonsense')
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('There is no group')
  })

  test('judges the settings that it works with, and names a file that it could not start with again', async () => {
    const providers = [{ name: 'far', kind: 'anthropic', apiKeyEnv: 'FAR_KEY', models: ['m'] }]
    await using gateway = await testGateway({ env: { TALON_AGENT_PROVIDERS: JSON.stringify(providers) } })
    writeFileSync(join(gateway.home, 'talon.json'), '{', { mode: 0o600 })
    const report = await reportOf(gateway, '?groups=settings,providers&offline')
    expect(found(report, 'settings.valid')?.severity).toBe('error')
    // The environment of the gateway is the one that counts.
    expect(found(report, 'providers.key')).toMatchObject({
      severity: 'error',
      title: expect.stringContaining('far: the variable FAR_KEY'),
    })
  })

  test('names settings that wait for a restart', async () => {
    await using gateway = await testGateway()
    const { hash } = (await (await gateway.fetch('/api/v1/config')).json()) as { hash: string }
    const changes = { 'storage.maxWaitingReads': 7 }
    const patched = await gateway.fetch('/api/v1/config', { method: 'PATCH', body: JSON.stringify({ hash, changes }) })
    expect(patched.status).toBe(200)
    const report = await reportOf(gateway, '?groups=gateway')
    expect(found(report, 'gateway.settings')?.title).toContain('storage.maxWaitingReads')
  })

  test('makes a report at most once in ten seconds', async () => {
    await using gateway = await testGateway()
    let at = 0
    const clock = { now: () => at, monotonic: () => at }
    const doctor = createDoctor({ ...gateway.app, clock }, {})
    const examinedAt = async (options = {}) => (await doctor.report({ groups: ['program'], ...options })).examinedAt
    expect(await Promise.all([examinedAt(), examinedAt()])).toEqual([0, 0])
    at = 9_999
    expect(await examinedAt()).toBe(0)
    expect(await examinedAt({ offline: true })).toBe(9_999)
    expect(await examinedAt({ groups: ['program', 'program'] })).toBe(0)
    at = 10_000
    expect(await examinedAt()).toBe(10_000)
  })
})
