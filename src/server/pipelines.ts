import { createServer, type RequestListener, type ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import type { Limits } from './record-limits.ts'

/** Requests that one HTTP connection has open at once. No browser and no proxy sends a second before its answer. */
export const maxPipelined = 16

/**
 * Makes servers that cut a connection which sends on and on without waiting for answers: one read of it brings a thousand
 * requests, all of which would be worked on before anybody else has a turn.
 */
export function withShortPipelines(limits: Pick<Limits, 'noteRefusal'>): typeof createServer {
  const create = (options: ServerOptions, serve: RequestListener) => {
    const waiting = new WeakMap<Socket, number>()
    return createServer(options, (request, response) => {
      const { socket } = request
      // What was read before the cut still comes.
      if (socket.destroyed) return
      // Of those that are open on a connection, only the first has it for its answer.
      if (response.socket) return serve(request, response)
      const count = (waiting.get(socket) ?? 0) + 1
      if (count >= maxPipelined) {
        limits.noteRefusal('pipelined')
        return void socket.destroy()
      }
      waiting.set(socket, count)
      response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1))
      serve(request, response)
    })
  }
  return create as typeof createServer // The adapter always hands over both, which is one way to call it.
}
