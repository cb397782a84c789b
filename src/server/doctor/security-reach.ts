import { isIP } from 'node:net'
import { type Config, isLoopback } from '../config.ts'
import type { SecurityRow, Weakness } from './security.ts'
import { namesText } from './words.ts'

// Failures a minute from one address. A person who has forgotten which token it was needs a few.
const manyFailures = 200
const manyDays = 90

/** Who reaches the gateway, over what, and how often. */
export const reachRows: readonly SecurityRow[] = [
  {
    id: 'network.bind',
    fine: 'It listens on a loopback address: only this machine reaches it.',
    why: 'Talon itself speaks no TLS: tokens and messages can be read and changed on the way.',
    look: ({ config }) => lookAtAddress(config),
  },
  {
    id: 'network.auth',
    fine: 'Callers need a token.',
    why: 'Every program and every account of this machine may read all sessions and run tools.',
    look: ({ config }) =>
      config['auth.mode'] === 'token'
        ? []
        : [{ risk: 'high', title: 'auth.mode is "none".', fix: 'talon config set auth.mode=token, and restart.' }],
  },
  {
    id: 'proxy.trusted',
    fine: 'No wide network is taken for reverse proxies.',
    why: 'Whoever is in it names any address as its own, and so escapes limits and the lock after failed sign-ins.',
    look: ({ config }) => config['server.trustedProxies'].flatMap(lookAtNetwork),
  },
  {
    id: 'proxy.unknown',
    fine: 'No reverse proxy is unknown to it, as far as the settings tell.',
    why: 'All who come through the proxy count as one address: one who guesses tokens locks all others out.',
    look({ config }) {
      if (!isLoopback(config['server.host']) || config['server.trustedProxies'].length > 0) return []
      const [name] = namesFromElsewhere(config)
      if (name === undefined) return []
      const title = `It is reached as ${name}, which takes a reverse proxy, and server.trustedProxies is empty.`
      return [{ risk: 'low', title, fix: 'talon config set server.trustedProxies=127.0.0.1,::1' }]
    },
  },
  {
    id: 'network.origins',
    fine: 'No page of another site may speak for who is signed in.',
    why: 'A page of an allowed origin does all that the person may who is signed in and opens it.',
    look: ({ config }) => config['server.allowedOrigins'].flatMap(lookAtOrigin),
  },
  {
    id: 'metrics.public',
    fine: 'Metrics need a token.',
    why: 'They tell how much is done when, which models and tools there are, and what they cost.',
    look({ config }) {
      if (!config['metrics.public']) return []
      const title = 'Anybody who reaches it may read /metrics.'
      return [{ risk: isReached(config) ? 'medium' : 'info', title, fix: 'talon config set metrics.public=false' }]
    },
  },
  {
    id: 'limits.enabled',
    fine: 'Requests and sign-ins are limited.',
    why: 'One client can use up the machine and the bill, and tokens can be guessed without end.',
    look({ config }) {
      if (config['limits.enabled'] === 'on') return []
      const title = 'All limits are off.'
      return [{ risk: isReached(config) ? 'high' : 'medium', title, fix: 'talon config set limits.enabled=on' }]
    },
  },
  {
    id: 'limits.sign-in',
    fine: 'Whoever fails to sign in is locked out soon.',
    why: 'The more failures are allowed, the more tokens can be tried.',
    look({ config }) {
      const failures = config['limits.authFailures']
      if (failures <= manyFailures) return []
      const title = `${failures} failed sign-ins a minute are allowed from each address.`
      return [{ risk: isReached(config) ? 'medium' : 'low', title, fix: 'talon config set limits.authFailures=20' }]
    },
  },
  {
    id: 'protocol.legacy',
    fine: 'Clients of Talon v0.3 are not served.',
    why: 'Its /api/health and /api/ready tell version, counts and state without a token, as v0.3 did.',
    look({ config }) {
      if (!config['protocol.legacy']) return []
      const title = 'Clients of Talon v0.3 are served.'
      const fix = 'Where none is left: talon config set protocol.legacy=false'
      return [{ risk: isReached(config) ? 'low' : 'info', title, fix }]
    },
  },
  {
    id: 'auth.cookies',
    fine: 'Browsers have to sign in again in due time.',
    why: 'A browser that was lost or copied stays signed in for as long.',
    look({ config }) {
      const days = config['auth.cookieDays']
      if (days <= manyDays) return []
      const title = `A browser stays signed in for ${days} days.`
      return [{ risk: 'low', title, fix: 'talon config set auth.cookieDays=30' }]
    },
  },
]

/** Whether others than programs of this machine reach it: by its address, or through a proxy. */
function isReached(config: Config): boolean {
  return !isLoopback(config['server.host']) || namesFromElsewhere(config).length > 0
}

function namesFromElsewhere(config: Config): string[] {
  return config['server.allowedHosts'].filter(name => !isLoopback(name))
}

function lookAtAddress(config: Config): Weakness[] {
  const host = config['server.host']
  if (isLoopback(host)) return []
  const fix = 'Put a proxy with TLS before it, then: talon config set server.host=127.0.0.1, and restart.'
  const title = `It listens on ${host}: other machines reach it.`
  // A proxy that is known may be the only one that the network lets through.
  if (config['server.trustedProxies'].length > 0) {
    return [{ risk: 'medium', title, fix: `Let a firewall admit ${namesText(config['server.trustedProxies'])} only.` }]
  }
  return [{ risk: 'high', title, fix }]
}

function lookAtNetwork(network: string): Weakness[] {
  const [address = '', prefix] = network.split('/')
  if (prefix === undefined) return []
  const bits = Number(prefix)
  const [wide, large] = isIP(address) === 6 ? [16, 32] : [8, 16]
  const title = `server.trustedProxies has ${network}.`
  const fix = 'Name the addresses of the proxies alone, such as: talon config set server.trustedProxies=10.0.0.2'
  if (bits < wide) return [{ risk: 'high', title, fix }]
  return bits < large ? [{ risk: 'low', title, fix }] : []
}

function lookAtOrigin(origin: string): Weakness[] {
  const fix = `Take ${JSON.stringify(origin)} out of server.allowedOrigins (talon config get server.allowedOrigins).`
  if (origin.toLowerCase() === 'null') {
    const title = 'The origin "null" may connect: every file and every page in a sandbox has it.'
    return [{ risk: 'high', title, fix }]
  }
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (!url || url.origin !== origin.toLowerCase().replace(/\/$/, '')) {
    return [{ risk: 'low', title: `${JSON.stringify(origin)} is no origin, and lets nobody in.`, fix }]
  }
  if (url.protocol !== 'http:' || isLoopback(url.hostname)) return []
  const title = `Pages of ${origin} may connect, and anybody on the way can change them.`
  return [{ risk: 'medium', title, fix: `${fix} Allow it with https:// instead.` }]
}
