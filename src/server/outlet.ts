import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { writeFrame } from '../protocol/envelope.ts'
import { closeCodes, errorPayload } from '../protocol/errors.ts'
import { type LegacyFrame, type LegacyRuns, toLegacyError, toLegacyEvents, toLegacyReply } from '../protocol/legacy.ts'
import { maxUnsentBytes, roomBytes, stalledMs } from './bounds.ts'
import type { Registry } from './connections.ts'
import { closeCodeLabel, countFrame } from './metrics/frames.ts'
import type { App, Clock, Notice } from './record.ts'
import { textOf } from './written.ts'

// A peer that does not answer the closing handshake in this time is gone.
const closeGraceMs = 2_000

export interface OutletDeps {
  ws: WebSocket
  /** The TCP connection below, for its `drain` event and the bytes that the kernel has not taken. */
  socket: Socket
  registry: Pick<Registry, 'wrote'>
  app: Pick<App, 'metrics'>
  clock: Clock
  frameId: () => string
  /** Told that there is room again. */
  drained: () => void
}

/** The writing side of one WebSocket: frames in the dialect of its client, and what happens to one that reads too slowly. */
export interface Outlet {
  /** What the client speaks; undefined until its first frame shows it. */
  dialect: 'v1' | 'legacy' | undefined
  reply(replyTo: string, type: string, payload: Record<string, unknown>): void
  error(replyTo: string | undefined, error: unknown): void
  /** An event for this connection alone. */
  event(
    type: 'approval.requested' | 'config.updated' | 'session.resumed' | 'session.error',
    payload: Record<string, unknown>,
  ): void
  notice(notice: Notice): void
  isOpen(): boolean
  /** Whether little enough is unsent that more may be added. */
  hasRoom(): boolean
  /** Resolves when there is room again, or the connection is gone. */
  room(): Promise<void>
  /** Cuts the reader if it takes nothing; `now` is monotonic ms. */
  cutIfStalled(now: number): void
  close(code: number, reason: string): void
}

export function createOutlet(deps: OutletDeps): Outlet {
  const { ws, socket, registry, clock, frameId } = deps
  const { metrics } = deps.app
  const runs: LegacyRuns = new Map()
  const waiting: (() => void)[] = []
  let writtenBytes = 0
  let flushedBytes = 0
  let progressAt = clock.monotonic()

  const isOpen = () => ws.readyState === ws.OPEN
  let chosenCode: number | undefined
  const close = (code: number, reason: string) => {
    if (!isOpen()) return
    chosenCode = code
    if (code === closeCodes.slowConsumer) metrics.inc('talon_slow_consumers_total')
    ws.close(code, reason)
    setTimeout(() => ws.terminate(), closeGraceMs).unref()
  }
  const cut = () => close(closeCodes.slowConsumer, 'Too slow: resume')
  let gathering = false
  // What one turn of the loop has to say goes out in one system call, which costs more than most answers.
  const gather = () => {
    if (gathering) return
    gathering = true
    socket.cork()
    process.nextTick(() => {
      gathering = false
      socket.uncork()
    })
  }
  const write = (type: string, text: string) => {
    if (!isOpen()) return
    countFrame(metrics, 'out', type, text)
    const before = ws.bufferedAmount
    gather()
    ws.send(text)
    const unsent = ws.bufferedAmount
    const added = Math.max(0, unsent - before)
    writtenBytes += added
    // One frame may be larger than the bound, if nothing else waits before it.
    if (unsent > maxUnsentBytes && before > 0) cut()
    registry.wrote(added)
  }
  const frame = (type: string, payload: object, replyTo?: string) => {
    write(type, writeFrame({ id: frameId(), type, replyTo, timestamp: clock.now() }, textOf(payload)))
  }
  const legacyFrames = (frames: readonly LegacyFrame[], replyTo?: string) => {
    for (const { type, payload } of frames) frame(type, payload, replyTo)
  }
  const release = () => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  socket.on('drain', () => {
    release()
    deps.drained()
  })
  metrics.inc('talon_websocket_connections_total')
  ws.on('close', code => {
    metrics.inc('talon_websocket_closes_total', closeCodeLabel(chosenCode, code))
    release()
  })

  return {
    dialect: undefined,
    reply(replyTo, type, payload) {
      if (this.dialect !== 'legacy') return frame(type, payload, replyTo)
      const legacy = toLegacyReply(type, payload)
      if (legacy) legacyFrames([legacy], replyTo)
    },
    error(replyTo, error) {
      const payload = errorPayload(error)
      metrics.inc('talon_errors_total', payload.code)
      if (this.dialect === 'legacy') return legacyFrames([toLegacyError(payload)], replyTo)
      frame(payload.code === 'SESSION_NOT_FOUND' ? 'session.error' : 'error', payload, replyTo)
    },
    event(type, payload) {
      if (type === 'session.resumed')
        metrics.inc('talon_websocket_resumes_total', payload['reset'] ? 'reset' : 'resumed')
      if (type === 'session.error') metrics.inc('talon_websocket_resumes_total', 'failed')
      if (this.dialect === 'legacy') legacyFrames(toLegacyEvents(type, payload, runs))
      else frame(type, payload)
    },
    notice(notice) {
      if (this.dialect === 'legacy') legacyFrames(toLegacyEvents(notice.type, notice.payload, runs))
      else write(notice.type, notice.text)
    },
    isOpen,
    hasRoom: () => ws.bufferedAmount < roomBytes,
    room() {
      if (!isOpen() || this.hasRoom()) return Promise.resolve()
      return new Promise(resolve => waiting.push(resolve))
    },
    cutIfStalled(now) {
      const flushed = writtenBytes - Math.min(ws.bufferedAmount, kernelQueueBytes(socket))
      if (ws.bufferedAmount === 0 || flushed !== flushedBytes) progressAt = now
      flushedBytes = flushed
      if (now - progressAt > stalledMs) cut()
    },
    close,
  }
}

/** What the kernel has not taken yet, to the byte; `bufferedAmount` counts a frame as unsent until its last byte is gone. */
function kernelQueueBytes(socket: Socket): number {
  // Node keeps the figure on the handle, which its types leave out; without it a frame counts as a whole.
  const { _handle: handle } = socket as Socket & { _handle?: { writeQueueSize?: number } | null }
  return handle?.writeQueueSize ?? Number.POSITIVE_INFINITY
}
