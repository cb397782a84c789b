import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Profile, profiles } from '../../../src/protocol/shapes.ts'
import { inheritedProfile, lowerProfile, refuseHigherProfile } from '../../../src/server/profiles.ts'
import { createTools } from '../../../src/server/tools/registry.ts'
import { testGateway, testToken } from '../../support/gateway.ts'
import { type RawSocket, rawSocket } from '../../support/raw-socket.ts'
import { askingGateway, notingTool, socketOf } from './approvals/waiting.ts'

async function create(socket: RawSocket, more: object = {}) {
  return socket.ask('session.create', { senderId: 'ada', channel: 'test', ...more })
}

async function ruleOf(socket: RawSocket, sessionId: unknown, toolName = 'file_write'): Promise<unknown> {
  const args = toolName === 'file_write' ? { path: 'a', content: 'a' } : {}
  const { payload } = await socket.ask('tools.invoke', { toolName, args, sessionId, dryRun: true })
  return payload['decision']
}

test('to lower a profile is free, to raise it wants the scope approve, for every pair and default', () => {
  for (const standard of profiles) {
    const app = { config: { 'tools.profile': standard } } as Parameters<typeof refuseHigherProfile>[0]
    for (const current of [null, ...profiles]) {
      for (const wanted of [null, ...profiles]) {
        const raises = profiles.indexOf(wanted ?? standard) > profiles.indexOf(current ?? standard)
        const change = (scopes: Set<'chat' | 'approve'>) => () => refuseHigherProfile(app, { scopes }, wanted, current)
        expect(change(new Set(['chat', 'approve']))).not.toThrow()
        if (raises) expect(change(new Set(['chat']))).toThrow('needs a token with the scope "approve"')
        else expect(change(new Set(['chat']))).not.toThrow()
      }
      const inherited = inheritedProfile(app, current)
      expect(lowerProfile(inherited ?? standard, standard)).toBe(inherited ?? standard)
    }
  }
})

test('a session is made, changed, forked and followed by another with its profile', async () => {
  await using gateway = await testGateway()
  using chat = await socketOf(gateway, 'read', 'chat', 'tools')
  using owner = await rawSocket(gateway.port, { token: testToken })
  const high = await create(chat, { profile: 'full' })
  expect(high).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } })
  const { payload } = await create(chat, { profile: 'read-only' })
  const { sessionId } = payload
  expect(await ruleOf(chat, sessionId)).toMatchObject({ outcome: 'deny', rule: 'read-only' })
  const raise = (socket: RawSocket, profile: Profile | null) => socket.ask('session.update', { sessionId, profile })
  for (const profile of ['ask', 'workspace', 'full', null] as const) {
    expect(await raise(chat, profile)).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } })
  }
  const fork = await chat.ask('session.fork', { sessionId, atSeq: 0 })
  expect(await ruleOf(chat, fork.payload['sessionId'])).toMatchObject({ rule: 'read-only' })
  await chat.ask('session.send_message', { sessionId, text: '/new' })
  const { payload: final } = await chat.until(({ type }) => type === 'session.message.final')
  const [another] = /sess_[\w-]+/.exec(JSON.stringify(final['message'])) ?? []
  expect(await ruleOf(chat, another)).toMatchObject({ rule: 'read-only' })
  expect(await raise(owner, 'full')).toMatchObject({ payload: { session: { profile: 'full' } } })
  expect(await ruleOf(chat, sessionId)).toMatchObject({ rule: 'full' })
  const forkOfFull = await chat.ask('session.fork', { sessionId, atSeq: 0 })
  expect(await ruleOf(chat, forkOfFull.payload['sessionId'])).toMatchObject({ rule: 'workspace.write' })
  expect(await raise(chat, 'ask')).toMatchObject({ payload: { session: { profile: 'ask' } } })
  expect(await ruleOf(chat, sessionId)).toMatchObject({ outcome: 'ask', rule: 'ask' })
})

test('a token with a profile caps every session, its own tokens, and the runs of its messages', async () => {
  await using gateway = await testGateway()
  const post = (token: string, body: object) =>
    gateway.fetch('/api/v1/tokens', { method: 'POST', token, body: JSON.stringify(body) })
  const made = await post(testToken, { name: 'low', scopes: ['read', 'chat', 'tools', 'admin'], profile: 'read-only' })
  const { token } = (await made.json()) as { token: string } // As the route says.
  using low = await rawSocket(gateway.port, { token })
  using owner = await rawSocket(gateway.port, { token: testToken })
  const { payload } = await create(owner, { profile: 'full' })
  const { sessionId } = payload
  expect(await ruleOf(owner, sessionId)).toMatchObject({ rule: 'full' })
  expect(await ruleOf(low, sessionId)).toMatchObject({ rule: 'read-only' })
  expect(await ruleOf(low, undefined)).toMatchObject({ rule: 'read-only' })
  await low.ask('session.send_message', { sessionId, text: '/tool file_write {"path": "a.txt", "content": "a"}' })
  const result = await owner.until(({ type }) => type === 'tool.result')
  expect(result.payload).toMatchObject({ success: false, error: expect.stringContaining('"read-only"') })
  expect((await post(token, { name: 'x', scopes: ['tools'], profile: 'ask' })).status).toBe(403)
  const child = (await (await post(token, { name: 'y', scopes: ['tools'] })).json()) as { token: string }
  using heir = await rawSocket(gateway.port, { token: child.token })
  expect(await ruleOf(heir, undefined)).toMatchObject({ rule: 'read-only' })
  const listed = await (await gateway.fetch('/api/v1/tokens')).json()
  expect(listed).toMatchObject({
    tokens: expect.arrayContaining([expect.objectContaining({ name: 'low', profile: 'read-only' })]),
  })
})

