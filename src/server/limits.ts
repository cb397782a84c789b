import { TalonError } from '../protocol/errors.ts'
import type { RequestType } from '../protocol/messages.ts'
import { type Attempts, bucketOf } from './attempts.ts'
import { createBuckets, type Level, type Rate } from './limits/buckets.ts'
import { createLag } from './limits/lag.ts'
import { createLanes } from './limits/lanes.ts'
import { createMeter } from './limits/meter.ts'
import { type LimitName, limitTable, type RateName } from './limits/table.ts'
import { toolKey } from './limits/tools.ts'
import type { Clock } from './record.ts'
import type { LimitState, Limits, Refusing } from './record-limits.ts'
import type { Config } from './settings.ts'

// One takes about 100 bytes, so that all limits together stay under 64 MB whatever floods them.
const maxKeys = 100_000
const overloadRetryMs = 1_000
const elsewhere: readonly Refusing[] = [
  'authFailures',
  'connections',
  'unauthenticatedConnections',
  'pipelined',
  'overload',
]
const begins: ReadonlySet<string> = new Set<RequestType>(['session.create', 'session.fork'])

export interface LimitDeps {
  config: Config
  clock: Clock
  attempts: Pick<Attempts, 'state'>
  /** Open WebSockets, all and those that have not signed in. */
  connections: () => { size(): number; unauthenticated(): number }
}

/** Every limit of the gateway, each read from the settings whenever something is counted. */
export function createLimits(deps: LimitDeps): Limits {
  const { config, clock } = deps
  const names = Object.keys(limitTable) as LimitName[] // The keys of a literal table, which Object.keys widens to string.
  // Those of a connection are with the connection.
  const kept = names.filter(name => limitTable[name].per !== 'connection' && limitTable[name].windowMs !== null)
  const buckets = new Map(kept.map(name => [name, createBuckets(maxKeys)]))
  // Every key of the type is in the list.
  const refused = Object.fromEntries([...names, ...elsewhere].map(name => [name, 0])) as Record<Refusing, number>
  const open = new Map<string, number>()
  const lag = createLag(clock)
  const enabled = () => config['limits.enabled'] === 'on'
  const rateOf = createRates(config)
  const bucketsOf = (name: RateName) => {
    const found = buckets.get(name)
    if (!found) throw new Error(`There are no buckets of "${name}".`)
    return found
  }
  const look = (name: RateName, key: string) => bucketsOf(name).look(key, rateOf(name), clock.monotonic())
  const refuse = (name: RateName, level: Level) => {
    refused[name] += 1
    return refusal(name, rateOf(name), level)
  }
  /** From all of these or from none, so that what one refuses costs nothing of another. */
  const takeAll = (wanted: readonly RateName[], key: string) => {
    if (!enabled()) return
    for (const name of wanted) {
      const level = look(name, key)
      if (level.waitMs > 0) throw refuse(name, level)
    }
    for (const name of wanted) bucketsOf(name).take(key, rateOf(name), clock.monotonic())
  }
  const stateOf = (name: RateName, key: string): LimitState => {
    const { remaining, resetMs } = look(name, key)
    return { name, ...rateOf(name), remaining, resetMs: Math.ceil(resetMs) }
  }
  return {
    enabled,
    take: (name, key) => takeAll([name], key),
    tryTake(name, key) {
      const allowed = look(name, key).waitMs === 0
      if (allowed) bucketsOf(name).take(key, rateOf(name), clock.monotonic())
      return { allowed, state: stateOf(name, key) }
    },
    noteRefusal(by) {
      refused[by] += 1
    },
    admit({ type, changes, tokenId, overHttp }) {
      if (!enabled()) return
      if (changes && lag.ms() > config['limits.maxLagMs']) {
        refused.overload += 1
        throw new TalonError('OVERLOADED', 'The gateway is behind with its work. Try again in a second.', {
          retryAfterMs: overloadRetryMs,
        })
      }
      // What came over HTTP was counted as that before its body was read.
      const first: RateName[] = overHttp ? [] : [changes ? 'messages' : 'reads']
      takeAll(begins.has(type) ? [...first, 'sessionCreations'] : first, tokenId)
    },
    enter(address) {
      const key = bucketOf(address)
      const count = open.get(key) ?? 0
      const limit = config['limits.connectionsPerAddress']
      if (enabled() && count >= limit) {
        refused.connectionsPerAddress += 1
        throw new TalonError('RATE_LIMITED', `At most ${limit} connections of one address are open at once.`, {
          retryAfterMs: 5_000,
          details: { name: 'connectionsPerAddress', limit, windowMs: null, remaining: 0 },
        })
      }
      open.set(key, count + 1)
      let left = false
      return () => {
        if (left) return
        left = true
        const now = (open.get(key) ?? 1) - 1
        if (now > 0) open.set(key, now)
        else open.delete(key)
      }
    },
    lanes: createLanes({ clock, config }),
    meter: () => createMeter({ enabled, rateOf, clock, refuse }),
    list(caller, sessionId) {
      const shown: LimitState[] = (['messages', 'sessionCreations', 'reads'] as const).map(name =>
        stateOf(name, caller.tokenId),
      )
      shown.push(stateOf('toolExecutions', toolKey(sessionId, caller.tokenId)))
      if (caller.address !== undefined) shown.push(...ofAddress(deps, caller.address, open, stateOf))
      if (caller.scopes.has('admin')) shown.push(...ofGateway(deps))
      return shown
    },
    busiest(count) {
      const found = [...buckets].flatMap(([limit, own]) => {
        const name = limit as RateName // Those of the map have a window.
        const rate = rateOf(name)
        return own.emptiest(count, rate, clock.monotonic()).map(({ key, level: { remaining, resetMs } }) => ({
          ...{ name, key, ...rate, remaining, resetMs: Math.ceil(resetMs) },
        }))
      })
      return found.sort((a, b) => a.remaining / a.limit - b.remaining / b.limit).slice(0, count)
    },
    stats: () => ({ refused, keys: open.size + [...buckets.values()].reduce((sum, one) => sum + one.size(), 0) }),
    stop: lag.stop,
  }
}

