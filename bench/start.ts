import { WebSocket } from 'ws'
import { hello } from './support/frames.ts'
import { median } from './support/measure.ts'
import { residentMiB, startTalon } from './support/servers.ts'
import type { Row } from './support/table.ts'

const starts = 7
const idleConnections = 5_000
const settleMs = 2_000

/** How long a start takes, and what a gateway holds when nothing happens. */
export async function start(): Promise<Row[]> {
  const times: number[] = []
  for (let index = 0; index < starts; index++) {
    const talon = await startTalon()
    times.push(talon.readyMs)
    await talon.stop()
  }
  const talon = await startTalon()
  await after(settleMs)
  const idle = residentMiB(talon.pid)
  const sockets: WebSocket[] = []
  for (let index = 0; index < idleConnections; index++) sockets.push(await connect(talon.port, index))
  await after(settleMs)
  const perConnectionKiB = ((residentMiB(talon.pid) - idle) * 1024) / idleConnections
  for (const socket of sockets) socket.terminate()
  await talon.stop()
  return [
    { what: `start to /readyz 200, median of ${starts}`, figure: `${median(times).toFixed(0)} ms` },
    { what: 'resident memory, idle', figure: `${idle.toFixed(0)} MiB` },
    { what: `per idle connection, ${idleConnections}`, figure: `${perConnectionKiB.toFixed(1)} KiB` },
  ]
}

function connect(port: number, index: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: false })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('open', () => socket.send(hello(index)))
    socket.on('message', (data: Buffer) => {
      if (data.includes('"welcome"')) resolve(socket)
    })
  })
}

function after(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
