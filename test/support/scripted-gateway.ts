import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Frame } from '../../src/protocol/envelope.ts'
import type { RequestPayload } from '../../src/protocol/messages.ts'
import { protocolVersion } from '../../src/protocol/version.ts'

/** A gateway that says only what its test tells it to, over real sockets. */
export interface ScriptedGateway {
  /** Its origin, `http://…`. */
  url: string
  /** The next connection that nobody has taken yet. */
  connection(): Promise<ScriptedConnection>
  /** How many connections there were so far. */
  count(): number
  close(): Promise<void>
}

export interface ScriptedConnection {
  /** The next frame that nobody has taken yet. */
  next(): Promise<Frame>
  /** Takes the next frame, which must be of this type. */
  expect(type: string): Promise<Frame>
  /** The frames that arrived and were not taken. */
  untaken(): Frame[]
  send(type: string, payload: object, extra?: { replyTo?: string; epoch?: number; seq?: number }): void
  /** Sends this text as it is. */
  sendText(text: string): void
  /** Sends one entry of a session's log. */
  entry(sessionId: string, epoch: number, seq: number, type?: string): void
  /** Takes `hello`, and answers it. */
  welcome(changes?: object): Promise<RequestPayload<'hello'>>
  /** Answers everything from now on with what the function returns for it. */
  answer(reply: (frame: Frame) => { type: string; payload: object } | undefined): void
  /** Closes with a code. */
  close(code: number, reason?: string): void
  /** Ends the TCP connection without a word. */
  cut(): void
  /** Stops reading and writing, as a network that swallows everything. */
  freeze(): void
  /** The code that the client's side closed with. */
  closed: Promise<number>
}

/** Starts a gateway on a free port, or on this one. */
export async function scriptedGateway(port = 0): Promise<ScriptedGateway> {
  const http = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>scripted</title>')
  })
  const sockets = new WebSocketServer({ server: http, path: '/ws' })
  const connections = queue<ScriptedConnection>()
  let count = 0
  sockets.on('connection', socket => {
    count++
    connections.put(scripted(socket))
  })
  http.listen(port, '127.0.0.1')
  await once(http, 'listening')
  // An HTTP server that listens on a port has an address of this form.
  const { port: bound } = http.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${bound}`,
    connection: () => connections.take(),
    count: () => count,
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
}

function scripted(socket: WebSocket): ScriptedConnection {
  const frames = queue<Frame>()
  let reply: Parameters<ScriptedConnection['answer']>[0] | undefined
  // The client under test writes these; a test that gets something else fails where it looks at it.
  socket.on('message', data => {
    const frame = JSON.parse(String(data)) as Frame
    const answer = reply?.(frame)
    if (answer) self.send(answer.type, answer.payload, { replyTo: frame.id })
    else frames.put(frame)
  })
  const self: ScriptedConnection = {
    next: () => frames.take(),
    async expect(type) {
      const frame = await frames.take()
      if (frame.type !== type) throw new Error(`The client sent ${frame.type} where ${type} was expected.`)
      return frame
    },
    untaken: () => frames.left(),
    send(type, payload, extra = {}) {
      const frame = { id: randomUUID(), type, version: protocolVersion, timestamp: Date.now(), ...extra, payload }
      socket.send(JSON.stringify(frame))
    },
    sendText: text => socket.send(text),
    entry(sessionId, epoch, seq, type = 'session.message') {
      const message = { id: `m${seq}`, seq, role: 'user', content: `entry ${seq}`, timestamp: 1 }
      self.send(type, { sessionId, message }, { epoch, seq })
    },
    async welcome(changes = {}) {
      self.send('config.updated', { message: 'Connected to Talon Gateway' })
      const hello = await self.expect('hello')
      self.send('welcome', { ...welcome, ...changes }, { replyTo: hello.id })
      return hello.payload as RequestPayload<'hello'>
    },
    answer(given) {
      reply = given
    },
    close: (code, reason) => socket.close(code, reason),
    cut: () => socket.terminate(),
    freeze: () => socket.pause(),
    closed: new Promise(resolve => {
      socket.on('close', resolve)
    }),
  }
  return self
}

const welcome = {
  version: protocolVersion,
  connectionId: 'c1',
  server: { name: 'scripted', version: '0.0.0' },
  scopes: ['read', 'chat'],
  limits: {},
  heartbeatMs: 25_000,
  deprecated: [],
}

/** Hands items to those who wait for them, in order. */
function queue<T>() {
  const items: T[] = []
  const waiting: ((item: T) => void)[] = []
  return {
    put(item: T) {
      const taker = waiting.shift()
      if (taker) taker(item)
      else items.push(item)
    },
    take(): Promise<T> {
      const item = items.shift()
      if (item !== undefined) return Promise.resolve(item)
      return new Promise(resolve => waiting.push(resolve))
    },
    left: () => [...items],
  }
}