/** Reads what a limit is now. Every frame asks several times, so the answer is one object per limit that is kept. */
function createRates(config: Config): (name: RateName) => Rate {
  const kept = new Map<RateName, { key: `limits.${RateName}`; rate: Rate }>()
  const keep = (name: RateName) => {
    const made = { key: `limits.${name}` as const, rate: { limit: 1, windowMs: limitTable[name].windowMs } }
    kept.set(name, made)
    return made
  }
  return name => {
    const { key, rate } = kept.get(name) ?? keep(name)
    rate.limit = config[key]
    return rate
  }
}

function refusal(name: RateName, { limit, windowMs }: Rate, { waitMs, remaining }: Level): TalonError {
  const retryAfterMs = Math.max(1, Math.ceil(waitMs))
  const { counts, per } = limitTable[name]
  const words = `Too many ${counts}: at most ${limit} in ${windowMs / 1000} s for one ${per}. Try again in ${Math.ceil(retryAfterMs / 1000)} s. The setting is limits.${name}.`
  return new TalonError('RATE_LIMITED', words, { retryAfterMs, details: { name, limit, windowMs, remaining } })
}

function ofAddress(
  { config, attempts }: LimitDeps,
  address: string,
  open: ReadonlyMap<string, number>,
  stateOf: (name: RateName, key: string) => LimitState,
): LimitState[] {
  const limit = config['limits.connectionsPerAddress']
  const remaining = Math.max(0, limit - (open.get(bucketOf(address)) ?? 0))
  return [
    stateOf('unauthenticatedRequests', bucketOf(address)),
    { name: 'authFailures', ...attempts.state(address, config['limits.authFailures']) },
    { name: 'connectionsPerAddress', limit, windowMs: null, remaining, resetMs: 0 },
  ]
}

function ofGateway({ config, connections }: LimitDeps): LimitState[] {
  const row = (name: string, limit: number, used: number): LimitState => ({
    name,
    limit,
    windowMs: null,
    remaining: Math.max(0, limit - used),
    resetMs: 0,
  })
  return [
    row('connections', config['server.maxConnections'], connections().size()),
    row('unauthenticatedConnections', config['server.maxUnauthenticated'], connections().unauthenticated()),
  ]
}
