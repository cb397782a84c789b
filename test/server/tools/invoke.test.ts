import { readdir } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTools } from '../../../src/server/tools/registry.ts'
import { testGateway, testToken } from '../../support/gateway.ts'
import { frameText, rawSocket } from '../../support/raw-socket.ts'
import { gatedTool } from './workbench.ts'

test('whoever invoked a tool can cancel it by the id of the request, on any connection; other tokens cannot', async () => {
  await using gateway = await testGateway()
  const { tool, started } = gatedTool()
  gateway.app.tools = createTools(gateway.app, [tool])
  using one = await rawSocket(gateway.port, { token: testToken })
  using two = await rawSocket(gateway.port, { token: testToken })
  using stranger = await rawSocket(gateway.port, { token: await gateway.token('tools') })
  const running = one.ask('tools.invoke', { toolName: 'test_tool', args: {} }, { id: 'my-own-id' })
  await started
  const refused = await stranger.ask('tools.cancel', { invocationId: 'my-own-id' })
  expect(refused).toMatchObject({ type: 'error', payload: { code: 'NOT_FOUND' } })
  const answer = await two.ask('tools.cancel', { invocationId: 'my-own-id' })
  expect(answer).toMatchObject({ type: 'tools.cancelled', payload: { invocationId: 'my-own-id' } })
  expect(await running).toMatchObject({ type: 'tools.result', payload: { success: false, code: 'CANCELLED' } })
})

test('a tool that is cancelled by the id of its run stops too', async () => {
  await using gateway = await testGateway()
  const { tool, started } = gatedTool()
  gateway.app.tools = createTools(gateway.app, [tool])
  using socket = await rawSocket(gateway.port, { token: testToken })
  const running = socket.ask('tools.invoke', { toolName: 'test_tool', args: {} })
  const { invocationId } = await started
  const answer = await socket.ask('tools.cancel', { invocationId })
  expect(answer).toMatchObject({ type: 'tools.cancelled', payload: { invocationId } })
  expect((await running).payload).toMatchObject({ code: 'CANCELLED', invocationId })
})

test('a cancel in the same breath finds the run that it follows', async () => {
  await using gateway = await testGateway()
  gateway.app.tools = createTools(gateway.app, [gatedTool().tool])
  using socket = await rawSocket(gateway.port, { token: testToken })
  const invocation = frameText('tools.invoke', { toolName: 'test_tool', args: {} }, { id: 'brief' })
  const cancel = frameText('tools.cancel', { invocationId: 'brief' }, { id: 'cancel' })
  const { _socket: tcp } = socket.ws as unknown as { _socket: Socket } // Not public; both frames go out in one packet.
  tcp.cork()
  socket.ws.send(invocation)
  socket.ws.send(cancel)
  tcp.uncork()
  expect(await socket.until(frame => frame.replyTo === 'cancel')).toMatchObject({ type: 'tools.cancelled' })
  const result = await socket.until(frame => frame.replyTo === 'brief')
  expect(result).toMatchObject({ type: 'tools.result', payload: { success: false, code: 'CANCELLED' } })
})

test('a dry run is answered once, and its id works for nothing else', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const payload = { toolName: 'file_write', args: { path: 'a.txt', content: 'one' } }
  const invoke = (changes: object) => socket.ask('tools.invoke', { ...payload, ...changes }, { id: 'dry' })
  const first = await invoke({ dryRun: true })
  expect(first.payload).toMatchObject({ success: true, dryRun: true })
  expect((await invoke({ dryRun: true })).payload).toEqual({ ...first.payload, duplicate: true })
  for (const other of [{}, { toolName: 'none_such' }, { args: {} }, { sessionId: 'none-such' }]) {
    expect(await invoke(other)).toMatchObject({ type: 'error', payload: { code: 'CONFLICT' } })
  }
  const files = await readdir(join(gateway.home, gateway.app.config['tools.workspace'])).catch(() => [])
  expect(files).toEqual([])
})

test('an invocation for a session that is not there is refused', async () => {
  await using gateway = await testGateway()
  using socket = await rawSocket(gateway.port, { token: testToken })
  const refused = await socket.ask('tools.invoke', { toolName: 'file_list', args: {}, sessionId: 'none-such' })
  expect(refused).toMatchObject({
    type: 'session.error',
    payload: { code: 'SESSION_NOT_FOUND', sessionId: 'none-such' },
  })
})
