import { closeCodes } from '../protocol/errors.ts'
import { maxUnsentBytes as maxUnsentPerStream, stalledMs } from './bounds.ts'
import type { Clock, Connections, Identity, Streams } from './record.ts'

/** All sockets together may hold this much unsent; the fullest is cut first. */
export const maxUnsentBytes = 64 * 1024 * 1024

// Looking at every socket takes a millisecond for some thousands, so they are looked at once per so many bytes at most.
const minHeadroomBytes = 1024 * 1024

/** One open connection, as the registry sees it. */
export interface OpenSocket {
  /** A WebSocket, or a stream of Server-Sent Events. */
  kind: 'socket' | 'stream'
  identity(): Identity | undefined
  /** Bytes that wait to be sent. */
  unsentBytes(): number
  close(code: number, reason: string): void
  /** Ends it without a word. */
  terminate(): void
  /** Looks after heartbeat, sign-in deadline, expiry and progress; `now` is monotonic ms. */
  sweep(now: number): void
}

export interface Registry extends Connections, Streams {
  register(socket: OpenSocket): void
  remove(socket: OpenSocket): void
  unauthenticated(): number
  /** Sockets and streams together. */
  size(): number
  /** Tells that so much was handed to a socket; cuts the fullest when all together may be over the bound. */
  wrote(bytes: number): void
  /** Cuts the fullest sockets while all together are over the bound. */
  relieve(): void
  /** What waits to be sent, of all together and of the fullest. */
  unsent(): { bytes: number; maxBytes: number }
  closeAll(code: number, reason: string): void
  terminateAll(): void
  /** Resolves when no connection is open. */
  emptied(): Promise<void>
  stop(): void
}

/** Every open connection of the gateway, with one timer that looks after them all. */
export function createRegistry(deps: { clock: Clock; sweepMs: number; failed: (error: unknown) => void }): Registry {
  const sockets = new Set<OpenSocket>()
  const empty: (() => void)[] = []
  const remove = (socket: OpenSocket) => {
    sockets.delete(socket)
    if (sockets.size === 0) for (const resolve of empty.splice(0)) resolve()
  }
  // What can be written before all together could be over the bound.
  let headroom = maxUnsentBytes
  const relieve = () => {
    const unsent = [...sockets]
      .map(socket => ({ socket, bytes: socket.unsentBytes() }))
      .sort((a, b) => b.bytes - a.bytes)
    let sum = unsent.reduce((total, { bytes }) => total + bytes, 0)
    for (const { socket, bytes } of unsent) {
      if (sum <= maxUnsentBytes) break
      sum -= bytes
      socket.close(closeCodes.slowConsumer, 'Too slow: resume')
    }
    headroom = Math.max(minHeadroomBytes, maxUnsentBytes - sum)
  }
  const timer = setInterval(() => {
    const now = deps.clock.monotonic()
    for (const socket of [...sockets]) {
      try {
        socket.sweep(now)
      } catch (error) {
        deps.failed(error)
      }
    }
    // Streams of events are counted here only.
    relieve()
  }, deps.sweepMs)
  timer.unref()

  const closeWhere = (matches: (identity: Identity) => boolean) => {
    for (const socket of [...sockets]) {
      const identity = socket.identity()
      if (identity && matches(identity)) socket.close(closeCodes.tokenRevoked, 'Signed out')
    }
  }
  return {
    register: socket => void sockets.add(socket),
    remove,
    add(stream) {
      const entry = streamEntry(stream, deps.clock)
      sockets.add(entry)
      return () => remove(entry)
    },
    wrote(bytes) {
      headroom -= bytes
      if (headroom <= 0) relieve()
    },
    relieve,
    unsent() {
      let [bytes, maxBytes] = [0, 0]
      for (const socket of sockets) {
        const unsent = socket.unsentBytes()
        bytes += unsent
        if (unsent > maxBytes) maxBytes = unsent
      }
      return { bytes, maxBytes }
    },
    count: () => [...sockets].filter(socket => socket.kind === 'socket').length,
    size: () => sockets.size,
    unauthenticated: () => [...sockets].reduce((sum, socket) => sum + (socket.identity() ? 0 : 1), 0),
    closeToken: tokenId => closeWhere(identity => identity.tokenId === tokenId),
    closeWebSession: hash => closeWhere(identity => identity.webSession === hash),
    closeAll(code, reason) {
      for (const socket of [...sockets]) socket.close(code, reason)
    },
    terminateAll() {
      for (const socket of [...sockets]) socket.terminate()
    },
    emptied: () => (sockets.size === 0 ? Promise.resolve() : new Promise(resolve => empty.push(resolve))),
    stop: () => clearInterval(timer),
  }
}

/** A stream of events as one connection: it ends with its identity, or when its reader is too slow. */
function streamEntry(stream: Parameters<Streams['add']>[0], clock: Clock): OpenSocket {
  const { identity, unsentBytes, takenBytes, close } = stream
  let taken = 0
  let progressAt = clock.monotonic()
  return {
    kind: 'stream',
    identity: () => identity,
    unsentBytes,
    close,
    terminate: close,
    sweep(now) {
      if (unsentBytes() === 0 || takenBytes() !== taken) progressAt = now
      taken = takenBytes()
      if (now - progressAt > stalledMs || unsentBytes() > maxUnsentPerStream) close()
      if (identity.expiresAt !== undefined && identity.expiresAt <= clock.now()) close()
    },
  }
}
