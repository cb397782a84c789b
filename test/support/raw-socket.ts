import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { ServerFrame } from '../../src/protocol/envelope.ts'

interface RawOptions {
  /** Presented in `hello`; without one no hello is said. */
  token?: string | undefined
  headers?: Record<string, string>
  autoPong?: boolean
  hello?: Record<string, unknown>
  /** False for floods: frames are counted by `onText` only. */
  keep?: boolean
}

/** A WebSocket that says what it is told to, and keeps every frame that comes. */
export interface RawSocket {
  ws: WebSocket
  /** Everything received so far, in order. */
  frames: ServerFrame[]
  closed: Promise<{ code: number; reason: string }>
  /** Sends a frame of protocol 1; the result is its id. */
  send(type: string, payload?: unknown, changes?: object): string
  /** The same, and waits for what answers it. */
  ask(type: string, payload?: unknown, changes?: object): Promise<ServerFrame>
  /** The first frame, had (since the one of this index) or to come, for which this holds. */
  until(matches: (frame: ServerFrame) => boolean, from?: number): Promise<ServerFrame>
  [Symbol.dispose](): void
}

let sent = 0

/** A frame as a client of protocol 1 writes it. */
export function frameText(type: string, payload: unknown = {}, changes: object = {}): string {
  return JSON.stringify({
    id: `raw-${++sent}`,
    type,
    version: '1.0.0',
    timestamp: Date.now(),
    payload,
    ...changes,
  })
}

/** Opens a socket to `/ws` and, given a token, says hello. */
export async function rawSocket(port: number, options: RawOptions = {}): Promise<RawSocket> {
  const { token, headers = {}, autoPong = true, hello = {}, keep = true } = options
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers, autoPong, perMessageDeflate: false })
  const frames: ServerFrame[] = []
  const waiting = new Set<{ take: (frame: ServerFrame) => boolean; fail: (error: Error) => void }>()
  const closed = Promise.withResolvers<{ code: number; reason: string }>()
  ws.on('message', data => {
    if (!keep) return
    const frame = JSON.parse(data.toString()) as ServerFrame // Written by the gateway under test.
    frames.push(frame)
    for (const waiter of [...waiting]) if (waiter.take(frame)) waiting.delete(waiter)
  })
  ws.on('close', (code, reason) => {
    closed.resolve({ code, reason: reason.toString() })
    for (const waiter of waiting) waiter.fail(new Error(`The socket closed with ${code} ${reason.toString()}.`))
  })
  ws.on('error', () => undefined)
  const until: RawSocket['until'] = (matches, from = 0) => {
    const had = frames.slice(from).find(matches)
    if (had) return Promise.resolve(had)
    if (ws.readyState === ws.CLOSED) return Promise.reject(new Error('The socket is closed.'))
    return new Promise((resolve, reject) => {
      const take = (frame: ServerFrame) => {
        if (!matches(frame)) return false
        resolve(frame)
        return true
      }
      waiting.add({ take, fail: reject })
    })
  }
  const send: RawSocket['send'] = (type, payload, changes = {}) => {
    const id = 'id' in changes ? String(changes.id) : `raw-${++sent}`
    ws.send(frameText(type, payload, { ...changes, id }))
    return id
  }
  const raw: RawSocket = {
    ws,
    frames,
    closed: closed.promise,
    send,
    ask(type, payload, changes) {
      const from = frames.length
      const id = send(type, payload, changes)
      return until(frame => frame.replyTo === id, from)
    },
    until,
    [Symbol.dispose]: () => ws.terminate(),
  }
  await once(ws, 'open')
  if (token === undefined) return raw
  const said = { token, client: { name: 'raw', version: '1' }, versions: ['1.0.0'], ...hello }
  if (keep) await raw.ask('hello', said)
  else raw.send('hello', said)
  return raw
}

/** What an HTTP server answered, as it stood on the wire. */
export interface RawAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** Writes an HTTP request as it stands and reads until the server closes. */
export async function rawRequest(port: number, lines: string[], body = ''): Promise<RawAnswer> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  await once(socket, 'close')
  return parseAnswer(Buffer.concat(chunks).toString('latin1'))
}

