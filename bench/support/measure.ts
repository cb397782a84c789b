import { WebSocket } from 'ws'

/** What one load did: requests a second, and latencies in ms. */
export interface Reading {
  perSecond: number
  p50: number
  p99: number
  count: number
  refused: number
}

export interface Load {
  url: string
  connections: number
  /** Requests of one connection that wait for an answer at any time. */
  inFlight: number
  durationMs: number
  /** Not counted: sockets warm up, code is compiled. */
  warmUpMs: number
  /** Sent once per connection; the load begins when all have answered. */
  greet?: ((connection: number) => string[]) | undefined
  /** The text of one request. */
  request: (connection: number, id: string) => string
  /** The id of the request that a frame answers; undefined for frames that answer none. */
  answered: (frame: string) => string | undefined
}

/** Keeps a number of requests in flight on each connection and reads how fast they are answered. */
export async function measure(load: Load): Promise<Reading> {
  const sockets = await Promise.all(Array.from({ length: load.connections }, (_, index) => open(load, index)))
  const latencies: number[] = []
  let refused = 0
  let counting = false
  let stopped = false
  let ids = 0
  const run = `${process.pid.toString(36)}-${Date.now().toString(36)}`
  const drained = sockets.map((socket, connection) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const sentAt = new Map<string, number>()
    const send = () => {
      const id = `${run}-${(++ids).toString(36)}`
      sentAt.set(id, performance.now())
      socket.send(load.request(connection, id))
    }
    socket.on('message', (data: Buffer) => {
      const frame = data.toString('latin1')
      const id = load.answered(frame)
      const sent = id === undefined ? undefined : sentAt.get(id)
      if (id === undefined || sent === undefined) return
      sentAt.delete(id)
      if (counting) latencies.push(performance.now() - sent)
      if (frame.includes('"type":"error"')) refused += 1
      if (!stopped) send()
      else if (sentAt.size === 0) resolve()
    })
    for (let slot = 0; slot < load.inFlight; slot++) send()
    return promise
  })
  await after(load.warmUpMs)
  counting = true
  const startedAt = performance.now()
  await after(load.durationMs)
  const seconds = (performance.now() - startedAt) / 1000
  counting = false
  stopped = true
  await Promise.all(drained)
  for (const socket of sockets) socket.terminate()
  latencies.sort((a, b) => a - b)
  return {
    perSecond: latencies.length / seconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    count: latencies.length,
    refused,
  }
}

/** The value below which this share of a sorted list lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  )
}

async function open(load: Load, connection: number): Promise<WebSocket> {
  const socket = new WebSocket(load.url, { perMessageDeflate: false })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  for (const text of load.greet?.(connection) ?? []) {
    const { id } = JSON.parse(text)
    const answer = new Promise<void>(resolve => {
      const listen = (data: Buffer) => {
        if (load.answered(data.toString('latin1')) !== id) return
        socket.off('message', listen)
        resolve()
      }
      socket.on('message', listen)
    })
    socket.send(text)
    await answer
  }
  return socket
}

function after(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
