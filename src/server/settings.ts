import * as z from 'zod'
import { isNetwork } from './client-address.ts'
import { delegateSettings, scheduleSettings } from './settings-agents.ts'
import { browserSettings } from './settings-browser.ts'
import { budgetSettings } from './settings-budget.ts'
import { limitSettings } from './settings-limits.ts'
import { logSettings } from './settings-log.ts'
import { memorySettings } from './settings-memory.ts'
import { metricsSettings } from './settings-metrics.ts'
import { networkSettings } from './settings-network.ts'
import { sandboxSettings } from './settings-sandbox.ts'
import { permissionSettings } from './settings-tools.ts'
import { tracingSettings } from './settings-tracing.ts'

const positive = z.number().int().min(1)
const dayMs = 86_400_000
// No time at all would look like a cache that is on and never answers.
const cacheTime = z
  .number()
  .int()
  .min(1, 'must be at least 1; set cache.enabled to off to do without caches')
  .max(dayMs)
const names = z.array(z.string().min(1).max(253)).max(100)

interface SettingRow {
  schema: z.ZodType
  default: unknown
  doc: string
  /** Whether a change takes effect without a restart. */
  live: boolean
  /** Never shown. */
  secret?: true
  /** The environment variable, where it is not `TALON_<SECTION>_<KEY>`. */
  variable?: string
}