test('an elevation ends at its time, at a reset, at a deletion and at a restart', async () => {
  const home = await mkdtemp(join(tmpdir(), 'talon-test-'))
  let now = Date.now()
  let sessionId: unknown
  {
    const { tool } = notingTool({ permission: 'write' })
    await using gateway = await askingGateway([tool], { home })
    const real = gateway.app.clock.now
    gateway.app.clock.now = () => Math.max(now, real())
    using owner = await rawSocket(gateway.port, { token: testToken })
    sessionId = (await create(owner)).payload['sessionId']
    const elevate = (minutes: number) => owner.ask('session.elevate', { sessionId, minutes })
    const until = async () => {
      const { payload } = await owner.ask('session.get', { sessionId })
      return (payload['session'] as { elevatedUntil: number | null }).elevatedUntil // As the protocol says.
    }
    const rule = () => ruleOf(owner, sessionId, 'note_it')
    expect(await until()).toBeNull()
    expect(await rule()).toMatchObject({ outcome: 'ask' })
    for (const minutes of [-1, 1.5, 481, '5']) {
      expect(await owner.ask('session.elevate', { sessionId, minutes })).toMatchObject({
        payload: { code: 'INVALID_MESSAGE' },
      })
    }
    const { payload } = await elevate(30)
    expect(await until()).toBe(payload['elevatedUntil'])
    expect(await rule()).toMatchObject({ outcome: 'allow', rule: 'full' })
    now = Number(payload['elevatedUntil'])
    expect(await until()).toBeNull()
    expect(await rule()).toMatchObject({ outcome: 'ask' })
    await elevate(30)
    expect(await rule()).toMatchObject({ rule: 'full' })
    await elevate(0)
    expect(await rule()).toMatchObject({ outcome: 'ask' })
    await elevate(30)
    await owner.ask('session.reset', { sessionId })
    expect(await rule()).toMatchObject({ outcome: 'ask' })
    await elevate(30)
    await owner.ask('session.delete', { sessionId })
    await owner.ask('session.restore', { sessionId })
    expect(await rule()).toMatchObject({ outcome: 'ask' })
    await elevate(480)
    expect(await rule()).toMatchObject({ rule: 'full' })
    expect(await owner.ask('session.elevate', { sessionId: 'none', minutes: 1 })).toMatchObject({
      type: 'session.error',
    })
  }
  {
    await using gateway = await askingGateway([notingTool({ permission: 'write' }).tool], { home })
    using owner = await rawSocket(gateway.port, { token: testToken })
    expect(await ruleOf(owner, sessionId, 'note_it')).toMatchObject({ outcome: 'ask' })
  }
  await rm(home, { recursive: true, force: true })
})

test('a tool that is switched off is not offered to the model, listed with the reason and refused, at once and by its group', async () => {
  const { tool, ran } = notingTool({ permission: 'safe' })
  await using gateway = await testGateway()
  gateway.app.tools = createTools(gateway.app, [tool])
  using owner = await rawSocket(gateway.port, { token: testToken })
  const invoke = (more: object = {}) => owner.ask('tools.invoke', { toolName: 'note_it', args: {}, ...more })
  expect((await invoke()).payload).toMatchObject({ success: true })
  for (const name of ['note_it', 'test']) {
    const { payload } = await owner.ask('config.get')
    await owner.ask('config.update', { hash: payload['hash'], changes: { 'tools.disabled': [name] } })
    expect((await owner.ask('tools.list')).payload['tools']).toMatchObject([
      { name: 'note_it', available: false, reason: expect.stringContaining('tools.disabled') },
    ])
    for (const more of [{}, { dryRun: true }]) {
      expect((await invoke(more)).payload).toMatchObject({
        success: false,
        decision: { outcome: 'deny', rule: 'switched-off' },
      })
    }
  }
  expect(ran).toHaveLength(1)
})

test('the list of tools that is kept in memory follows the setting', async () => {
  await using gateway = await testGateway()
  using owner = await rawSocket(gateway.port, { token: testToken })
  const listed = async () => {
    const { payload } = await owner.ask('tools.list')
    const tools = payload['tools'] as { name: string; available: boolean }[] // As the protocol says.
    return tools.find(({ name }) => name === 'file_read')?.available
  }
  expect(await listed()).toBe(true)
  const { payload } = await owner.ask('config.get')
  await owner.ask('config.update', { hash: payload['hash'], changes: { 'tools.disabled': ['file_read'] } })
  expect(await listed()).toBe(false)
})
