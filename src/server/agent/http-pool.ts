import { STATUS_CODES } from 'node:http'
import { ReadableStream } from 'node:stream/web'
import type { Response as Answer, RequestInit as RequestOfUndici } from 'undici'
import { TalonError } from '../../protocol/errors.ts'
import { type HttpSockets, httpSockets, type SocketSettings, socketDefaults } from '../http-sockets.ts'
import { type Fail, isPassing } from './models/provider-failure.ts'
import { reasonIn } from './models/provider-reason.ts'

/** The pooled sockets of one provider behind the `fetch` that the AI SDK takes. */
export interface HttpPool {
  /** Throws the provider's failure for everything but a 2xx answer; what the body holds is bounded. */
  fetch: typeof globalThis.fetch
  stats: HttpSockets['stats']
  /** Cuts every socket, those in use too. */
  close(): Promise<void>
}

/** A ten minute answer at 100 tokens a second is 18 MiB on the wire; more than this is an attack or a fault. */
const maxAnswerBytes = 32 * 1024 * 1024

/** The parser holds one line in memory; the longest honest one carries the arguments of one tool call. */
const maxLineBytes = 4 * 1024 * 1024

/** The text of an error is in its first lines; the rest of a web page is not read. */
const maxErrorBytes = 64 * 1024

/** The sockets to one provider; nothing is connected or loaded before the first request. */
export function httpPool(fail: Fail, options: Partial<SocketSettings> = {}): HttpPool {
  const settings = { ...socketDefaults, ...options }
  const sockets = httpSockets(settings)
  const fetch = async (url: string, init: RequestInit) => {
    // The DOM's types of a request and undici's describe the same thing in two ways.
    const request = { ...init, redirect: 'error' } as unknown as RequestOfUndici
    const response = await sockets.fetch(url, request).catch(thrown => {
      throw init.signal?.aborted ? thrown : connectionFailure(thrown, new URL(url).host, settings, fail)
    })
    if (!response.ok) throw await statusFailure(response, fail)
    if (/^text\/html/i.test(response.headers.get('content-type') ?? '')) {
      await response.body?.cancel()
      throw fail('answered with a web page; check its base URL')
    }
    const body = response.body && ReadableStream.from(bounded(response.body, init.signal, fail))
    // One class, which the DOM's types and Node's describe in two ways.
    return new Response(body as BodyInit | null, { status: response.status, headers: [...response.headers] })
  }
  return {
    // The SDK calls it with an address and a request, and reads status, headers and body of what it gets.
    fetch: fetch as unknown as typeof globalThis.fetch,
    stats: sockets.stats,
    close: sockets.close,
  }
}

async function* bounded(body: ReadableStream<Uint8Array>, signal: AbortSignal | null | undefined, fail: Fail) {
  let answerBytes = 0
  let lineBytes = 0
  try {
    for await (const chunk of body) {
      const lineEnd = chunk.lastIndexOf(10)
      answerBytes += chunk.length
      lineBytes = lineEnd === -1 ? lineBytes + chunk.length : chunk.length - lineEnd - 1
      if (answerBytes > maxAnswerBytes || lineBytes > maxLineBytes) throw fail('sent more than an answer may hold')
      yield chunk
    }
  } catch (thrown) {
    if (thrown instanceof TalonError || signal?.aborted) throw thrown
    throw fail('cut the connection in the middle of its answer')
  }
}

async function statusFailure(response: Answer, fail: Fail): Promise<TalonError> {
  const { status } = response
  const name = [`HTTP ${status}`, STATUS_CODES[status]].filter(Boolean).join(' ')
  const reason = reasonIn(await startOf(response), response.headers.get('content-type') ?? '')
  const retryAfterMs = readRetryAfter(response)
  return fail(reason ? `${name}: ${reason}` : `answered ${name}`, {
    mayRetry: isPassing(status),
    httpStatus: status,
    retryAfterMs,
  })
}

async function startOf(response: Answer): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    // Leaving the loop cancels the body, so that an endless one is not read on.
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length >= maxErrorBytes) break
    }
  } catch {
    // The status alone still tells what happened.
  }
  return text.slice(0, maxErrorBytes)
}

/** Seconds or a date, RFC 9110 section 10.2.3. A date counts from the answer's own, as the two clocks may differ. */
function readRetryAfter({ headers }: Answer): number | undefined {
  const wish = headers.get('retry-after')
  if (!wish) return undefined
  const seconds = Number(wish)
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(wish) - Date.parse(headers.get('date') ?? '')
  return Number.isFinite(waitMs) ? Math.max(0, Math.round(waitMs)) : undefined
}

function connectionFailure(thrown: unknown, host: string, settings: SocketSettings, fail: Fail): TalonError {
  const code = codeOf(thrown)
  switch (code) {
    case 'ECONNREFUSED':
      return fail(`${host} refused the connection`, { mayRetry: true })
    case 'ENOTFOUND':
      return fail(`there is no host ${host}`)
    case 'EAI_AGAIN':
      return fail(`the name ${host} could not be looked up`, { mayRetry: true })
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return fail(`${host} closed the connection before it answered`, { mayRetry: true })
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return fail(`${host} cannot be reached`)
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return fail(`no connection to ${host} within ${settings.connectTimeoutMs / 1000} s`, { code: 'TIMEOUT' })
  }
  if (/CERT|SELF_SIGNED|ALTNAME|ERR_TLS|ERR_SSL/.test(code)) return fail(`no trusted connection to ${host} (${code})`)
  if (isRedirect(thrown)) return fail(`${host} redirects to another address; configure that one`)
  // Not quoted: the text of an invalid header would hold the key.
  return fail(`the request to ${host} could not be sent; check the base URL, the key and the headers`)
}

function codeOf(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string') return error.code
  }
  return ''
}

function isRedirect(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.cause instanceof Error && /redirect/.test(thrown.cause.message)
}