function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...fields] = head.split('\r\n')
  const headers = Object.fromEntries(
    fields.map(field => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
    }),
  )
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body: rest.join('\r\n\r\n') }
}

export const upgradeKey = 'dGhlIHNhbXBsZSBub25jZQ=='

/** The lines of a well-formed upgrade; `changes` replaces headers, `undefined` leaves one out. */
export function upgradeLines(port: number, path = '/ws', changes: Record<string, string | undefined> = {}): string[] {
  const headers: Record<string, string | undefined> = {
    Host: `127.0.0.1:${port}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': upgradeKey,
    'Sec-WebSocket-Version': '13',
    ...changes,
  }
  const fields = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return [`GET ${path} HTTP/1.1`, ...fields]
}

/** An upgraded connection whose frames are written by hand. */
export interface HandSocket {
  socket: Socket
  write(...parts: Buffer[]): Promise<void>
  /** The close code that the gateway sent; 1006 if it hung up without one. */
  closeCode: Promise<number>
  [Symbol.dispose](): void
}

/** Upgrades over plain TCP. */
export async function handSocket(port: number, headers: Record<string, string> = {}): Promise<HandSocket> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`${upgradeLines(port, '/ws', headers).join('\r\n')}\r\n\r\n`)
  const { promise: closeCode, resolve } = Promise.withResolvers<number>()
  const upgraded = Promise.withResolvers<void>()
  let unread: Buffer = Buffer.alloc(0)
  let open = false
  socket.on('data', chunk => {
    unread = Buffer.concat([unread, chunk])
    const head = open ? 0 : unread.indexOf('\r\n\r\n')
    if (head < 0) return
    if (!open) {
      open = true
      unread = unread.subarray(head + 4)
      upgraded.resolve()
    }
    unread = readFrames(unread, resolve)
  })
  socket.on('close', () => {
    resolve(1006)
    upgraded.resolve()
  })
  await upgraded.promise
  return {
    socket,
    async write(...parts) {
      for (const part of parts) {
        if (socket.destroyed) return
        if (!socket.write(part))
          await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined)
      }
    },
    closeCode,
    [Symbol.dispose]: () => socket.destroy(),
  }
}

/** Reads whole frames of the server, which are never masked; what is left begins a frame. */
function readFrames(from: Buffer, closed: (code: number) => void): Buffer {
  let rest = from
  while (rest.length >= 2) {
    const short = (rest[1] ?? 0) & 0x7f
    const header = short === 126 ? 4 : short === 127 ? 10 : 2
    if (rest.length < header) return rest
    const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short
    if (rest.length < header + length) return rest
    if (((rest[0] ?? 0) & 0x0f) === 8) closed(length >= 2 ? rest.readUInt16BE(header) : 1005)
    rest = rest.subarray(header + length)
  }
  return rest
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9 }

/** One masked frame of a client; `announced` lies about its length. */
export function clientFrame(
  opcode: number,
  payload: Buffer | string,
  { fin = true, announced }: { fin?: boolean; announced?: number } = {},
): Buffer {
  const data = Buffer.from(payload)
  const length = announced ?? data.length
  const first = (fin ? 0x80 : 0) | opcode
  const mask = Buffer.alloc(4) // A mask of zeros leaves the payload as it is.
  if (length < 126) return Buffer.concat([Buffer.from([first, 0x80 | length]), mask, data])
  const header = Buffer.alloc(length < 65_536 ? 4 : 10)
  header[0] = first
  header[1] = 0x80 | (length < 65_536 ? 126 : 127)
  if (length < 65_536) header.writeUInt16BE(length, 2)
  else header.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([header, mask, data])
}

/** The lines that a gateway logged at level error or above. */
export function errorLines(logs: readonly string[]): string[] {
  return logs.filter(line => (JSON.parse(line) as { level: number }).level >= 50) // pino's number for "error".
}
