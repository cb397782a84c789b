import { WebSocket } from 'ws'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure } from './support/measure.ts'
import { startPeer, startTalon } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const time = { durationMs: 4_000, warmUpMs: 1_500, inFlight: 1 }
const text = 'A message of ordinary length, as a person would write it to an assistant in the middle of a day.'

/** Durable acknowledgements, beside a server that commits one transaction per message. */
export async function durable(): Promise<Row[]> {
  const rows: Row[] = []
  // One run that takes long keeps the only place, so that messages are accepted and no model answers.
  const talon = await startTalon({ TALON_AGENT_MAX_RUNS: '1', TALON_AGENT_TOTAL_TIMEOUT_MS: '3600000' })
  const plain = await startPeer('one-per-transaction.ts')
  await occupy(talon.port)
  for (const connections of [1, 10, 100, 500]) {
    const baseline = await measure({
      ...time,
      connections,
      url: `ws://127.0.0.1:${plain.port}`,
      request: (connection, id) =>
        frame(id, 'session.send_message', { sessionId: `s-${connections}-${connection}`, text }),
      answered: replyTo,
    })
    rows.push(row(`one transaction per message, ${connections}`, baseline))
    const sessions = new Map<number, string>()
    const reading = await measure({
      ...time,
      connections,
      url: `ws://127.0.0.1:${talon.port}/ws`,
      greet: connection => [
        hello(connection),
        frame(`new-${connections}-${connection}`, 'session.create', { senderId: 'bench', channel: 'bench' }),
      ],
      request: (connection, id) => frame(id, 'session.send_message', { sessionId: sessions.get(connection), text }),
      answered(received) {
        const id = replyTo(received)
        const created = id?.startsWith('new-') ? /"sessionId":"([^"]+)"/.exec(received)?.[1] : undefined
        if (id && created) sessions.set(Number(id.split('-')[2]), created)
        return id
      },
    })
    rows.push(row(`session.send_message, ${connections}`, reading, { against: baseline, of: 'one per transaction' }))
  }
  const created = await measure({
    ...time,
    connections: 1,
    url: `ws://127.0.0.1:${talon.port}/ws`,
    greet: connection => [hello(connection)],
    request: (_connection, id) => frame(id, 'session.create', { senderId: 'bench', channel: 'bench' }),
    answered: replyTo,
  })
  rows.push(row('session.create, 1', created))
  await talon.stop()
  await plain.stop()
  return rows
}

async function occupy(port: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on('message', (data: Buffer) => {
    const received = JSON.parse(data.toString())
    const { sessionId } = received.payload
    if (received.replyTo === 'hello-0')
      socket.send(frame('occupy', 'session.create', { senderId: 'bench', channel: 'bench' }))
    if (received.replyTo === 'occupy')
      socket.send(frame('slow', 'session.send_message', { sessionId, text: '/slow 10000' }))
    if (received.type === 'run.started' || received.type === 'session.message.delta') resolve()
  })
  socket.on('open', () => socket.send(hello(0)))
  await promise
  socket.terminate()
}
