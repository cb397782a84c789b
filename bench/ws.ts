import { frame, hello, replyTo } from './support/frames.ts'
import { measure } from './support/measure.ts'
import { startPeer, startTalon } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

// As long as the frames of TARGETS: 300 bytes of JSON.
const pad = 'x'.repeat(190)
const time = { durationMs: 4_000, warmUpMs: 1_500 }

/** The cheapest requests, all checks on, beside `ws` alone in the same minute. */
export async function ws(): Promise<Row[]> {
  const rows: Row[] = []
  const talon = await startTalon()
  const raw = await startPeer('raw-ws.ts')
  for (const [connections, inFlight] of [
    [1, 1],
    [50, 10],
  ] as const) {
    const size = { connections, inFlight, ...time }
    const ceiling = await measure({
      ...size,
      url: `ws://127.0.0.1:${raw.port}`,
      request: (_connection, id) => frame(id, 'ping', { pad }),
      answered: text => text.slice(7, text.indexOf('"', 7)),
    })
    rows.push(row(`raw ws echo, ${connections}×${inFlight}`, ceiling))
    for (const type of ['ping', 'gateway.status']) {
      const reading = await measure({
        ...size,
        url: `ws://127.0.0.1:${talon.port}/ws`,
        greet: connection => [hello(connection)],
        request: (_connection, id) => frame(id, type, { pad }),
        answered: replyTo,
      })
      rows.push(row(`${type}, ${connections}×${inFlight}`, reading, { against: ceiling, of: 'raw ws' }))
    }
  }
  await talon.stop()
  await raw.stop()
  return rows
}
