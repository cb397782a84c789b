import type { IncomingMessage } from 'node:http'
import { TalonError } from '../../../protocol/errors.ts'
import type { Config } from '../../settings.ts'
import { readBody } from './body.ts'
import { connectTo, secured } from './connect.ts'
import { exchange, explained } from './exchange.ts'
import { createGuard } from './guard.ts'
import { checkedHeaders } from './headers.ts'
import { type ForwardProxy, openProxy, type ProxyOptions } from './proxy.ts'
import { locationOf, redirected, type Step } from './redirect.ts'
import { createNames } from './resolver.ts'
import { parseTarget, shownHost, type Target } from './target.ts'

/** Time for one request with its redirects, from the look-up to the last byte. */
const defaultTimeoutMs = 30_000
const defaultMaxRedirects = 5
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** The beginning of a response, by which a reader may decide how much of the rest it wants. */
export interface ResponseHead {
  /** After redirects. */
  url: string
  status: number
  /** By lower case names; what is there several times is joined by commas. */
  headers: Readonly<Record<string, string>>
}

/** What a guarded request may do. */
export interface FetchInput {
  url: string
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string | Buffer
  signal: AbortSignal
  /** Bytes of the body after decompression; what is longer is cut. */
  maxBytes: number | ((head: ResponseHead) => number)
  timeoutMs?: number
  maxRedirects?: number
  /** Where it may go, redirects included, in the form of `tools.httpHosts`; undefined for anywhere that the guard allows. */
  hosts?: readonly string[]
  /** An address in the settings whose origin may be private because it was configured. Redirects elsewhere may not. */
  configured?: string
}

export interface FetchResult extends ResponseHead {
  body: Buffer
  truncated: boolean
  redirects: readonly string[]
}

/** Where a URL would lead: checked, and not connected to. */
export interface Destination {
  url: string
  scheme: string
  host: string
  port: number
  addresses: readonly string[]
  /** What allows it: `network.public`, `network.allowHosts`, or both for several addresses. */
  rule: string
}

/** The one way out for all tools: each address is checked, and only the checked address is connected to. */
export interface Network {
  /**
   * Looks a URL up and checks it, without connecting.
   * @throws TalonError `FORBIDDEN` that says which rule refuses it (also `details.rule`), `INVALID_MESSAGE` for what is no
   * URL; `NOT_FOUND`, `TIMEOUT`, `PROVIDER_ERROR` if its name cannot be looked up
   */
  resolve(
    url: string,
    options?: Pick<FetchInput, 'hosts' | 'configured'> & { signal?: AbortSignal },
  ): Promise<Destination>
  /**
   * Sends a request and follows its redirects.
   * @throws TalonError as `resolve`; `TIMEOUT`, `TOO_LARGE`, and `PROVIDER_ERROR` for what the other side does wrong
   */
  fetch(input: FetchInput): Promise<FetchResult>
  /** Opens an HTTP proxy on this machine that goes where tools may go, for a browser. It closes with `signal`. */
  openProxy(options: ProxyOptions): Promise<ForwardProxy>
}

export interface NetworkParts {
  config: Pick<Config, 'network.ports' | 'network.allowHosts' | 'network.denyHosts' | 'network.dnsServers'>
  /** Certificates that are trusted in the place of the system's, in PEM. */
  ca?: string
}

export function createNetwork({ config, ca }: NetworkParts): Network {
  const guard = createGuard(
    config,
    createNames(() => config['network.dnsServers']),
  )

  async function resolve(url: string, { signal = AbortSignal.timeout(defaultTimeoutMs), ...scope } = {}) {
    const target = parseTarget(url)
    const route = await guard.check(target, scope, signal)
    return { ...route, url: target.url.href, scheme: target.scheme }
  }

  /** The head of a response, on a connection that is for this request alone. */
  async function send({ target, message }: Step, input: FetchInput, signal: AbortSignal): Promise<IncomingMessage> {
    const route = await guard.check(target, input, signal)
    const socket = await connectTo(route, signal)
    const secure = target.scheme === 'https' ? await secured(socket, target.host, ca, signal) : socket
    return await exchange(secure, target, message, signal)
  }

  async function follow(input: FetchInput, signal: AbortSignal): Promise<FetchResult> {
    let step = firstStep(input)
    const redirects: string[] = []
    for (;;) {
      const response = await send(step, input, signal)
      const head = headOf(response, step.target)
      const location = locationOf(head.status, response.headers.location)
      if (location === undefined) {
        const maxBytes = typeof input.maxBytes === 'number' ? input.maxBytes : input.maxBytes(head)
        return { ...head, ...(await bodyOf(response, maxBytes, step.target, signal)), redirects }
      }
      response.destroy()
      step = redirected(step, head.status, location)
      redirects.push(step.target.url.href)
      if (redirects.length > (input.maxRedirects ?? defaultMaxRedirects)) {
        throw tooMany(redirects)
      }
    }
  }

  return {
    resolve,
    async fetch(input) {
      const timeoutMs = input.timeoutMs ?? defaultTimeoutMs
      const limit = AbortSignal.timeout(timeoutMs)
      try {
        return await follow(input, AbortSignal.any([input.signal, limit]))
      } catch (error) {
        input.signal.throwIfAborted()
        if (!limit.aborted) throw error
        throw new TalonError('TIMEOUT', `${hostIn(input.url)} did not answer in full within ${timeoutMs} ms.`)
      }
    },
    openProxy: options => openProxy({ guard, ...options }),
  }
}

function firstStep({ url, method = 'GET', headers = {}, body }: FetchInput): Step {
  const target = parseTarget(url)
  if (!methods.includes(method)) {
    throw new TalonError('INVALID_MESSAGE', `The method must be one of ${methods.join(', ')}.`)
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return { target, message: { method, headers: checkedHeaders(headers), body: bytes } }
}

function headOf(response: IncomingMessage, target: Target): ResponseHead {
  const headers = Object.entries(response.headersDistinct).map(([name, values]) => [name, (values ?? []).join(', ')])
  return { url: target.url.href, status: response.statusCode ?? 0, headers: Object.fromEntries(headers) }
}

async function bodyOf(response: IncomingMessage, maxBytes: number, target: Target, signal: AbortSignal) {
  if (maxBytes === 0) {
    response.destroy()
    return { body: Buffer.alloc(0), truncated: true }
  }
  const read = await readBody(response, maxBytes).catch(error => Promise.reject(explained(error, target)))
  // A body that lasts as long as its connection looks whole when the connection is cut here.
  signal.throwIfAborted()
  return read
}

function tooMany(redirects: readonly string[]): TalonError {
  const last = redirects.at(-1) ?? ''
  const before = redirects.length > 1 ? `After ${redirects.length - 1} redirects there` : 'There'
  return new TalonError('PROVIDER_ERROR', `${before} is one to ${last.slice(0, 200)}, which is not followed.`)
}

function hostIn(url: string): string {
  return URL.canParse(url) ? shownHost(new URL(url).hostname) : 'The server'
}
