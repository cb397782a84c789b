import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { refuseUnsafe } from '../../src/server/config.ts'
import { type LiveConfig, openLiveConfig } from '../../src/server/live-config.ts'
import { openLog } from '../../src/server/log.ts'
import type { SettingsChange, SettingsUpdate } from '../../src/server/record.ts'
import { createSlots } from '../../src/server/tools/slots.ts'
import { testGateway, testToken } from '../support/gateway.ts'
import { rawSocket } from '../support/raw-socket.ts'
import { scriptedProvider } from '../support/scripted-provider.ts'
import { writeConfig } from './agent/config.ts'
import { converse } from './agent/conversation.ts'

/** A data folder, with settings that are opened on it as a start opens them. */
function place(text?: string) {
  const home = mkdtempSync(join(tmpdir(), 'talon-config-'))
  mkdirSync(join(home, 'run'))
  const file = join(home, 'talon.json')
  if (text !== undefined) writeFileSync(file, text)
  const time = { now: Date.UTC(2026, 1, 19) }
  const logs: string[] = []
  const opened: LiveConfig[] = []
  onTestFinished(() => {
    for (const config of opened) config.close()
    rmSync(home, { recursive: true, force: true })
  })
  let ids = 0
  return {
    home,
    file,
    time,
    logs,
    read: (name = 'talon.json') => readFileSync(join(home, name), 'utf8'),
    has: (name: string) => existsSync(join(home, name)),
    open(env: Record<string, string> = {}): LiveConfig {
      const clock = { now: () => time.now, monotonic: () => performance.now() }
      const log = openLog({ level: 'info', write: line => logs.push(line) })
      const config = openLiveConfig({ home, env, clock, log, refuse: ({ values }) => refuseUnsafe(values) })
      opened.push(config)
      return config
    },
    change(config: LiveConfig, change: Omit<SettingsChange, 'hash'>): SettingsUpdate {
      const from = { connectionId: undefined, newId: () => `id-${++ids}` }
      return config.update({ hash: config.hash(), ...change }, from)
    },
  }
}

const retries = { changes: { 'agent.retries': 4 } }

describe('reading the file again', () => {
  test('takes over what is live, and tells what needs a restart', () => {
    const { open, file, logs } = place('{"agent": {"retries": 1}}')
    const settings = open()
    const updates: SettingsUpdate[] = []
    settings.onUpdate(update => updates.push(update))
    writeFileSync(file, '{"agent": {"retries": 3}, "server": {"port": 4}}')
    settings.reload()
    expect(settings.config).toMatchObject({ 'agent.retries': 3, 'server.port': 19_789 })
    expect(updates).toMatchObject([{ changed: ['server.port', 'agent.retries'], restartRequired: ['server.port'] }])
    expect(logs.at(-1)).toContain('A restart is needed for server.port.')
    settings.reload()
    expect(logs.at(-1)).toContain('talon.json has not changed')
    expect(updates).toHaveLength(1)
  })

  test.each([
    ['is no JSON', '{"agent": {"retries": 3}', 'is not valid JSON'],
    ['has an unknown key', '{"agent": {"retires": 3}}', 'Did you mean \\"agent.retries\\"?'],
    ['has a bad value', '{"agent": {"retries": -3}}', 'agent.retries: '],
    ['would open the gateway', '{"server": {"host": "::"}, "auth": {"mode": "none"}}', 'loopback'],
  ])('changes nothing if it %s, and says why', (_what, text, reason) => {
    const good = '{"agent": {"retries": 1}}'
    const { open, file, logs, read } = place(good)
    const settings = open()
    const [before, hash] = [{ ...settings.config }, settings.hash()]
    writeFileSync(file, text)
    settings.reload()
    expect(settings.config).toEqual(before)
    expect(settings.hash()).toBe(hash)
    expect(logs.at(-1)).toContain('"level":50')
    expect(logs.at(-1)).toContain(reason)
    expect(read()).toBe(text)
    expect(read('talon.json.last-good')).toBe(good)
  })

  test('does not show what a broken file holds', () => {
    const { open, file, logs } = place()
    const settings = open()
    writeFileSync(file, '{"agent": {"providers": [{"apiKey": hunter-two}]}}')
    settings.reload()
    expect(logs.at(-1)).toContain('is not valid JSON')
    expect(logs.join('')).not.toContain('hunter-two')
  })

  test('calls whoever watches one of the settings that changed, and nobody else', () => {
    const { open, change } = place()
    const settings = open()
    const seen: unknown[] = []
    const end = settings.onChange(['agent.retries'], config => seen.push(config['agent.retries']))
    settings.onChange(['agent.maxRuns', 'server.port'], () => seen.push('other'))
    settings.onChange(['agent.retries'], () => {
      throw new Error('a listener that fails')
    })
    change(settings, retries)
    change(settings, { changes: { 'server.port': 1 } })
    end()
    change(settings, { changes: { 'agent.retries': 5 } })
    expect(seen).toEqual([4])
    expect(settings.config['agent.retries']).toBe(5)
  })
})

