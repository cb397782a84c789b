import { expect, test } from 'vitest'
import type { ReplyPayload } from '../../../src/protocol/messages.ts'
import { createTools } from '../../../src/server/tools/registry.ts'
import { testGateway, testToken } from '../../support/gateway.ts'
import { type RawSocket, rawSocket } from '../../support/raw-socket.ts'
import { temporaryStore } from '../../support/store.ts'
import { askingGateway, notingTool, socketOf } from './approvals/waiting.ts'
import { workbench } from './workbench.ts'

type Page = ReplyPayload<'tools.history'>

async function history(socket: RawSocket, query: object = {}): Promise<Page> {
  return (await socket.ask('tools.history', query)).payload as unknown as Page // By its type.
}

test('each run is kept with who asked, what was decided, how it ended and how much it said', async () => {
  const { tool } = notingTool({ permission: 'write' })
  await using gateway = await testGateway()
  gateway.app.tools = createTools(gateway.app, [tool])
  using owner = await rawSocket(gateway.port, { token: testToken })
  const { payload } = await owner.ask('session.create', { senderId: 'ada', channel: 'test' })
  const { sessionId } = payload
  const invoke = (more: object) => owner.ask('tools.invoke', { toolName: 'note_it', args: { text: 'a' }, ...more })
  const plain = (await invoke({})).payload
  const dry = (await invoke({ dryRun: true })).payload
  await owner.ask('session.update', { sessionId, profile: 'read-only' })
  const denied = (await invoke({ sessionId })).payload
  const { runs, nextCursor } = await history(owner)
  expect(nextCursor).toBeNull()
  expect(runs).toMatchObject([
    {
      invocationId: denied['invocationId'],
      success: false,
      code: 'FORBIDDEN',
      decision: { outcome: 'deny', rule: 'read-only' },
      sessionId,
    },
    { invocationId: dry['invocationId'], success: true, dryRun: true, sessionId: null },
    {
      invocationId: plain['invocationId'],
      toolName: 'note_it',
      tokenId: 'env',
      args: { text: 'a' },
      success: true,
      code: null,
      error: null,
      dryRun: false,
      tainted: false,
      decision: { allowed: true, rule: 'workspace.write', why: expect.any(String) },
      outputBytes: Buffer.byteLength(String(plain['output'])),
    },
  ])
  const one = await owner.ask('tools.run', { invocationId: plain['invocationId'] })
  expect(one.payload).toMatchObject({ run: { toolName: 'note_it' }, output: plain['output'] })
  expect(await owner.ask('tools.run', { invocationId: 'none' })).toMatchObject({ payload: { code: 'NOT_FOUND' } })
})

test('runs are found by how they ended, and a run that made files names them', async () => {
  const { tool } = notingTool({ permission: 'write' })
  await using gateway = await testGateway()
  gateway.app.tools = createTools(gateway.app, [tool])
  using owner = await rawSocket(gateway.port, { token: testToken })
  const { payload } = await owner.ask('session.create', { senderId: 'ada', channel: 'test', profile: 'read-only' })
  const { sessionId } = payload
  const invoke = async (more: object) => (await owner.ask('tools.invoke', { toolName: 'note_it', ...more })).payload
  const done = await invoke({})
  const refused = await invoke({ sessionId })
  const { store } = gateway.app
  const begun = { tokenId: 'env', sessionId: null, runId: null, toolName: 'note_it', args: {}, startedAt: 1 }
  await store.beginInvocation({ id: 'zz-failed', ...begun })
  const file = { id: 'f', name: 'a.png', mime: 'image/png', bytes: 1 }
  const outcome = { success: false, output: '', error: 'No.', code: 'INTERNAL', durationMs: 1, attachments: [file] }
  await store.finishInvocation({ invocationId: 'zz-failed', outcome, at: 2 })
  await store.beginInvocation({ id: 'zz-running', ...begun })
  const idsOf = async (query: object) => (await history(owner, query)).runs.map(({ invocationId }) => invocationId)
  expect(await idsOf({ outcome: 'succeeded' })).toEqual([done['invocationId']])
  expect(await idsOf({ outcome: 'refused', toolName: 'note_it' })).toEqual([refused['invocationId']])
  expect(await idsOf({ outcome: 'failed' })).toEqual(['zz-failed'])
  expect(await idsOf({ outcome: 'running' })).toEqual(['zz-running'])
  expect((await owner.ask('tools.run', { invocationId: 'zz-failed' })).payload).toMatchObject({ attachments: [file] })
  const rest = await gateway.fetch('/api/v1/tools/runs?outcome=failed')
  expect(await rest.json()).toMatchObject({ runs: [{ invocationId: 'zz-failed' }], nextCursor: null })
})

test('what would be decided about a tool is known before it is called', async () => {
  const tools = [notingTool({ permission: 'write' }).tool, notingTool({ name: 'look_up', permission: 'safe' }).tool]
  await using gateway = await testGateway()
  gateway.app.tools = createTools(gateway.app, tools)
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test', profile: 'ask' })
  const { app } = gateway
  const allowed = { allowed: true, outcome: 'allow', why: expect.any(String) }
  expect(await app.tools.decisions({ tokenId: 'env' })).toEqual({
    note_it: { ...allowed, rule: 'workspace.write' },
    look_up: { ...allowed, rule: 'safe' },
  })
  expect(await app.tools.decisions({ tokenId: 'env', sessionId })).toMatchObject({
    note_it: { allowed: false, outcome: 'ask', rule: 'ask' },
  })
})

