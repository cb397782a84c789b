import { z } from 'zod'
import type { SocketFigures, SocketSettings } from '../http-sockets.ts'
import type { Models, ProviderPool } from '../record.ts'
import { httpPool } from './http-pool.ts'
import type { Model } from './model.ts'
import { anthropic } from './models/anthropic.ts'
import { offlineModel } from './models/offline.ts'
import { openAiCompatible } from './models/openai-compatible.ts'
import type { ModelSettings } from './models/provider.ts'
import { failures } from './models/provider-failure.ts'

/** What is assumed of a model whose context window is not configured; the smallest common among hosted models. */
const defaultContextTokens = 128_000

const anthropicBaseUrl = 'https://api.anthropic.com/v1'

const maxProviders = 50
const maxModels = 256
const maxHeaders = 32

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'lower case letters, digits, "-" and "_", 64 at most')

const model = z.union([
  z.string().min(1).max(200),
  z.strictObject({
    id: z.string().min(1).max(200),
    contextTokens: z.int().min(1_000).max(100_000_000).optional(),
    maxOutputTokens: z.int().min(1).max(10_000_000).optional(),
  }),
])

const models = z.array(model).min(1).max(maxModels)

const baseUrl = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .refine(isPlain, 'no user, password, query or fragment; a key belongs into apiKey')

const remote = {
  name,
  apiKey: z.string().min(1).max(10_000).optional(),
  apiKeyEnv: z.string().min(1).max(200).optional(),
  apiKeyFile: z.string().min(1).max(4_000).optional(),
  models,
  headers: z
    .record(z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/), z.string().regex(/^[\x20-\x7e]{0,4000}$/))
    .refine(headers => Object.keys(headers).length <= maxHeaders, `at most ${maxHeaders} headers`)
    .optional(),
}

const provider = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('openai-compatible'), baseUrl, ...remote }),
    z.strictObject({ kind: z.literal('anthropic'), baseUrl: baseUrl.default(anthropicBaseUrl), ...remote }),
    z.strictObject({ kind: z.literal('offline'), name, models: models.default(['offline']) }),
  ])
  .refine(hasOneKey, 'only one of apiKey, apiKeyEnv and apiKeyFile')
  .refine(({ name, kind }) => name !== 'offline' || kind === 'offline', 'the name offline is taken')
  .refine(({ models }) => isUnique(models.map(modelId)), 'a model is listed twice')

/** The setting `agent.providers`: where models are asked, in the order in which they are tried. */
export const providersSchema = z
  .array(provider)
  .max(maxProviders)
  .refine(providers => isUnique(providers.map(({ name }) => name)), 'two providers have the same name')

export type ProviderConfig = z.output<typeof provider>

/** Where a key is kept outside of the configuration: an environment variable or a file. */
export type SecretSource = { env: string } | { file: string }

export interface ProviderDeps {
  /** The secret, or undefined if there is none or it cannot be read; asked once, when the models are built. */
  readSecret: (source: SecretSource) => string | undefined
  newId: () => string
  pool?: Partial<SocketSettings>
}

/**
 * The models of the configuration and `offline`; closing cuts every connection to a provider. A name is
 * `provider/model`, or `model` for the first provider that has it.
 */
export interface ProviderModels extends Models {
  /** The first model of each provider in order; `offline` only if nothing is configured, as it is no assistant. */
  defaultChain: readonly Model[]
}

/** Builds all models of a checked configuration; nothing is connected or loaded before a model is used. */
export function buildModels(configs: readonly ProviderConfig[], deps: ProviderDeps): ProviderModels {
  const built = configs.map(config => buildProvider(config, deps))
  const configured = built.flatMap(({ models }) => models)
  const hasOffline = configured.some(isOffline)
  const all = hasOffline ? configured : [...configured, offlineModel({ newId: deps.newId })]
  const firsts = built.flatMap(({ models }) => models.slice(0, 1))
  return {
    find: name =>
      all.find(model => nameOf(model) === name) ??
      (name === 'offline' ? all.find(isOffline) : all.find(({ id }) => id === name)),
    list: () => all.map(nameOf),
    defaultChain: firsts.length > 0 ? firsts : all,
    pools: () => built.flatMap(({ pools }) => pools()),
    close: async () => void (await Promise.all(built.map(({ close }) => close()))),
  }
}

