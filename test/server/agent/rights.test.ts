import { expect, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import { rawSocket } from '../../support/raw-socket.ts'

async function answerTo(
  gateway: Awaited<ReturnType<typeof testGateway>>,
  token: string,
  text: string,
): Promise<string> {
  using socket = await rawSocket(gateway.port, { token })
  const { payload } = await socket.ask('session.create', { senderId: 'ada', channel: 'test' })
  await socket.ask('session.send_message', { sessionId: payload['sessionId'], text })
  const final = await socket.until(frame => frame.type === 'session.message.final')
  return JSON.stringify(final.payload)
}

test('the agent uses tools only for a token that may use them itself', async () => {
  await using gateway = await testGateway()
  const command = '/tool file_write {"path": "note.txt", "content": "hello"}'
  expect(await answerTo(gateway, await gateway.token('read', 'chat'), command)).toContain('lacks the scope')
  expect(await answerTo(gateway, await gateway.token('read', 'chat', 'tools'), command)).toContain('Wrote 5 bytes')
})

test('a session with many messages lets others in between', async () => {
  await using gateway = await testGateway({ env: { TALON_AGENT_MAX_RUNS: '1' } })
  const client = gateway.client()
  const create = () => client.request('session.create', { senderId: 'ada', channel: 'test' })
  const [busy, calm] = [await create(), await create()]
  const order: string[] = []
  const done = Promise.withResolvers<void>()
  for (const { sessionId } of [busy, calm]) {
    client.subscribe(sessionId, { after: 0 }, event => {
      if (event.type === 'session.message.final') order.push(sessionId)
      if (order.length === 7) done.resolve()
    })
  }
  const send = (sessionId: string, text: string) => client.request('session.send_message', { sessionId, text })
  await send(busy.sessionId, '/slow 10')
  for (const text of ['1', '2', '3', '4', '5']) await send(busy.sessionId, text)
  await send(calm.sessionId, 'mine')
  await done.promise
  expect(order.indexOf(calm.sessionId)).toBe(1)
})