describe('a change', () => {
  test('that cannot be written is none', () => {
    const { open, change, home, read } = place('{}')
    const settings = open()
    // A folder in the place of the draft.
    mkdirSync(join(home, 'talon.json.draft'))
    expect(() => change(settings, retries)).toThrow('talon.json cannot be written')
    expect(() => change(settings, { ...retries, confirmWithinMs: 1_000 })).toThrow('talon.json cannot be written')
    expect(settings.config['agent.retries']).toBe(2)
    expect(read()).toBe('{}')
    rmSync(join(home, 'talon.json.draft'), { recursive: true })
    change(settings, retries)
    expect(open().config['agent.retries']).toBe(4)
  })

  test('goes to the file behind a link', () => {
    const { open, change, home, file } = place()
    const target = join(home, 'elsewhere.json')
    writeFileSync(target, '{}')
    symlinkSync(target, file)
    change(open(), retries)
    expect(JSON.parse(readFileSync(target, 'utf8'))).toEqual({ agent: { retries: 4 } })
  })

  test('to the value that is there leaves the file as it was written', () => {
    const text = '{ "agent":\n{"retries":4} }'
    const { open, change, read } = place(text)
    expect(change(open(), retries).message).toBe('Nothing was changed.')
    expect(read()).toBe(text)
  })
})

describe('a dry run', () => {
  test('says what a change would do, or why it cannot be done, and changes nothing', () => {
    const { open, change, has } = place()
    const settings = open()
    const hash = settings.hash()
    const changes = { 'agent.retries': 4, 'server.port': 4 }
    expect(change(settings, { changes, dryRun: true })).toEqual({
      hash,
      changed: ['server.port', 'agent.retries'],
      restartRequired: ['server.port'],
      message: 'It can be changed so.',
    })
    expect(() => change(settings, { changes: { 'agent.retries': -1 }, dryRun: true })).toThrow('agent.retries')
    const unsafe = { 'auth.mode': 'none', 'server.host': '0.0.0.0' }
    expect(() => change(settings, { changes: unsafe, dryRun: true })).toThrow('works on a loopback address only')
    // Nothing to change is no confirmation here.
    change(settings, { ...retries, confirmWithinMs: 60_000 })
    expect(change(settings, { changes: {}, dryRun: true }).changed).toEqual([])
    expect(settings.waiting()).toBeDefined()
    expect(has('run/config-revert.json')).toBe(true)
  })
})

