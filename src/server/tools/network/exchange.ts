import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { TalonError } from '../../../protocol/errors.ts'
import { acceptedEncodings } from './body.ts'
import { shownHost, type Target } from './target.ts'

/** Of a response; what is longer ends it. */
const maxHeaderBytes = 32_768
/** Names of a program that is no browser, which some servers ask for. */
const userAgent = 'Mozilla/5.0 (compatible; Talon)'

export interface Message {
  method: string
  headers: Readonly<Record<string, string>>
  body: Buffer | undefined
}

/**
 * Sends one request on a socket of its own and resolves with the head of the response. No agent is involved: none can
 * pick another connection, keep this one, or ask a proxy of the environment.
 * @throws TalonError `PROVIDER_ERROR`, `TOO_LARGE`; the reason of `signal`
 */
export async function exchange(
  socket: Socket,
  target: Target,
  { method, headers, body }: Message,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const sent = request({
    createConnection: () => socket,
    method,
    path: `${target.url.pathname}${target.url.search}`,
    headers: {
      host: target.url.host.replace(/\.(?=:\d+$|$)/, ''),
      'user-agent': userAgent,
      accept: '*/*',
      ...headers,
      'accept-encoding': acceptedEncodings,
      ...(body === undefined && !['POST', 'PUT', 'PATCH'].includes(method)
        ? {}
        : { 'content-length': String(body?.length ?? 0) }),
    },
    maxHeaderSize: maxHeaderBytes,
    insecureHTTPParser: false,
    signal,
  })
  sent.on('response', resolve)
  // From then on it is another protocol, which nobody asked for.
  sent.on('upgrade', () => reject(failure(target, 'answers with another protocol')))
  sent.on('error', error => reject(explained(error, target)))
  sent.on('close', () => reject(failure(target, 'closed the connection before it answered')))
  sent.end(body)
  try {
    return await promise
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    throw error
  }
}

/** What went wrong on a connection, in words. */
export function explained(error: unknown, target: Pick<Target, 'host'>): unknown {
  if (error instanceof TalonError || !(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new TalonError('TOO_LARGE', `${shownHost(target.host)} sent over ${maxHeaderBytes} bytes of headers.`)
  }
  if (code.startsWith('HPE_')) return failure(target, `does not answer by the rules of HTTP (${code})`)
  if (code === 'ECONNRESET' || code === 'EPIPE') return failure(target, 'cut the connection')
  return failure(target, `failed${code === '' ? '' : ` (${code})`}`)
}

function failure({ host }: Pick<Target, 'host'>, what: string): TalonError {
  return new TalonError('PROVIDER_ERROR', `${shownHost(host)} ${what}.`)
}
