import { type LimitName, limitTable } from './limits/table.ts'
import { type SettingKey, settings } from './settings.ts'

/** What somebody should know of a limit. */
export interface LimitRule {
  /** As in `limits.get` and in refusals. */
  name: string
  setting: SettingKey
  /** What is counted, in words. */
  counts: string
  /** For whom each bucket is. */
  per: string
  doc: string
  /** What a client sees that is refused. */
  refusal: string
}

const refusals = {
  request:
    'The error RATE_LIMITED with retryAfterMs; over HTTP 429 with Retry-After. Sent again after that time it is done.',
  tool: 'The error RATE_LIMITED with retryAfterMs. The model of an agent is told the same as the result of its call, and the run goes on.',
  frame: 'The error RATE_LIMITED for each frame above it; after a hundred of them the connection is closed with 4029.',
  upgrade: 'The upgrade is answered with 429 and Retry-After.',
  full: 'The upgrade is answered with 503, and can be tried again.',
  lock: 'Every sign-in from that address is answered with 429 for a minute, a right one too.',
} as const

const refusalOf: Readonly<Record<LimitName, string>> = {
  messages: refusals.request,
  toolExecutions: refusals.tool,
  sessionCreations: refusals.request,
  reads: refusals.request,
  unauthenticatedRequests: refusals.upgrade.replace('The upgrade', 'The request or upgrade'),
  frames: refusals.frame,
  bytes: refusals.frame,
  connectionsPerAddress: refusals.upgrade,
}

/** Every limit, in the order in which they are told. */
export function limitRules(): LimitRule[] {
  // The keys of a literal table, which Object.keys widens to string.
  const ofTable = (Object.keys(limitTable) as LimitName[]).map(name => {
    const { counts, per } = limitTable[name]
    return rule(name, `limits.${name}`, counts, per, refusalOf[name])
  })
  return [
    ...ofTable,
    rule('authFailures', 'limits.authFailures', 'failed sign-ins', 'address', refusals.lock),
    rule('connections', 'server.maxConnections', 'WebSocket connections', 'gateway', refusals.full),
    rule(
      'unauthenticatedConnections',
      'server.maxUnauthenticated',
      'connections that have not signed in',
      'gateway',
      refusals.full,
    ),
  ]
}

function rule(name: string, setting: SettingKey, counts: string, per: string, refusal: string): LimitRule {
  return { name, setting, counts, per, doc: settings[setting].doc, refusal }
}
