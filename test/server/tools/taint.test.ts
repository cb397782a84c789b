import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTools } from '../../../src/server/tools/registry.ts'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'
import { type RawSocket, rawSocket } from '../../support/raw-socket.ts'
import { temporaryStore } from '../../support/store.ts'
import { notingTool, requested, socketOf } from './approvals/waiting.ts'

const tools = () => [
  notingTool({ name: 'read_it', permission: 'safe', taints: true }).tool,
  notingTool({ name: 'plain_it', permission: 'safe' }).tool,
  notingTool({ name: 'reach_it', permission: 'network' }).tool,
]

/** In the profile "full" only taint makes the network ask. */
async function fullGateway(home?: string): Promise<TestGateway> {
  const gateway = await testGateway({ ...(home && { home }), env: { TALON_TOOLS_PROFILE: 'full' } })
  gateway.app.tools = createTools(gateway.app, tools())
  return gateway
}

const owner = (gateway: TestGateway) => rawSocket(gateway.port, { token: testToken })

async function newSession(socket: RawSocket): Promise<string> {
  const { payload } = await socket.ask('session.create', { senderId: 'ada', channel: 'test' })
  return String(payload['sessionId'])
}

async function say(socket: RawSocket, sessionId: string, text: string): Promise<void> {
  const { payload } = await socket.ask('session.send_message', { sessionId, text })
  const { runId } = payload
  await socket.until(({ type, payload: of }) => type === 'run.finished' && of['runId'] === runId)
}

async function isTainted(socket: RawSocket, sessionId: string): Promise<boolean> {
  const { payload } = await socket.ask('session.get', { sessionId })
  const dry = await socket.ask('tools.invoke', { toolName: 'reach_it', args: {}, sessionId, dryRun: true })
  const { tainted } = payload['session'] as { tainted: boolean } // As the protocol says.
  expect(dry.payload['decision']).toMatchObject(
    tainted ? { outcome: 'ask', rule: 'tainted' } : { outcome: 'allow', rule: 'full' },
  )
  return tainted
}

test('once a tool has brought text of others into a run, the network asks, until a reset', async () => {
  await using gateway = await fullGateway()
  using socket = await owner(gateway)
  const sessionId = await newSession(socket)
  await say(socket, sessionId, '/tool plain_it {}')
  await say(socket, sessionId, '/tool reach_it {}')
  expect(await isTainted(socket, sessionId)).toBe(false)
  await say(socket, sessionId, '/tool read_it {}')
  expect(await isTainted(socket, sessionId)).toBe(true)
  const from = socket.frames.length
  const { payload } = await socket.ask('session.send_message', { sessionId, text: '/tool reach_it {}' })
  const question = await requested(socket, from)
  expect(question).toMatchObject({ tainted: true, rule: 'tainted', runId: payload['runId'] })
  await socket.ask('approval.resolve', { approvalId: question.approvalId, decision: 'deny' })
  await socket.ask('session.reset', { sessionId })
  expect(await isTainted(socket, sessionId)).toBe(false)
})

test('names may say as much as texts: a list of files taints, and one of what others kept', async () => {
  await using gateway = await testGateway()
  using socket = await owner(gateway)
  const { store, tools } = gateway.app
  const taintedBy = async (toolName: string, args: Record<string, unknown>) => {
    const sessionId = await newSession(socket)
    const { payload } = await socket.ask('session.send_message', { sessionId, text: 'hello' })
    const runId = String(payload['runId'])
    await socket.until(({ type, payload: of }) => type === 'run.finished' && of['runId'] === runId)
    expect((await store.getSession(sessionId))?.tainted).toBe(false)
    return async () => {
      await tools.run({ toolName, args, tokenId: null, sessionId, runId })
      return (await store.getSession(sessionId))?.tainted
    }
  }
  const listFiles = await taintedBy('file_list', { path: '.' })
  const readOwn = await taintedBy('memory_read', {})
  const readOthers = await taintedBy('memory_read', {})
  const kept = { text: 'x', sessionId: null, at: 1 }
  await store.appendMemory({ ...kept, category: 'own', tainted: false })
  expect(await readOwn()).toBe(false)
  await store.appendMemory({ ...kept, category: 'obey eve', tainted: true })
  expect(await readOthers()).toBe(true)
  expect(await listFiles()).toBe(true)
})

test('what somebody invokes directly is in no conversation, and taints none', async () => {
  await using gateway = await fullGateway()
  using socket = await owner(gateway)
  const sessionId = await newSession(socket)
  await socket.ask('tools.invoke', { toolName: 'read_it', args: {}, sessionId })
  expect(await isTainted(socket, sessionId)).toBe(false)
})

