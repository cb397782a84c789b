import { once } from 'node:events'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { TalonError } from '../../../protocol/errors.ts'
import { normalizeAddress } from './address.ts'
import type { Route } from './guard.ts'
import { shownHost } from './target.ts'

/** Addresses of one name that are tried. */
const maxTried = 4
const connectTimeoutMs = 5_000

/**
 * Connects to the first address of a route that answers. Nothing is looked up: what was checked is what is connected to.
 * @throws TalonError `PROVIDER_ERROR`, `TIMEOUT`; the reason of `signal`
 */
export async function connectTo({ host, port, addresses }: Route, signal: AbortSignal): Promise<Socket> {
  let last: unknown
  for (const address of addresses.slice(0, maxTried)) {
    try {
      return await open(address, port, signal)
    } catch (error) {
      signal.throwIfAborted()
      last = error
    }
  }
  throw unreachable(last, `${shownHost(host)}:${port}`)
}

/** Puts TLS on a socket. The certificate has to be one for the name that was asked for, whatever address it was found at. */
export async function secured(socket: Socket, host: string, ca: string | undefined, signal: AbortSignal) {
  const name = isIP(host) > 0 ? { host } : { servername: host }
  const tls = connectTls({ socket, ...name, ALPNProtocols: ['http/1.1'], ...(ca === undefined ? {} : { ca }) })
  try {
    await ready(tls, 'secureConnect', AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]))
    return tls
  } catch (error) {
    tls.destroy()
    socket.destroy()
    signal.throwIfAborted()
    const why = error instanceof Error && 'code' in error ? `: ${String(error.code)}` : ''
    throw new TalonError('PROVIDER_ERROR', `There is no trusted connection to ${host}${why}.`)
  }
}

async function open(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({ host: address, port, autoSelectFamily: false })
  try {
    await ready(socket, 'connect', AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]))
    // Never otherwise; a system that rewrites connections would make all the checks worthless.
    if (normalizeAddress(socket.remoteAddress ?? '') === normalizeAddress(address)) return socket
    throw new Error(`It is connected to ${socket.remoteAddress}.`)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Waits for an event; what goes wrong later is for whoever uses the socket, and must not end the gateway. */
async function ready(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  socket.on('error', () => {})
  await once(socket, event, { signal })
}

function unreachable(error: unknown, shown: string): TalonError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ECONNREFUSED') return new TalonError('PROVIDER_ERROR', `${shown} refuses connections.`)
  if (code === 'ABORT_ERR' || code === 'ETIMEDOUT') {
    return new TalonError('TIMEOUT', `${shown} did not take a connection within ${connectTimeoutMs / 1_000} s.`)
  }
  return new TalonError('PROVIDER_ERROR', `${shown} cannot be reached${code === '' ? '' : ` (${code})`}.`)
}