describe('a change that waits to be confirmed', () => {
  const within = { confirmWithinMs: 60_000 }
  const waiting = { ...retries, ...within }

  test('is taken back by the first start after its time, and before that by none', () => {
    const { open, change, time, read, has, logs } = place('{"log": {"level": "info"}}')
    change(open(), waiting)
    time.now += 30_000
    expect(open().config['agent.retries']).toBe(4)
    time.now += 30_000
    expect(open().config['agent.retries']).toBe(2)
    expect(read()).toBe('{"log": {"level": "info"}}')
    expect(logs.at(-1)).toContain('nobody confirmed it in time')
    expect(has('run/config-revert.json')).toBe(false)
  })

  test('is taken back where there was no file', () => {
    const { open, change, time, has } = place()
    change(open(), waiting)
    time.now += 60_000
    expect(open().config['agent.retries']).toBe(2)
    expect(has('talon.json')).toBe(false)
  })

  test('stays what somebody made of it by hand', () => {
    const { open, change, time, file, has } = place()
    change(open(), waiting)
    writeFileSync(file, '{"agent": {"retries": 5}}')
    time.now += 60_000
    expect(open().config['agent.retries']).toBe(5)
    expect(has('run/config-revert.json')).toBe(false)
  })

  test('waits no longer because the clock was put back', async () => {
    const { open, change, time } = place()
    const earlier = open()
    change(earlier, { ...waiting, confirmWithinMs: 1_000 })
    earlier.close()
    time.now -= 86_400_000
    const settings = open()
    const update = await new Promise<SettingsUpdate>(resolve => settings.onUpdate(resolve))
    expect(update).toMatchObject({ changed: ['agent.retries'] })
    expect(settings.config['agent.retries']).toBe(2)
  })

  test('is told with the values before and since, and can be taken back at once', () => {
    const { open, change, has } = place()
    const settings = open()
    expect(settings.waiting()).toBeUndefined()
    const { confirmBy } = change(settings, { changes: { 'agent.retries': 4, 'search.braveKey': 'hidden' }, ...within })
    expect(settings.waiting()).toEqual({
      confirmBy,
      changes: [
        { key: 'agent.retries', before: 2, after: 4 },
        { key: 'search.braveKey', before: null, after: '[set]' },
      ],
    })
    expect(change(settings, { changes: {}, takeBack: true })).toMatchObject({
      changed: ['agent.retries', 'search.braveKey'],
      message: expect.stringContaining('The change was taken back.'),
    })
    expect([settings.config['agent.retries'], settings.waiting(), has('talon.json')]).toEqual([2, undefined, false])
    expect(() => change(settings, { changes: {}, takeBack: true })).toThrow('No change waits')
  })

  test('is not the last good copy', () => {
    const { open, change, read } = place('{"agent": {"retries": 1}}')
    const settings = open()
    settings.settle()
    change(settings, waiting)
    settings.settle()
    expect(read('talon.json.last-good')).toBe('{"agent": {"retries": 1}}')
    settings.close()
    const next = open()
    change(next, { changes: {} })
    next.settle()
    expect(JSON.parse(read('talon.json.last-good'))).toEqual({ agent: { retries: 4 } })
  })

  test('is taken back by a start that fails with it, which nobody could confirm', () => {
    const { open, change, read, has, logs } = place('{"log": {"level": "info"}}')
    change(open(), { changes: { 'server.port': 4 }, confirmWithinMs: 60_000 })
    open().abandon()
    expect(logs.at(-1)).toContain('did not start with it')
    expect(read()).toBe('{"log": {"level": "info"}}')
    expect(has('run/config-revert.json')).toBe(false)
    // What was confirmed stays, whatever a start comes to.
    const settings = open()
    change(settings, retries)
    settings.abandon()
    expect(JSON.parse(read())).toEqual({ log: { level: 'info' }, agent: { retries: 4 } })
  })
})

test('the last good copy is one that a gateway has started with: none of which a part waits for a restart', () => {
  const { open, change, read } = place('{"log": {"level": "info"}}')
  const settings = open()
  settings.settle()
  change(settings, { changes: { 'server.port': 4 } })
  change(settings, retries)
  settings.settle()
  expect(read('talon.json.last-good')).toBe('{"log": {"level": "info"}}')
  open().settle()
  expect(read('talon.json.last-good')).toBe(read())
})

