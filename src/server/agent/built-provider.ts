import { isDeepStrictEqual } from 'node:util'
import type { SocketFigures, SocketSettings } from '../http-sockets.ts'
import type { ProviderPool } from '../record-models.ts'
import { httpPool } from './http-pool.ts'
import type { Model } from './model.ts'
import { anthropic } from './models/anthropic.ts'
import { offlineModel } from './models/offline.ts'
import { openAiCompatible } from './models/openai-compatible.ts'
import type { ModelSettings } from './models/provider.ts'
import { failures } from './models/provider-failure.ts'
import type { ModelConfig, ProviderConfig } from './providers.ts'

/** What is assumed of a model whose context window is not configured; the smallest common among hosted models. */
const defaultContextTokens = 128_000

/** Where a key is kept outside of the configuration: an environment variable or a file. */
export type SecretSource = { env: string } | { file: string }

export interface ProviderDeps {
  /** The secret, or undefined if there is none or it cannot be read; asked when a provider is taken over. */
  readSecret: (source: SecretSource) => string | undefined
  newId: () => string
  /** Unix ms. */
  now: () => number
  pool?: Partial<SocketSettings>
}

/** One provider as it was configured, with its sockets. */
export interface BuiltProvider {
  name: string
  models: Model[]
  keyProblem: string | undefined
  pools: () => ProviderPool[]
  /** Whether it is what this configuration would make, with the key as it is now. */
  isSame: (config: ProviderConfig) => boolean
  /** Notes a call; what it returns ends it. */
  enter: () => () => void
  /** Whether no call is under way. */
  isIdle: () => boolean
  /** Closes the sockets once the last call has ended. */
  retire: () => void
  /** Cuts every socket, those in use too. */
  close: () => Promise<void>
}

/** Nothing is connected or loaded before a model is used. */
export function buildProvider(config: ProviderConfig, deps: ProviderDeps): BuiltProvider {
  const key = keyOf(config, deps)
  const isSame = (other: ProviderConfig) => isDeepStrictEqual(other, config) && keyOf(other, deps) === key
  if (config.kind === 'offline') {
    const { name } = config
    const models = config.models.map(entry => offlineModel({ newId: deps.newId, provider: name, id: modelId(entry) }))
    return { name, models, keyProblem: undefined, pools: () => [], isSame, ...closedAfterUse(async () => {}) }
  }
  return { ...buildRemote(config, key, deps), isSame }
}

type RemoteConfig = Exclude<ProviderConfig, { kind: 'offline' }>

function buildRemote(config: RemoteConfig, key: string | undefined, deps: ProviderDeps): Omit<BuiltProvider, 'isSame'> {
  const { name, baseUrl, headers = {} } = config
  // A header may carry a key as well, and a header's name does not tell.
  const fail = failures(name, [key ?? '', ...Object.values(headers)])
  const pool = httpPool(fail, deps.pool)
  const problem = keyProblem(config, key)
  const apiKey = () => {
    if (problem !== undefined) throw fail(problem)
    return key
  }
  const build = config.kind === 'anthropic' ? anthropic : openAiCompatible
  const provider = { name, baseUrl, headers, pool, fail, apiKey }
  const unused = { ...noSockets, origin: new URL(baseUrl).origin }
  return {
    name,
    models: config.models.map(modelSettings).map(build(provider)),
    keyProblem: problem,
    // A provider that nobody asks has its line too, so that one that is gone can be told from one that is idle.
    pools: () => [{ provider: name, ...(pool.stats()[0] ?? unused) }],
    ...closedAfterUse(pool.close),
  }
}

const noSockets: Omit<SocketFigures, 'origin'> = { connected: 0, free: 0, pending: 0, queued: 0, running: 0, size: 0 }

function closedAfterUse(close: () => Promise<void>): Pick<BuiltProvider, 'enter' | 'isIdle' | 'retire' | 'close'> {
  let calls = 0
  let isRetired = false
  // Nobody waits for it, and a socket that does not close is gone with the process.
  const closeIdle = () => {
    if (isRetired && calls === 0) void close().catch(() => {})
  }
  return {
    enter() {
      calls += 1
      return () => {
        calls -= 1
        closeIdle()
      }
    },
    isIdle: () => calls === 0,
    retire() {
      isRetired = true
      closeIdle()
    },
    close,
  }
}

/** The key that a provider is asked with; undefined if there is none. */
export function keyOf(config: ProviderConfig, { readSecret }: Pick<ProviderDeps, 'readSecret'>): string | undefined {
  if (config.kind === 'offline') return undefined
  const { apiKey, apiKeyEnv, apiKeyFile } = config
  if (apiKey !== undefined) return apiKey.trim()
  if (apiKeyEnv !== undefined) return readSecret({ env: apiKeyEnv })?.trim()
  return apiKeyFile === undefined ? undefined : readSecret({ file: apiKeyFile })?.trim()
}

/** A provider without its key is a failure of each call and not of the start: the others can answer. */
export function keyProblem({ apiKeyEnv, apiKeyFile }: RemoteConfig, key: string | undefined): string | undefined {
  if (!key && apiKeyEnv !== undefined) return `the environment variable ${apiKeyEnv} holds no API key`
  if (!key && apiKeyFile !== undefined) return `the file ${apiKeyFile} holds no API key`
  if (key && !/^[\x21-\x7e]+$/.test(key)) return 'the API key holds characters that no HTTP header can carry'
  return undefined
}

function modelId(entry: ModelConfig): string {
  return typeof entry === 'string' ? entry : entry.id
}

function modelSettings(entry: ModelConfig): ModelSettings {
  if (typeof entry === 'string') return { id: entry, contextTokens: defaultContextTokens }
  return { ...entry, contextTokens: entry.contextTokens ?? defaultContextTokens }
}