/** Every setting. File, environment, flags, `talon config` and the docs derive from this table. */
export const settings = {
  'server.host': {
    schema: z.string().min(1),
    default: '127.0.0.1',
    doc: 'Address to listen on.',
    live: false,
    variable: 'TALON_HOST',
  },
  'server.port': {
    schema: z.number().int().min(0).max(65_535),
    default: 19_789,
    doc: 'Port to listen on; 0 takes any free one.',
    live: false,
    variable: 'TALON_PORT',
  },
  'server.allowedHosts': {
    schema: names,
    default: [],
    doc: 'Names in the Host header that are served beside localhost and the bind address.',
    live: true,
  },
  'server.allowedOrigins': {
    schema: names,
    default: [],
    doc: 'Origins that may connect beside our own, such as https://talon.example.org.',
    live: true,
  },
  'server.maxConnections': {
    schema: positive,
    default: 10_000,
    doc: 'WebSocket connections at once; more are refused with 503.',
    live: true,
  },
  'server.maxUnauthenticated': {
    schema: positive,
    default: 1_000,
    doc: 'WebSocket connections at once that have not signed in yet.',
    live: true,
  },
  'server.trustedProxies': {
    schema: z.array(z.string().refine(isNetwork, 'must be an address or a network such as 10.0.0.0/8')).max(100),
    default: [],
    doc: 'Addresses and networks of reverse proxies whose X-Forwarded-For is believed; the address of a client is then the last one in it that is no such proxy.',
    live: true,
  },
  'auth.mode': {
    schema: z.enum(['token', 'none']),
    default: 'token',
    doc: 'Whether callers need a token. "none" works on a loopback address only, and lets every local program in.',
    live: false,
  },
  'auth.cookieDays': {
    schema: positive.max(365),
    default: 30,
    doc: 'Days until a browser has to sign in again.',
    live: true,
  },
  'protocol.legacy': {
    schema: z.boolean(),
    default: true,
    doc: 'Whether clients of Talon v0.3 are served.',
    live: true,
  },
  'protocol.helloTimeoutMs': {
    schema: positive,
    default: 5_000,
    doc: 'Time in which a connection must have signed in.',
    live: true,
  },
  'protocol.heartbeatMs': {
    schema: positive.min(100),
    default: 25_000,
    doc: 'Time between WebSocket pings; a connection that misses two is closed.',
    live: true,
  },
  'limits.enabled': {
    schema: z.enum(['on', 'off']),
    default: 'on',
    doc: 'For benchmarks on a loopback address only.',
    live: true,
    variable: 'TALON_LIMITS',
  },
  ...limitSettings,
  ...budgetSettings,
  'agent.providers': {
    schema: z.array(z.record(z.string(), z.unknown())).max(50),
    default: [],
    doc: 'Model providers; see docs/providers.md. A change holds from the next call of a model on.',
    live: true,
    secret: true,
  },
  'agent.model': {
    schema: z.string().min(1).max(200),
    default: 'auto',
    doc: 'Model of sessions that name none: its id, or provider/id. "auto" is the first model of each provider in turn, or the offline model where none is configured.',
    live: true,
  },
  'agent.fallback': {
    schema: z.array(z.string().min(1).max(200)).max(10),
    default: [],
    doc: 'Models to try, in order, when the chosen one fails before its first word.',
    live: true,
  },
  'agent.maxRuns': {
    schema: positive,
    default: 64,
    doc: 'Runs that work at once; more wait in the database.',
    live: true,
  },
  'agent.maxSteps': { schema: positive.max(1_000), default: 25, doc: 'Model calls in one run.', live: true },
  'agent.promptFile': {
    schema: z.string().min(1),
    default: 'prompt.md',
    doc: 'System prompt, a file in the data folder.',
    live: true,
  },
  ...memorySettings,
  ...delegateSettings,
  'agent.connectTimeoutMs': { schema: positive, default: 10_000, doc: 'Time to reach a provider.', live: false },
  'agent.poolConnections': {
    schema: positive.max(10_000),
    default: 64,
    doc: 'Sockets to one provider at once; a call beyond them waits for a free one.',
    live: false,
  },
  'agent.poolKeepAliveMs': {
    schema: positive.max(3_600_000),
    default: 30_000,
    doc: 'Time for which an idle socket to a provider is kept for the next call.',
    live: false,
  },
  'agent.firstTokenTimeoutMs': {
    schema: positive,
    default: 60_000,
    doc: 'Time until a provider says its first word.',
    live: true,
  },
  'agent.silenceTimeoutMs': { schema: positive, default: 30_000, doc: 'Longest pause inside an answer.', live: true },
  'agent.totalTimeoutMs': { schema: positive, default: 600_000, doc: 'Longest time for one answer.', live: true },
  'agent.retries': {
    schema: z.number().int().min(0).max(10),
    default: 2,
    doc: 'Repeats of a call that a provider refused with 429 or 5xx.',
    live: true,
  },
  'tools.workspace': {
    schema: z.string().min(1),
    default: 'workspace',
    doc: 'Folder that tools may read and write, inside the data folder unless absolute.',
    live: false,
  },
  'tools.timeoutMs': { schema: positive.max(600_000), default: 30_000, doc: 'Time for one tool run.', live: true },
  'tools.maxOutputBytes': {
    schema: positive.min(1_024).max(16 * 1_048_576),
    default: 1_048_576,
    doc: 'Output of one tool run that is kept, head and tail.',
    live: true,
  },
  'tools.maxConcurrent': { schema: positive, default: 32, doc: 'Tools that run at once; more wait.', live: true },
  ...permissionSettings,
  ...scheduleSettings,
  'cache.enabled': {
    schema: z.enum(['on', 'off']),
    default: 'on',
    doc: 'Whether answers come from memory where they can. They are the same without it, only slower.',
    live: false,
  },
  'cache.sessions': {
    schema: positive.max(1_000_000),
    default: 10_000,
    doc: 'Sessions whose metadata is kept in memory, about 1 KB each.',
    live: false,
  },
  'cache.sessionTtlMs': {
    schema: cacheTime,
    default: 300_000,
    doc: 'Time after which the metadata of a session is read again. It is never stale before: each commit corrects it.',
    live: false,
  },
  'cache.toolTtlMs': {
    schema: cacheTime,
    default: 600_000,
    doc: 'Time after which the definitions of the tools are made again.',
    live: false,
  },
  'cache.statusTtlMs': {
    schema: cacheTime,
    default: 30_000,
    doc: 'Time after which the counts of the status are read again, if no commit changed them before.',
    live: false,
  },
  'storage.minFreeMegabytes': {
    schema: positive.max(1_048_576).nullable(),
    default: null,
    doc: 'Space on the disk of the data folder that is kept free; null keeps 64, and on a small disk a tenth of it. With less, nothing new is stored, while runs still end and sessions can be deleted; it goes on by itself when there is space again.',
    live: false,
  },
  'storage.readers': {
    schema: z.union([z.literal('auto'), positive.max(64)], 'must be "auto" or a number from 1 to 64'),
    default: 'auto',
    doc: 'Threads for searches and sums over much of the database. "auto" is one less than there are cores, 1 or 2. They start when they are needed and end after five minutes without work.',
    live: false,
  },
  'storage.maxWaitingReads': {
    schema: positive.max(100_000),
    default: 100,
    doc: 'Searches and sums that wait for such a thread; more are refused with OVERLOADED.',
    live: false,
  },
  'storage.readTimeoutMs': {
    schema: positive.max(3_600_000),
    default: 10_000,
    doc: 'Time for a search or a sum, waiting included; then it is ended with TIMEOUT.',
    live: false,
  },
  'backup.everyHours': {
    schema: z.number().int().min(1, 'must be at least 1; null makes no automatic backups').max(8_760).nullable(),
    default: 24,
    doc: 'Hours between two automatic backups in the folder backups of the data folder; null makes none.',
    live: true,
  },
  'backup.keep': {
    schema: positive.max(1_000),
    default: 7,
    doc: 'Automatic backups that are kept; the oldest beyond them are removed. Others are never removed.',
    live: true,
  },
  'retention.maxAgeDays': {
    schema: z.number().int().min(1, 'must be at least 1; null keeps sessions for ever').max(36_500).nullable(),
    default: null,
    doc: 'Days after their last activity after which sessions are exported to the folder exports of the data folder and then deleted; null keeps them for ever.',
    live: true,
  },
  'retention.maxMegabytes': {
    schema: z.number().int().min(1, 'must be at least 1; null keeps sessions of any size').max(1_048_576).nullable(),
    default: null,
    doc: 'Text that all sessions hold together. Those that were quiet for longest are exported and then deleted as above until the others hold no more; what was active within a day stays. null sets no bound.',
    live: true,
  },
  ...sandboxSettings,
  ...networkSettings,
  ...browserSettings,
  ...tracingSettings,
  ...metricsSettings,
  ...logSettings,
} as const satisfies Record<string, SettingRow>

export type SettingKey = keyof typeof settings
/** The value of every setting, by its key. */
export type Config = { readonly [K in SettingKey]: z.output<(typeof settings)[K]['schema']> }
