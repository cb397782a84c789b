import { expect, test } from 'vitest'
import type { EventPayload } from '../../../src/protocol/messages.ts'
import { createOutputStream } from '../../../src/server/tools/outputStream.ts'
import { createTools } from '../../../src/server/tools/registry.ts'
import { testGateway, testToken } from '../../support/gateway.ts'
import { type RawSocket, rawSocket } from '../../support/raw-socket.ts'
import { socketOf } from './approvals/waiting.ts'
import { toolThat } from './workbench.ts'

type Streamed = EventPayload<'tool.stream'>

function streamed(socket: RawSocket): Streamed[] {
  return socket.frames.filter(({ type }) => type === 'tool.stream').map(({ payload }) => payload as unknown as Streamed)
}

/** A stream whose clock the test owns, and what came out of it. */
function stream() {
  const sent: { stream: string; chunk: string }[] = []
  const clock = { at: 0, now: () => 0, monotonic: () => clock.at }
  return { sent, clock, output: createOutputStream(clock, (name, chunk) => sent.push({ stream: name, chunk })) }
}

test('pieces of one stream are joined, and those of two keep their order', () => {
  const { sent, output } = stream()
  for (const [name, chunk] of [
    ['stdout', 'a'],
    ['stdout', 'b'],
    ['stderr', 'c'],
    ['stdout', 'd'],
  ] as const) {
    output.add(name, chunk)
  }
  output.end()
  expect(sent).toEqual([
    { stream: 'stdout', chunk: 'ab' },
    { stream: 'stderr', chunk: 'c' },
    { stream: 'stdout', chunk: 'd' },
  ])
})

test('what is more than 64 KiB a second is left out and counted, and it goes on when there is room', () => {
  const { sent, clock, output } = stream()
  output.add('stdout', 'x'.repeat(60 * 1024))
  output.add('stdout', 'é'.repeat(10 * 1024))
  output.add('stdout', 'more')
  clock.at = 1_000
  output.add('stdout', 'after')
  output.end()
  const text = sent.map(({ chunk }) => chunk).join('')
  expect(Buffer.byteLength(text)).toBeLessThan(65 * 1024)
  expect(text).toContain(`[… ${16 * 1024 + 4} bytes left out …]\nafter`)
  expect(text).not.toContain('\uFFFD')
})

test('what is left out at the end is said too', () => {
  const { sent, output } = stream()
  output.add('stderr', 'x'.repeat(100 * 1024))
  output.end()
  expect(sent.at(-1)?.chunk).toContain(`[… ${36 * 1024} bytes left out …]`)
})

test('whoever invoked a tool and the subscribers of its session see its output while it runs, once, and nobody else', async () => {
  await using gateway = await testGateway()
  const gate = Promise.withResolvers<void>()
  const tool = toolThat(async context => {
    context.stream('stdout', 'working\n')
    await gate.promise
    context.stream('stderr', 'done\n')
    return 'working\ndone\n'
  })
  gateway.app.tools = createTools(gateway.app, [tool])
  using caller = await rawSocket(gateway.port, { token: testToken })
  using subscriber = await socketOf(gateway, 'read')
  using stranger = await socketOf(gateway, 'read', 'tools')
  const { payload } = await caller.ask('session.create', { senderId: 'ada', channel: 'test' })
  const { sessionId } = payload
  await subscriber.ask('session.subscribe', { sessionId })
  await caller.ask('session.subscribe', { sessionId })
  const result = caller.ask('tools.invoke', { toolName: 'test_tool', args: {}, sessionId })
  await caller.until(({ type }) => type === 'tool.stream')
  await subscriber.until(({ type }) => type === 'tool.stream')
  gate.resolve()
  const { invocationId } = (await result).payload
  await subscriber.until(({ type, payload: of }) => type === 'tool.stream' && of['stream'] === 'stderr')
  const all = [
    { invocationId, sessionId, stream: 'stdout', chunk: 'working\n' },
    { invocationId, sessionId, stream: 'stderr', chunk: 'done\n' },
  ]
  expect(streamed(caller)).toEqual(all)
  expect(streamed(subscriber)).toEqual(all)
  await stranger.ask('ping')
  expect(streamed(stranger)).toEqual([])
  const alone = await caller.ask('tools.invoke', { toolName: 'test_tool', args: {} })
  expect(streamed(caller).slice(2)).toMatchObject([
    { invocationId: alone.payload['invocationId'], stream: 'stdout' },
    { stream: 'stderr' },
  ])
  expect(streamed(subscriber)).toHaveLength(2)
})

test('a run of the agent shows the output of its tools with the call that it belongs to', async () => {
  await using gateway = await testGateway()
  const tool = toolThat(async context => {
    context.stream('stdout', 'hello')
    return 'hello'
  })
  gateway.app.tools = createTools(gateway.app, [tool])
  using chat = await socketOf(gateway, 'read', 'chat', 'tools')
  const { payload } = await chat.ask('session.create', { senderId: 'ada', channel: 'test' })
  const sent = await chat.ask('session.send_message', { sessionId: payload['sessionId'], text: '/tool test_tool {}' })
  const { runId } = sent.payload
  await chat.until(({ type }) => type === 'run.finished')
  const call = chat.frames.find(({ type }) => type === 'tool.call')
  expect(streamed(chat)).toMatchObject([{ runId, callId: call?.payload['callId'], chunk: 'hello' }])
})
