import { protocolVersion } from '../protocol/version.ts'

/** How to reach a gateway; everything but `url` has a default. */
export interface ConnectOptions {
  /**
   * The gateway's origin, `http(s)` or `ws(s)`, with or without `/ws`. A function is asked at each try to connect, for a gateway
   * that moves; while it throws, the try counts as failed.
   */
  url: string | (() => string)
  /** A `tln_…` token, or what tells it at each connection. A page of the dashboard leaves it out: its cookie speaks for it. */
  token?: string | (() => string | undefined) | undefined
  /** Who speaks, for the gateway's logs. */
  client?: { name: string; version: string } | undefined
  WebSocket?: typeof globalThis.WebSocket | undefined
  /** A number from 0 to 1 for the jitter of the back-off. */
  random?: (() => number) | undefined
  /** From the first byte to `welcome`. */
  connectTimeoutMs?: number | undefined
  /** How long a request waits for its answer, reconnects included. */
  requestTimeoutMs?: number | undefined
  /** The same for `tools.invoke`. */
  toolTimeoutMs?: number | undefined
  /** How long a link that was silent has to answer a ping. */
  probeTimeoutMs?: number | undefined
  /** A connection that lived this long starts the back-off anew. */
  stableAfterMs?: number | undefined
  backoffBaseMs?: number | undefined
  backoffCapMs?: number | undefined
}

type Given = Required<{ [K in keyof ConnectOptions]: Exclude<ConnectOptions[K], undefined> }>

export type Settings = Omit<Given, 'url' | 'token'> & { url: () => string; token: () => string }

/** Fills in the defaults and turns the address into that of the WebSocket. Throws `TypeError` if `url` is none. */
export function settingsOf(options: ConnectOptions): Settings {
  const { url, token } = options
  const fixed = typeof url === 'string' ? socketUrl(url) : undefined
  return {
    url: () => fixed ?? socketUrl(typeof url === 'string' ? url : url()),
    token: () => (typeof token === 'function' ? token() : token) ?? '',
    client: options.client ?? { name: 'talon-client', version: protocolVersion },
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    random: options.random ?? Math.random,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    // The longest a tool may run, ten minutes, and two before that in which a person may allow it.
    toolTimeoutMs: options.toolTimeoutMs ?? 12 * 60_000,
    probeTimeoutMs: options.probeTimeoutMs ?? 10_000,
    stableAfterMs: options.stableAfterMs ?? 10_000,
    backoffBaseMs: options.backoffBaseMs ?? 250,
    backoffCapMs: options.backoffCapMs ?? 30_000,
  }
}

/** A secret in an address ends up in logs, so whatever stands behind the path is left out. */
function socketUrl(address: string): string {
  const { protocol, host, pathname } = new URL(address)
  const scheme = protocol === 'https:' || protocol === 'wss:' ? 'wss:' : 'ws:'
  const path = pathname.replace(/\/+$/, '')
  return `${scheme}//${host}${path.endsWith('/ws') ? path : `${path}/ws`}`
}

/**
 * How long to wait before try number `attempt`, counted from 0: full jitter, so that clients that lost the same
 * gateway do not come back together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function backoffMs(attempt: number, settings: Settings): number {
  return settings.random() * Math.min(settings.backoffCapMs, settings.backoffBaseMs * 2 ** attempt)
}