interface BuiltProvider {
  models: Model[]
  pools: () => ProviderPool[]
  close: () => Promise<void>
}

function buildProvider(config: ProviderConfig, deps: ProviderDeps): BuiltProvider {
  const { name } = config
  if (config.kind === 'offline') {
    const models = config.models.map(entry => offlineModel({ newId: deps.newId, provider: name, id: modelId(entry) }))
    return { models, pools: () => [], close: async () => {} }
  }
  const { baseUrl, headers = {} } = config
  const key = (config.apiKey ?? readKey(config, deps))?.trim()
  // A header may carry a key as well, and a header's name does not tell.
  const fail = failures(name, [key ?? '', ...Object.values(headers)])
  const pool = httpPool(fail, deps.pool)
  const apiKey = () => {
    const problem = keyProblem(config, key)
    if (problem !== undefined) throw fail(problem)
    return key
  }
  const build = config.kind === 'anthropic' ? anthropic : openAiCompatible
  const provider = { name, baseUrl, headers, pool, fail, apiKey }
  const unused = { ...noSockets, origin: new URL(baseUrl).origin }
  return {
    models: config.models.map(modelSettings).map(build(provider)),
    // A provider that nobody asks has its line too, so that one that is gone can be told from one that is idle.
    pools: () => [{ provider: name, ...(pool.stats()[0] ?? unused) }],
    close: pool.close,
  }
}

const noSockets: Omit<SocketFigures, 'origin'> = { connected: 0, free: 0, pending: 0, queued: 0, running: 0, size: 0 }

type RemoteConfig = Exclude<ProviderConfig, { kind: 'offline' }>

function readKey({ apiKeyEnv, apiKeyFile }: RemoteConfig, { readSecret }: ProviderDeps): string | undefined {
  if (apiKeyEnv !== undefined) return readSecret({ env: apiKeyEnv })
  return apiKeyFile === undefined ? undefined : readSecret({ file: apiKeyFile })
}

/** A provider without its key is a failure of each call and not of the start: the others can answer. */
function keyProblem({ apiKeyEnv, apiKeyFile }: RemoteConfig, key: string | undefined): string | undefined {
  if (!key && apiKeyEnv !== undefined) return `the environment variable ${apiKeyEnv} holds no API key`
  if (!key && apiKeyFile !== undefined) return `the file ${apiKeyFile} holds no API key`
  if (key && !/^[\x21-\x7e]+$/.test(key)) return 'the API key holds characters that no HTTP header can carry'
  return undefined
}

function modelId(entry: z.output<typeof model>): string {
  return typeof entry === 'string' ? entry : entry.id
}

function modelSettings(entry: z.output<typeof model>): ModelSettings {
  if (typeof entry === 'string') return { id: entry, contextTokens: defaultContextTokens }
  return { ...entry, contextTokens: entry.contextTokens ?? defaultContextTokens }
}

function nameOf({ provider, id }: Model): string {
  return `${provider}/${id}`
}

function isOffline(model: Model): boolean {
  return model.provider === 'offline' && model.id === 'offline'
}

function isPlain(url: string): boolean {
  // A refinement runs on an address that was refused already, too.
  if (!URL.canParse(url)) return false
  const { username, password, search, hash } = new URL(url)
  return username === '' && password === '' && search === '' && hash === ''
}

function hasOneKey(config: object): boolean {
  return ['apiKey', 'apiKeyEnv', 'apiKeyFile'].filter(key => key in config).length <= 1
}

function isUnique(names: readonly string[]): boolean {
  return new Set(names).size === names.length
}
