import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type TestGateway, testToken } from '../support/gateway.ts'

interface Frame {
  type: string
  payload: Record<string, unknown>
}

/** Talon v0.3.3's way to speak: no version, no hello. */
export interface OldClient {
  frames: Frame[]
  send(type: string, payload?: object): void
  raw(text: string): void
  /** The next frame of this type that was not awaited before. */
  next(type: string): Promise<Frame['payload']>
  closed: Promise<number>
}

/** Connects as v0.3.3 did, signed in by a header, which a proxy before it may add. */
export function connectOld(gateway: TestGateway, token = testToken): OldClient {
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` }
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws`, { headers })
  onTestFinished(() => socket.terminate())
  const frames: Frame[] = []
  const taken = new Map<string, number>()
  const opened = once(socket, 'open')
  socket.on('message', data => {
    const { type, payload } = JSON.parse(data.toString())
    frames.push({ type, payload })
    socket.emit('frame')
  })
  const closed = once(socket, 'close').then(([code]): number => code)
  const raw = (text: string) => void opened.then(() => socket.send(text))
  let sent = 0
  return {
    frames,
    closed,
    raw,
    send: (type, payload = {}) => raw(JSON.stringify({ id: `msg-${++sent}`, type, timestamp: Date.now(), payload })),
    async next(type) {
      for (;;) {
        const known = taken.get(type) ?? 0
        const found = frames.filter(frame => frame.type === type)[known]
        if (found) {
          taken.set(type, known + 1)
          return found.payload
        }
        await once(socket, 'frame')
      }
    },
  }
}