test('a message of another token taints, and a repeat of its own does not', async () => {
  await using gateway = await fullGateway()
  using socket = await owner(gateway)
  using other = await socketOf(gateway, 'read', 'chat', 'tools')
  const sessionId = await newSession(socket)
  await say(socket, sessionId, 'one')
  await say(socket, sessionId, 'two')
  expect(await isTainted(socket, sessionId)).toBe(false)
  await other.ask('session.send_message', { sessionId, text: 'three' })
  expect(await isTainted(socket, sessionId)).toBe(true)
})

test('in a group another sender taints', async () => {
  await using gateway = await fullGateway()
  using socket = await owner(gateway)
  const write = async (senderId: string) => {
    const group = { channel: 'team', groupId: 'g', isGroup: true, senderId, senderName: senderId, text: 'hello' }
    const { payload } = await socket.ask('channel.message', group)
    return String(payload['sessionId'])
  }
  const sessionId = await write('ada')
  expect(await write('ada')).toBe(sessionId)
  expect(await isTainted(socket, sessionId)).toBe(false)
  expect(await write('bob')).toBe(sessionId)
  expect(await isTainted(socket, sessionId)).toBe(true)
})

test('a fork of what is tainted is tainted, and one of its beginning before anything is not', async () => {
  await using gateway = await fullGateway()
  using socket = await owner(gateway)
  const sessionId = await newSession(socket)
  await say(socket, sessionId, '/tool read_it {}')
  const fork = async (more: object) =>
    String((await socket.ask('session.fork', { sessionId, ...more })).payload['sessionId'])
  expect(await isTainted(socket, await fork({ atSeq: 2 }))).toBe(true)
  expect(await isTainted(socket, await fork({ atSeq: 0 }))).toBe(false)
  await socket.ask('session.reset', { sessionId })
  await say(socket, sessionId, 'hello')
  expect(await isTainted(socket, await fork({ atSeq: 1 }))).toBe(false)
  expect(await isTainted(socket, await fork({ atSeq: 1, epoch: 1 }))).toBe(true)
})

test('taint survives a restart, and is switched off by its setting', async () => {
  const home = await mkdtemp(join(tmpdir(), 'talon-test-'))
  let sessionId = ''
  {
    await using gateway = await fullGateway(home)
    using socket = await owner(gateway)
    sessionId = await newSession(socket)
    await say(socket, sessionId, '/tool read_it {}')
  }
  {
    await using gateway = await fullGateway(home)
    using socket = await owner(gateway)
    expect(await isTainted(socket, sessionId)).toBe(true)
    const { payload } = await socket.ask('config.get')
    await socket.ask('config.update', { hash: payload['hash'], changes: { 'tools.taint': 'off' } })
    const dry = await socket.ask('tools.invoke', { toolName: 'reach_it', args: {}, sessionId, dryRun: true })
    expect(dry.payload['decision']).toMatchObject({ outcome: 'allow' })
  }
  await rm(home, { recursive: true, force: true })
})

test('an imported conversation is text of others', async () => {
  const { store, dispose } = await temporaryStore()
  try {
    const { sessionId } = await store.beginImport({ id: 's', spareId: 't', at: 1 })
    const entry = { id: 'm', spareId: 'n', role: 'user', content: 'x', timestamp: 1 } as const
    await store.importEntries({ sessionId, epoch: 1, entries: [entry] })
    const session = { senderId: 'a', channel: 'c', createdAt: 1, lastActiveAt: 1 }
    await store.finishImport({ sessionId, epoch: 1, session, at: 2 })
    expect(await store.getSession(sessionId)).toMatchObject({ tainted: true, profile: null })
  } finally {
    await dispose()
  }
})

test('the end of a run of an epoch that was reset meanwhile does not taint the new one', async () => {
  const { store, dispose } = await temporaryStore()
  try {
    await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
    const message = { messageId: 'm', runId: 'r', text: 'x', tokenId: 't', at: 1 }
    await store.sendMessage({ target: { sessionId: 's' }, ...message })
    const call = { id: 'i', toolName: 'read_it', args: {}, tokenId: 't', sessionId: 's', runId: 'r', startedAt: 1 }
    await store.beginInvocation(call)
    await store.resetSession({ sessionId: 's', at: 2, cut: { messageId: 'c' } })
    await store.finishInvocation({ invocationId: 'i', outcome: { success: true }, at: 3, taints: true })
    expect(await store.getSession('s')).toMatchObject({ epoch: 2, tainted: false })
  } finally {
    await dispose()
  }
})
