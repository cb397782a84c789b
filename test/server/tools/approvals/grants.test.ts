import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTools } from '../../../../src/server/tools/registry.ts'
import { type TestGateway, testToken } from '../../../support/gateway.ts'
import { type RawSocket, rawSocket } from '../../../support/raw-socket.ts'
import { temporaryStore } from '../../../support/store.ts'
import { askingGateway, notingTool, requested } from './waiting.ts'

async function newSession(socket: RawSocket): Promise<string> {
  const { payload } = await socket.ask('session.create', { senderId: 'ada', channel: 'test' })
  return String(payload['sessionId'])
}

const owner = (gateway: TestGateway) => rawSocket(gateway.port, { token: testToken })

/** Runs the tool and allows it in this way where it asks; whether it did. */
async function runAllowing(
  socket: RawSocket,
  payload: { toolName: string; args: object; sessionId?: string },
  remember?: 'session' | 'always',
): Promise<{ asked: boolean; result: Record<string, unknown> }> {
  const from = socket.frames.length
  const id = socket.send('tools.invoke', payload)
  const first = await socket.until(frame => frame.replyTo === id || frame.type === 'approval.requested', from)
  if (first.replyTo === id) return { asked: false, result: first.payload }
  const { approvalId } = first.payload
  await socket.ask('approval.resolve', { approvalId, decision: 'allow', remember })
  const result = await socket.until(frame => frame.replyTo === id, from)
  return { asked: true, result: result.payload }
}

test('what is allowed for a session covers the same tool on the same subject in it, until a reset', async () => {
  const { tool, ran } = notingTool({ subject: true })
  await using gateway = await askingGateway([tool, notingTool({ name: 'note_other', subject: true }).tool])
  using socket = await owner(gateway)
  const [here, there] = [await newSession(socket), await newSession(socket)]
  const call = (sessionId: string, host: string, text: string, toolName = 'note_it') => ({
    toolName,
    args: { host, text },
    sessionId,
  })
  expect((await runAllowing(socket, call(here, 'a.example', '1'), 'session')).asked).toBe(true)
  const again = await runAllowing(socket, call(here, 'a.example', '2'))
  expect(again).toMatchObject({ asked: false, result: { decision: { rule: 'granted.session', by: 'env' } } })
  expect((await runAllowing(socket, call(here, 'b.example', '2'))).asked).toBe(true)
  expect((await runAllowing(socket, call(there, 'a.example', '2'))).asked).toBe(true)
  expect((await runAllowing(socket, call(here, 'a.example', '2', 'note_other'))).asked).toBe(true)
  await socket.ask('session.reset', { sessionId: here })
  expect((await runAllowing(socket, call(here, 'a.example', '2'))).asked).toBe(true)
  expect(ran).toHaveLength(5)
})

test('without a subject it covers exactly the same arguments', async () => {
  const { tool } = notingTool()
  await using gateway = await askingGateway([tool])
  using socket = await owner(gateway)
  const sessionId = await newSession(socket)
  const call = (args: object) => ({ toolName: 'note_it', sessionId, args })
  expect((await runAllowing(socket, call({ text: 'a', host: 'h' }), 'session')).asked).toBe(true)
  expect((await runAllowing(socket, call({ host: 'h', text: 'a' }))).asked).toBe(false)
  expect((await runAllowing(socket, call({ text: 'b', host: 'h' }))).asked).toBe(true)
})

test('always covers exactly this, survives a restart, and is listed with who and when until it is revoked', async () => {
  const home = await mkdtemp(join(tmpdir(), 'talon-test-'))
  const { tool } = notingTool()
  const call = { toolName: 'note_it', args: { text: 'a', host: 'token=very-secret-value' } }
  {
    await using gateway = await askingGateway([tool], { home })
    using socket = await owner(gateway)
    expect((await runAllowing(socket, call, 'always')).asked).toBe(true)
    expect((await runAllowing(socket, { ...call, args: { text: 'a' } })).asked).toBe(true)
  }
  {
    await using gateway = await askingGateway([tool], { home })
    using socket = await owner(gateway)
    expect((await runAllowing(socket, call)).asked).toBe(false)
    // In a session too: it is the same call.
    expect((await runAllowing(socket, { ...call, sessionId: await newSession(socket) })).asked).toBe(false)
    const { payload } = await socket.ask('approval.list')
    expect(payload['grants']).toMatchObject([
      { remember: 'always', toolName: 'note_it', sessionId: null, tokenId: 'env', createdAt: expect.any(Number) },
    ])
    expect(JSON.stringify(payload['grants'])).not.toContain('very-secret-value')
    const [{ id: grantId }] = payload['grants'] as [{ id: string }] // As just seen.
    expect((await socket.ask('approval.revoke', { grantId })).payload).toEqual({ grantId })
    expect(await socket.ask('approval.revoke', { grantId })).toMatchObject({ payload: { code: 'NOT_FOUND' } })
    expect((await runAllowing(socket, call)).asked).toBe(true)
  }
  {
    // Under another profile the same call is another question.
    await using gateway = await askingGateway([tool], { home, env: { TALON_TOOLS_PROFILE: 'workspace' } })
    const [grant] = await gateway.app.approvals.grants()
    expect(grant).toBeUndefined()
  }
  await rm(home, { recursive: true, force: true })
})

