import { once } from 'node:events'
import { WebSocket } from 'ws'
import { frame, hello, replyTo } from './support/frames.ts'
import { measure, type Reading } from './support/measure.ts'
import { startTalon } from './support/servers.ts'
import { type Row, row } from './support/table.ts'

const linesPerSecond = 10_000
const everyMs = 5
// So many that none has more in flight than the gateway allows, even when it is late.
const talkers = 20
const pings = { connections: 1, inFlight: 1, durationMs: 6_000, warmUpMs: 2_000 }

/** What lines of the log cost others: pings while as many requests as this write a line each, with and without a reader. */
export async function logs(): Promise<Row[]> {
  const silent = await pinged('warn', false)
  const written = await pinged('debug', false)
  const followed = await pinged('debug', true)
  const load = `${linesPerSecond.toLocaleString('en')} requests/s`
  return [
    row(`ping during ${load}, no line each`, silent.reading),
    row(`ping during ${load}, a line each`, written.reading, { against: silent.reading, of: 'no line' }),
    row(`ping during ${load}, a line each, one follower`, followed.reading, { against: silent.reading, of: 'no line' }),
    {
      what: 'lines that the follower got',
      figure: `${Math.round(followed.entries).toLocaleString('en')}/s, ${followed.dropped.toLocaleString('en')} dropped`,
    },
  ]
}

async function pinged(
  level: string,
  withFollower: boolean,
): Promise<{ reading: Reading; entries: number; dropped: number }> {
  const talon = await startTalon({ TALON_LOG_LEVEL: level })
  const url = `ws://127.0.0.1:${talon.port}/ws`
  const endTalk = await talk(url)
  const follower = withFollower ? await follow(url) : undefined
  const startedAt = performance.now()
  const greet = (connection: number) => [hello(connection)]
  const reading = await measure({ ...pings, url, greet, request: ping, answered: replyTo })
  const seconds = (performance.now() - startedAt) / 1000
  follower?.socket.terminate()
  endTalk()
  await talon.stop()
  return { reading, entries: (follower?.entries() ?? 0) / seconds, dropped: follower?.dropped() ?? 0 }
}

/** Sends requests at an even rate, whatever is answered. */
async function talk(url: string): Promise<() => void> {
  const sockets = await Promise.all(Array.from({ length: talkers }, () => greeted(url)))
  const startedAt = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) * linesPerSecond) / 1000
    for (; sent < due; sent++) sockets[sent % talkers]?.send(ping(0, `talk-${sent}`))
  }, everyMs)
  return () => {
    clearInterval(timer)
    for (const socket of sockets) socket.terminate()
  }
}

async function follow(url: string) {
  const socket = await greeted(url)
  let [entries, dropped] = [0, 0]
  socket.on('message', (data: Buffer) => {
    const text = data.toString('latin1')
    if (text.includes('"type":"logs.entry"')) entries += 1
    else if (text.includes('"type":"logs.dropped"')) dropped += Number(JSON.parse(text).payload.count)
  })
  socket.send(frame('follow', 'logs.subscribe', { level: 'debug' }))
  await once(socket, 'message')
  return { socket, entries: () => entries, dropped: () => dropped }
}

async function greeted(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await once(socket, 'open')
  socket.send(hello(0))
  const welcomed = new Promise<void>(resolve => {
    socket.on('message', (data: Buffer) => {
      if (replyTo(data.toString('latin1')) === 'hello-0') resolve()
    })
  })
  await welcomed
  return socket
}

function ping(_connection: number, id: string): string {
  return frame(id, 'ping', {})
}