test('a change back to the value that is in use needs no restart', () => {
  const { open, change } = place()
  const settings = open()
  const there = change(settings, { changes: { 'server.port': 4 } })
  expect(there.message).toContain('A restart is needed for server.port.')
  expect(change(settings, { changes: { 'server.port': null } })).toMatchObject({
    restartRequired: [],
    message: 'Changed server.port.',
  })
})

test('a file that begins with the mark of its encoding is read as any other', () => {
  expect(place('\ufeff{"agent": {"retries": 1}}').open().config['agent.retries']).toBe(1)
})

describe('a running gateway follows', () => {
  test('the names that it is served under', async () => {
    await using gateway = await testGateway()
    const ask = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const { port } = gateway
        request({ port, host: '127.0.0.1', path: '/livez', headers: { host } }, ({ statusCode }) => resolve(statusCode))
          .on('error', reject)
          .end()
      })
    expect(await ask('talon.example.org')).toBe(421)
    await set(gateway, { 'server.allowedHosts': ['talon.example.org'] })
    expect(await ask('talon.example.org')).toBe(200)
    await set(gateway, { 'server.allowedHosts': null })
    expect(await ask('talon.example.org')).toBe(421)
  })

  test('the number of connections, the old interface and the attempts to sign in', async () => {
    await using gateway = await testGateway()
    using _one = await rawSocket(gateway.port, { token: testToken })
    await set(gateway, { 'server.maxConnections': 1 })
    await expect(rawSocket(gateway.port, { token: testToken })).rejects.toThrow()
    await set(gateway, { 'protocol.legacy': false })
    expect((await gateway.fetch('/api/tools')).status).toBe(404)
    await set(gateway, { 'protocol.legacy': true, 'limits.authFailures': 1 })
    expect((await gateway.fetch('/api/tools')).status).toBe(200)
    expect((await gateway.fetch('/api/tools', { token: 'wrong' })).status).toBe(401)
    expect((await gateway.fetch('/api/tools', { token: 'wrong' })).status).toBe(429)
  })

  test('the number of runs that work at once: sessions that wait begin when it is raised', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    const provider = await scriptedProvider(() => ({ steps: [gate, 'done'] }))
    onTestFinished(() => provider.close())
    const home = await writeConfig({ providers: [{ provider, models: ['m'] }], agent: { maxRuns: 1 } })
    await using gateway = await testGateway({ home })
    const talks = await Promise.all([1, 2, 3].map(() => converse(gateway)))
    const runs = await Promise.all(talks.map(talk => talk.send('go')))
    while (provider.requests.length < 1) await provider.nextRequest()
    expect(gateway.app.runs.count()).toBe(1)
    await set(gateway, { 'agent.maxRuns': 3 })
    while (provider.requests.length < 3) await provider.nextRequest()
    expect(gateway.app.runs.count()).toBe(3)
    open()
    for (const [index, talk] of talks.entries()) {
      expect(await talk.ended(runs[index] ?? '')).toMatchObject({ state: 'done' })
    }
  })

  async function set(gateway: Awaited<ReturnType<typeof testGateway>>, changes: Record<string, unknown>) {
    const body = JSON.stringify({ hash: gateway.app.settings.hash(), changes })
    const response = await gateway.fetch('/api/v1/config', { method: 'PATCH', body })
    expect(await response.json()).toMatchObject({ restartRequired: [] })
  }

  test('the number of places for tools, up and down', async () => {
    let max = 1
    const slots = createSlots(() => max, 10)
    const never = new AbortController().signal
    const first = await slots.acquire(never, 60_000)
    const entered: number[] = []
    const waiting = [1, 2, 3].map(async number => {
      const release = await slots.acquire(never, 60_000)
      entered.push(number)
      return release
    })
    max = 2
    first()
    const [second, third] = await Promise.all(waiting.slice(0, 2))
    expect(entered).toEqual([1, 2])
    max = 1
    second?.()
    await Promise.resolve()
    expect(entered).toEqual([1, 2])
    third?.()
    await waiting[2]
    expect(entered).toEqual([1, 2, 3])
  })
})
