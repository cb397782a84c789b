import { isLoopback } from './config.ts'

/** Which names and origins are served. */
export interface Gatehouse {
  /** Whether this `Host` header names us: a foreign one means a rebound DNS name. The port does not matter, it may be forwarded. */
  servesHost(host: string | undefined): boolean
  /** Whether a page of this `Origin` may talk to us under this `Host`; an absent origin is for the caller to judge. */
  servesOrigin(origin: string, host: string | undefined): boolean
}

/**
 * @param allowedHosts names beside localhost and the bind address
 * @param allowedOrigins whole origins such as `https://talon.example.org`
 */
export function createGatehouse(bound: {
  host: string
  /** The port that was bound; known once it is. */
  port: () => number
  allowedHosts: () => readonly string[]
  allowedOrigins: () => readonly string[]
}): Gatehouse {
  const own = ['localhost', '127.0.0.1', '[::1]', ...(isWildcard(bound.host) ? [] : [bracketed(bound.host)])]
  const names = whileSame(bound.allowedHosts, allowed => new Set([...own, ...allowed].map(name => name.toLowerCase())))
  const origins = whileSame(
    bound.allowedOrigins,
    allowed => new Set(allowed.map(origin => origin.toLowerCase().replace(/\/$/, ''))),
  )

  const servesHost = (host: string | undefined): boolean => {
    const name = /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(?::\d{1,5})?$/.exec(host?.toLowerCase() ?? '')?.[1]
    return name !== undefined && names().has(name)
  }

  return {
    servesHost,
    servesOrigin(origin, host) {
      const asked = origin.toLowerCase()
      if (origins().has(asked)) return true
      if (own.some(name => asked === `http://${name.toLowerCase()}:${bound.port()}`)) return true
      const authority = /^https?:\/\/([^/]+)$/.exec(asked)?.[1]
      return authority !== undefined && authority === host?.toLowerCase() && servesHost(host)
    },
  }
}

/** What is made of a setting, which is another array after each change. */
function whileSame<Made>(read: () => readonly string[], make: (list: readonly string[]) => Made): () => Made {
  let list = read()
  let made = make(list)
  return () => {
    const current = read()
    if (current === list) return made
    list = current
    made = make(list)
    return made
  }
}

/** How a browser on this machine writes a bind address in a URL. */
export function browserHost(host: string): string {
  if (isWildcard(host)) return 'localhost'
  return isLoopback(host) ? host.replace(/^::1$/, '[::1]') : bracketed(host)
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '[::]'
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