test('what was allowed for good and revoked by mistake is allowed again, within its time and no other grant', async () => {
  const { tool } = notingTool()
  await using gateway = await askingGateway([tool])
  let aheadMs = 0
  const { now } = gateway.app.clock
  gateway.app.clock.now = () => now() + aheadMs
  using socket = await owner(gateway)
  const call = { toolName: 'note_it', args: { text: 'a' } }
  await runAllowing(socket, call, 'always')
  const [grant] = (await socket.ask('approval.list')).payload['grants'] as [{ id: string }] // As just made.
  const grantId = grant.id
  const restore = () => socket.ask('approval.restore', { grantId })
  expect(await restore()).toMatchObject({ payload: { code: 'NOT_FOUND' } })
  await socket.ask('approval.revoke', { grantId })
  expect((await restore()).payload).toEqual({ grantId })
  expect((await runAllowing(socket, call)).asked).toBe(false)
  expect(await restore()).toMatchObject({ payload: { code: 'NOT_FOUND' } })
  await socket.ask('approval.revoke', { grantId })
  aheadMs = 11 * 60_000
  expect(await restore()).toMatchObject({ payload: { code: 'NOT_FOUND' } })
  const actions = (await gateway.app.store.listAudit({ limit: 20 })).map(({ action }) => action)
  expect(actions).toContain('approval.restore')
  const sessionId = await newSession(socket)
  await runAllowing(socket, { ...call, sessionId }, 'session')
  const [ofSession] = (await socket.ask('approval.list')).payload['grants'] as [{ id: string }] // As just made.
  await socket.ask('approval.revoke', { grantId: ofSession.id })
  expect(await socket.ask('approval.restore', { grantId: ofSession.id })).toMatchObject({
    payload: { code: 'NOT_FOUND' },
  })
})

test('a grant is held to at the moment of running: one that was revoked before it does not count', async () => {
  const { tool, ran } = notingTool()
  await using gateway = await askingGateway([tool])
  using socket = await owner(gateway)
  const call = { toolName: 'note_it', args: {} }
  await runAllowing(socket, call, 'always')
  // The store says that the run begins, and in the same moment the grant goes.
  const { store } = gateway.app
  const beginInvocation: typeof store.beginInvocation = async input => {
    const begun = await store.beginInvocation(input)
    for (const { id } of await store.listGrants()) await store.revokeGrant({ id })
    return begun
  }
  gateway.app.tools = createTools({ ...gateway.app, store: { ...store, beginInvocation } }, [tool])
  const { result } = await runAllowing(socket, call)
  expect(result).toMatchObject({ success: false, code: 'FORBIDDEN', decision: { rule: 'grant.revoked' } })
  expect(ran).toHaveLength(1)
})

test('what was allowed before text of others came in does not cover what is asked for after it', async () => {
  const { tool } = notingTool()
  await using gateway = await askingGateway([
    tool,
    notingTool({ name: 'read_it', permission: 'safe', taints: true }).tool,
  ])
  using socket = await owner(gateway)
  const sessionId = await newSession(socket)
  const call = { toolName: 'note_it', args: {}, sessionId }
  await runAllowing(socket, call, 'session')
  expect((await runAllowing(socket, call)).asked).toBe(false)
  await socket.ask('session.send_message', { sessionId, text: '/tool read_it {}' })
  await socket.until(({ type }) => type === 'run.finished')
  expect((await runAllowing(socket, call, 'session')).asked).toBe(true)
  expect((await runAllowing(socket, call)).asked).toBe(false)
})

test('there are so many grants and no more, and one that is there already is not another', async () => {
  const { store, dispose } = await temporaryStore()
  try {
    const grant = {
      ...{ remember: 'always' as const, toolName: 't', sessionId: null, subject: null, args: {}, tainted: false },
      ...{ tokenId: 'o', createdAt: 1 },
    }
    const all = Array.from({ length: 1_000 }, (_, index) =>
      store.addGrant({ ...grant, id: `g${index}`, hash: `${index}` }),
    )
    await Promise.all(all)
    await expect(store.addGrant({ ...grant, id: 'more', hash: 'more' })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await store.addGrant({ ...grant, id: 'twin', hash: '7' })).toEqual({ id: 'g7' })
    expect(await store.listGrants()).toHaveLength(1_000)
  } finally {
    await dispose()
  }
})

test('a question that was allowed once is asked again the next time', async () => {
  const { tool } = notingTool()
  await using gateway = await askingGateway([tool])
  using socket = await owner(gateway)
  const call = { toolName: 'note_it', args: {} }
  expect((await runAllowing(socket, call)).asked).toBe(true)
  const from = socket.frames.length
  socket.send('tools.invoke', call)
  expect(await requested(socket, from)).toMatchObject({ toolName: 'note_it' })
})