test('pages follow each other, of all runs, of one session and of one tool, over WebSocket and REST', async () => {
  const tools = ['note_a', 'note_b'].map(name => notingTool({ name, permission: 'safe' }).tool)
  await using gateway = await testGateway()
  gateway.app.tools = createTools(gateway.app, tools)
  using owner = await rawSocket(gateway.port, { token: testToken })
  const { payload } = await owner.ask('session.create', { senderId: 'ada', channel: 'test' })
  const { sessionId } = payload
  const ids: string[] = []
  for (let count = 0; count < 7; count++) {
    const toolName = count % 2 === 0 ? 'note_a' : 'note_b'
    const asked = { toolName, args: {}, ...(count < 3 && { sessionId }) }
    ids.unshift(String((await owner.ask('tools.invoke', asked)).payload['invocationId']))
  }
  const all = async (query: object) => {
    const found: string[] = []
    for (let before: string | null | undefined; before !== null; ) {
      const page: Page = await history(owner, { ...query, limit: 2, ...(before && { before }) })
      found.push(...page.runs.map(run => run.invocationId))
      before = page.nextCursor
    }
    return found
  }
  expect(await all({})).toEqual(ids)
  expect(await all({ sessionId })).toEqual(ids.slice(4))
  expect(await all({ toolName: 'note_b' })).toEqual(ids.filter((_, index) => index % 2 === 1))
  const rest = (await (await gateway.fetch('/api/v1/tools/runs?limit=3')).json()) as Page // As the route says.
  expect(rest.runs.map(run => run.invocationId)).toEqual(ids.slice(0, 3))
  const one = await gateway.fetch(`/api/v1/tools/runs/${ids[0]}`)
  expect(await one.json()).toMatchObject({ run: { invocationId: ids[0] } })
  using stranger = await socketOf(gateway, 'tools', 'chat', 'approve')
  expect(await stranger.ask('tools.history')).toMatchObject({ payload: { code: 'FORBIDDEN' } })
})

test('a call that nobody allowed is in the history with the reason', async () => {
  const { tool } = notingTool()
  await using gateway = await askingGateway([tool], { env: { TALON_TOOLS_APPROVAL_TIMEOUT_MS: '100' } })
  using owner = await rawSocket(gateway.port, { token: testToken })
  await owner.ask('tools.invoke', { toolName: 'note_it', args: {} })
  const { runs } = await history(owner)
  expect(runs).toMatchObject([{ success: false, code: 'FORBIDDEN', decision: { rule: 'approval.expired' } }])
  const listed = await gateway.fetch('/api/v1/approvals')
  expect(await listed.json()).toMatchObject({ approvals: [] })
  const metrics = await (await gateway.fetch('/metrics')).text()
  expect(metrics).toMatch(/^talon_approvals_total\{outcome="expired"\} 1$/m)
  expect(metrics).toMatch(/^talon_approvals_waiting 0$/m)
})

test('arguments are kept without secrets, and long ones are cut', async () => {
  await using bench = await workbench({ tools: [notingTool({ permission: 'safe' }).tool] })
  const host = 'https://ada:hunter2-and-more@example.org/?token=abcdef0123456789'
  const text = `sk-abcdefghijklmnop ${'x'.repeat(40_000)}`
  const { invocationId } = await bench.run('note_it', { host, text })
  const item = await bench.store.getInvocationItem(invocationId)
  const kept = JSON.stringify(item?.args)
  expect(kept.length).toBeLessThan(16_384)
  for (const secret of ['hunter2-and-more', 'abcdef0123456789', 'sk-abcdefghijklmnop'])
    expect(kept).not.toContain(secret)
  expect(kept).toContain('example.org')
})

test('the output of a run is forgotten after a day, its row a month later', async () => {
  const { store, dispose } = await temporaryStore()
  try {
    const call = { id: 'i', toolName: 't', args: {}, tokenId: 't', sessionId: null, runId: null, startedAt: 1 }
    const request = { tokenId: 't', requestId: 'r', hash: 'h' }
    await store.beginInvocation({ ...call, request })
    await store.finishInvocation({ invocationId: 'i', outcome: { success: true, output: 'é' }, at: 1_000 })
    await store.prune({ idempotencyBefore: 2_000, now: 2_000 })
    expect(await store.getInvocation('i')).toMatchObject({ outcome: null })
    expect(await store.findInvocation(request)).toBeUndefined()
    expect(await store.getInvocationItem('i')).toMatchObject({ success: true, outputBytes: 2 })
    const monthMs = 30 * 24 * 60 * 60_000
    await store.prune({ idempotencyBefore: 1_000 + monthMs, now: 1_000 + monthMs })
    expect(await store.getInvocationItem('i')).toBeDefined()
    await store.prune({ idempotencyBefore: 1_001 + monthMs, now: 1_001 + monthMs })
    expect(await store.getInvocationItem('i')).toBeUndefined()
  } finally {
    await dispose()
  }
})
