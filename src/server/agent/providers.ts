import { z } from 'zod'
import type { Models } from '../record.ts'
import { type BuiltProvider, buildProvider, type ProviderDeps } from './built-provider.ts'
import type { Model, ModelEvent, ModelRequest } from './model.ts'
import { offlineModel } from './models/offline.ts'
import { ProviderFailure } from './models/provider-failure.ts'
import { checkProvider } from './provider-check.ts'
import { createUses } from './provider-uses.ts'

export type { ProviderDeps, SecretSource } from './built-provider.ts'

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

export type ModelConfig = z.output<typeof model>

/**
 * The models of the configuration and `offline`; closing cuts every connection to a provider. A name is
 * `provider/model`, or `model` for the first provider that has it.
 */
export interface ProviderModels extends Models {
  /**
   * Takes over a checked configuration. A provider that is the same keeps its sockets. Of any other, calls under way go on
   * and its sockets are closed after the last; the next call of its models is one of the new provider of that name.
   */
  update(configs: readonly ProviderConfig[]): void
}

/** Builds all models of a checked configuration; nothing is connected or loaded before a model is used. */
export function buildModels(first: readonly ProviderConfig[], deps: ProviderDeps): ProviderModels {
  const offline = offlineModel({ newId: deps.newId })
  const uses = createUses(deps.now)
  let configs: readonly ProviderConfig[] = []
  let built: Asked[] = []
  let all: Model[] = []
  // Those that still answer somebody; each ends with its last call.
  const retired = new Set<BuiltProvider>()

  async function* ask(asked: Model, request: ModelRequest): AsyncGenerator<ModelEvent> {
    const found = built.find(({ provider }) => provider.name === asked.provider)?.provider
    const model = found?.models.find(({ id }) => id === asked.id)
    // Whoever chose it before it was taken out of the settings, in the middle of a run.
    if (!found || !model) throw new ProviderFailure(`${nameOf(asked)}: it was taken out of the settings.`, {})
    const leave = found.enter()
    try {
      yield* uses.counted(model, request)
    } finally {
      leave()
      if (found.isIdle()) retired.delete(found)
    }
  }

  const makeAsked = (provider: BuiltProvider): Asked => ({
    provider,
    models: provider.models.map(model => ({ ...model, stream: request => ask(model, request) })),
  })

  const update = (next: readonly ProviderConfig[]) => {
    const before = built
    built = next.map(config => {
      const same = before.find(({ provider }) => provider.isSame(config))
      return same ?? makeAsked(buildProvider(config, deps))
    })
    for (const old of before.filter(old => !built.includes(old))) {
      if (!old.provider.isIdle()) retired.add(old.provider)
      old.provider.retire()
    }
    configs = next
    uses.keep(next.map(({ name }) => name))
    const configured = built.flatMap(({ models }) => models)
    all = configured.some(isOffline) ? configured : [...configured, offline]
  }
  update(first)

  return {
    update,
    readKeys: () => update(configs),
    find: name =>
      all.find(model => nameOf(model) === name) ??
      (name === 'offline' ? all.find(isOffline) : all.find(({ id }) => id === name)),
    list: () => all.map(nameOf),
    get defaultChain() {
      const firsts = built.flatMap(({ models }) => models.slice(0, 1))
      return firsts.length > 0 ? firsts : all
    },
    pools: () => built.flatMap(({ provider }) => provider.pools()),
    uses: () => built.map(({ provider }) => ({ ...uses.of(provider.name), keyProblem: provider.keyProblem })),
    check: candidate => checkProvider(candidate, deps),
    close: async () => {
      const providers = [...built.map(({ provider }) => provider), ...retired]
      await Promise.all(providers.map(({ close }) => close()))
    },
  }
}

/** A provider with its models as everybody else has them: each call is one of the provider of this name at that time. */
interface Asked {
  provider: BuiltProvider
  models: Model[]
}

function modelId(entry: ModelConfig): string {
  return typeof entry === 'string' ? entry : entry.id
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
