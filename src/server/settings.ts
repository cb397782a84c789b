import * as z from 'zod'

const positive = z.number().int().min(1)
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
    live: false,
  },
  'server.allowedOrigins': {
    schema: names,
    default: [],
    doc: 'Origins that may connect beside our own, such as https://talon.example.org.',
    live: false,
  },
  'server.maxConnections': {
    schema: positive,
    default: 10_000,
    doc: 'WebSocket connections at once; more are refused with 503.',
    live: false,
  },
  'server.maxUnauthenticated': {
    schema: positive,
    default: 1_000,
    doc: 'WebSocket connections at once that have not signed in yet.',
    live: false,
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
    live: false,
  },
  'protocol.legacy': {
    schema: z.boolean(),
    default: true,
    doc: 'Whether clients of Talon v0.3 are served.',
    live: false,
  },
  'protocol.helloTimeoutMs': {
    schema: positive,
    default: 5_000,
    doc: 'Time in which a connection must have signed in.',
    live: false,
  },
  'protocol.heartbeatMs': {
    schema: positive.min(100),
    default: 25_000,
    doc: 'Time between WebSocket pings; a connection that misses two is closed.',
    live: false,
  },
  'limits.enabled': {
    schema: z.enum(['on', 'off']),
    default: 'on',
    doc: 'For benchmarks on a loopback address only.',
    live: false,
    variable: 'TALON_LIMITS',
  },
  'limits.authFailures': {
    schema: positive,
    default: 20,
    doc: 'Failed sign-ins a minute from one address, then it is locked out for a minute.',
    live: false,
  },
  'agent.providers': {
    schema: z.array(z.record(z.string(), z.unknown())).max(50),
    default: [],
    doc: 'Model providers; see docs/providers.md.',
    live: false,
    secret: true,
  },
  'agent.model': {
    schema: z.string().min(1).max(200),
    default: 'auto',
    doc: 'Model of sessions that name none: its id, or provider/id. "auto" is the first model of each provider in turn, or the offline model where none is configured.',
    live: false,
  },
  'agent.fallback': {
    schema: z.array(z.string().min(1).max(200)).max(10),
    default: [],
    doc: 'Models to try, in order, when the chosen one fails before its first word.',
    live: false,
  },
  'agent.maxRuns': {
    schema: positive,
    default: 64,
    doc: 'Runs that work at once; more wait in the database.',
    live: false,
  },
  'agent.maxSteps': { schema: positive.max(1_000), default: 25, doc: 'Model calls in one run.', live: false },
  'agent.promptFile': {
    schema: z.string().min(1),
    default: 'prompt.md',
    doc: 'System prompt, a file in the data folder.',
    live: false,
  },
  'agent.connectTimeoutMs': { schema: positive, default: 10_000, doc: 'Time to reach a provider.', live: false },
  'agent.firstTokenTimeoutMs': {
    schema: positive,
    default: 60_000,
    doc: 'Time until a provider says its first word.',
    live: false,
  },
  'agent.silenceTimeoutMs': { schema: positive, default: 30_000, doc: 'Longest pause inside an answer.', live: false },
  'agent.totalTimeoutMs': { schema: positive, default: 600_000, doc: 'Longest time for one answer.', live: false },
  'agent.retries': {
    schema: z.number().int().min(0).max(10),
    default: 2,
    doc: 'Repeats of a call that a provider refused with 429 or 5xx.',
    live: false,
  },
  'tools.workspace': {
    schema: z.string().min(1),
    default: 'workspace',
    doc: 'Folder that tools may read and write, inside the data folder unless absolute.',
    live: false,
  },
  'tools.timeoutMs': { schema: positive.max(600_000), default: 30_000, doc: 'Time for one tool run.', live: false },
  'tools.maxOutputBytes': {
    schema: positive.min(1_024).max(16 * 1_048_576),
    default: 1_048_576,
    doc: 'Output of one tool run that is kept, head and tail.',
    live: false,
  },
  'tools.maxConcurrent': { schema: positive, default: 32, doc: 'Tools that run at once; more wait.', live: false },
  'log.level': {
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
    doc: 'Lowest level that is logged.',
    live: false,
  },
} as const satisfies Record<string, SettingRow>

export type SettingKey = keyof typeof settings
/** The value of every setting, by its key. */
export type Config = { readonly [K in SettingKey]: z.output<(typeof settings)[K]['schema']> }
