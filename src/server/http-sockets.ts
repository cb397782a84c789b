import type { RequestInit, Response } from 'undici'

export interface SocketSettings {
  /** Sockets to one origin at the same time; a request beyond them waits for a free one. */
  connections: number
  /** How long an idle socket is kept for the next request, even where the server would keep it longer. */
  keepAliveMs: number
  connectTimeoutMs: number
}

export const socketDefaults: SocketSettings = { connections: 64, keepAliveMs: 30_000, connectTimeoutMs: 10_000 }

/** What the sockets to one origin do now. */
export interface SocketFigures {
  origin: string
  /** Open sockets; of these, those that could take a request. */
  connected: number
  free: number
  /** Requests that are not on a socket yet; of these, those that wait because none is free. */
  pending: number
  queued: number
  /** Requests on a socket, answered in part or not yet. */
  running: number
  /** All requests that are not over. */
  size: number
}

/** Sockets that are kept for the next request, to as many origins as are asked. */
export interface HttpSockets {
  fetch(url: string, init: RequestInit): Promise<Response>
  /** Of every origin to which there is a socket or a request. */
  stats(): SocketFigures[]
  /** Cuts every socket, those in use too. */
  close(): Promise<void>
}

/** A pool whose library is loaded at the first request, so that a gateway that asks nobody never pays for it. */
export function httpSockets(settings: SocketSettings): HttpSockets {
  let loading: ReturnType<typeof openAgent> | undefined
  let loaded: Awaited<ReturnType<typeof openAgent>> | undefined
  return {
    async fetch(url, init) {
      loading ??= openAgent(settings)
      loaded ??= await loading
      return loaded.undici.fetch(url, { ...init, dispatcher: loaded.agent })
    },
    stats: () => Object.entries(loaded?.agent.stats ?? {}).map(([origin, stats]) => figuresOf(origin, stats)),
    close: async () => (await loading)?.agent.destroy(),
  }
}

async function openAgent({ connections, keepAliveMs, connectTimeoutMs }: SocketSettings) {
  const undici = await import('undici')
  const agent = new undici.Agent({
    connections,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    connectTimeout: connectTimeoutMs,
    // Whoever asks has timers of their own; two clocks would report two reasons.
    headersTimeout: 0,
    bodyTimeout: 0,
    // A single connection would be no pool otherwise, and have other figures.
    factory: (origin, options) => new undici.Pool(origin, options),
  })
  return { undici, agent }
}

type Stats = Awaited<ReturnType<typeof openAgent>>['agent']['stats'][string]

function figuresOf(origin: string, stats: Stats): SocketFigures {
  const { pending, running, size } = stats
  // Never a single client's, as every origin has a pool.
  const { free, queued } = 'queued' in stats ? stats : { free: 0, queued: 0 }
  return { origin, connected: Number(stats.connected), free, pending, queued, running, size }
}
