import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type KnownProvider, knownProviders, variablesOf } from './providers.ts'
import { isRecord, type Json, textOf } from './values.ts'

/** A provider that v0.3.3 had a key for. */
export interface OldProvider {
  name: string
  kind: KnownProvider['kind']
  baseUrl: string | undefined
  /** Never to be shown. */
  apiKey: string
  /** The file that names it. */
  from: string
  /** Ids as the provider spells them; none if the old settings name none. */
  models: string[]
}

export interface OldSettings {
  providers: OldProvider[]
  /** As `provider/id`, of one of these providers. */
  model: string | undefined
  /** Providers with a key and without an address that is known. */
  unknown: string[]
}

const maxFileBytes = 1024 * 1024
const maxProviders = 50
const providerName = /^[a-z0-9][a-z0-9_-]{0,63}$/
const keyNames = ['apiKey', 'api_key', 'key', 'token']
const addressNames = ['baseUrl', 'baseURL', 'base_url', 'apiBase', 'endpoint']

/**
 * What `config.json` and `.env` of an old data folder say of providers. The shape of the old file was never written
 * down, so it is looked for in every place that is likely; a file that cannot be read says nothing.
 */
export async function readOldSettings(folder: string): Promise<OldSettings> {
  const config = parseJson(await text(join(folder, 'config.json')))
  const variables = parseEnv(await text(join(folder, '.env')))
  const found = new Map<string, Found>()
  for (const [name, about] of providersIn(config)) {
    const apiKey = keyOf(about, variables)
    if (apiKey !== undefined) found.set(name, { apiKey, about, from: 'config.json' })
  }
  for (const name of Object.keys(knownProviders)) {
    const apiKey = variablesOf(name)
      .map(each => variables.get(each))
      .find(each => each !== undefined)
    if (apiKey !== undefined && !found.has(name)) found.set(name, { apiKey, about: {}, from: '.env' })
  }
  const providers: OldProvider[] = []
  const unknown: string[] = []
  for (const [name, { apiKey, about, from }] of [...found].slice(0, maxProviders)) {
    const known = knownProviders[name]
    const baseUrl = addressOf(about) ?? known?.baseUrl
    if (!known && baseUrl === undefined) unknown.push(name)
    else
      providers.push({
        name,
        kind: known?.kind ?? 'openai-compatible',
        baseUrl,
        apiKey,
        from,
        models: modelsOf(about, name),
      })
  }
  return { providers, unknown, model: takeModel(modelIn(config, variables), providers) }
}

/** A sentence that names what there is, without any key; undefined if there is nothing. */
export function describe({ providers, model }: OldSettings): string | undefined {
  if (providers.length === 0) return undefined
  const files = ['config.json', '.env'].flatMap(file => {
    const names = providers.filter(({ from }) => from === file).map(({ name }) => name)
    return names.length === 0 ? [] : [`${file} names a key for ${names.join(', ')}`]
  })
  return `${files.join(', ')}${model === undefined ? '' : ` and the model ${model}`}.`
}

interface Found {
  apiKey: string
  about: Json
  from: string
}

async function text(file: string): Promise<string> {
  const content = await readFile(file).catch(() => Buffer.alloc(0))
  return content.length > maxFileBytes ? '' : content.toString()
}

function parseJson(content: string): Json {
  try {
    const value: unknown = JSON.parse(content)
    return isRecord(value) ? value : {}
  } catch {
    return {}
  }
}

function parseEnv(content: string): Map<string, string> {
  const variables = new Map<string, string>()
  for (const line of content.split(/\r?\n/)) {
    const [, name, value = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    const plain = /^(["'])(.*)\1/.exec(value)?.[2] ?? value.replace(/\s#.*$/, '')
    if (name !== undefined && plain !== '') variables.set(name, plain)
  }
  return variables
}

/** Each provider that the file says something of, by its name in lower case. */
function* providersIn(config: Json): Generator<[string, Json]> {
  for (const section of [config, record(config.agent), record(config.models), record(config.llm), record(config.ai)]) {
    for (const [name, about] of entriesOf(section.providers)) yield* named(name, about)
    for (const [name, about] of entriesOf(section.apiKeys)) yield* named(name, about)
    for (const [name, about] of Object.entries(section)) {
      const [, short] = /^([a-z0-9-]+?)_?api_?key$/i.exec(name) ?? []
      if (short !== undefined && typeof about === 'string') yield* named(short, about)
      else if (knownProviders[name.toLowerCase()] && isRecord(about)) yield* named(name, about)
    }
  }
  // One provider, named beside its key.
  const agent = record(config.agent)
  const name = textOf(agent.provider) ?? textOf(config.provider)
  if (name !== undefined) yield* named(name, { ...config, ...agent, models: undefined })
}

function* named(name: string, about: unknown): Generator<[string, Json]> {
  const plain = name.toLowerCase()
  if (!providerName.test(plain)) return
  yield [plain, typeof about === 'string' ? { apiKey: about } : record(about)]
}

/** Of a record by name, or of a list whose items say their names. */
function entriesOf(value: unknown): [string, unknown][] {
  if (isRecord(value)) return Object.entries(value)
  if (!Array.isArray(value)) return []
  return value.flatMap((item): [string, unknown][] => {
    const name = isRecord(item)
      ? (textOf(item.name) ?? textOf(item.id) ?? textOf(item.provider) ?? textOf(item.type))
      : undefined
    return name === undefined ? [] : [[name, item]]
  })
}

/** A key may stand for a variable: `$NAME`, `${NAME}`, `env:NAME`. */
function keyOf(about: Json, variables: ReadonlyMap<string, string>): string | undefined {
  const key = keyNames.map(name => textOf(about[name])?.trim()).find(each => each)
  const [, variable] = /^(?:\$\{?|env:)([A-Z_][A-Z0-9_]*)\}?$/.exec(key ?? '') ?? []
  return variable === undefined ? key : variables.get(variable)
}

function addressOf(about: Json): string | undefined {
  const address = addressNames.map(name => textOf(about[name])).find(each => each !== undefined)
  return address !== undefined && URL.canParse(address) && /^https?:/.test(address) ? address : undefined
}

function modelsOf(about: Json, provider: string): string[] {
  const listed = Array.isArray(about.models) ? about.models : Object.keys(record(about.models))
  const ids = [about.model, about.defaultModel, ...listed].map(each =>
    textOf(isRecord(each) ? (each.id ?? each.name) : each),
  )
  const plain = ids.filter(id => id !== undefined).map(id => withoutProvider(id, provider))
  return [...new Set(plain)]
}

function modelIn(config: Json, variables: ReadonlyMap<string, string>): string | undefined {
  const sections = [record(config.agent), config, record(config.llm), record(config.ai)]
  const values = sections.flatMap(section => [section.model, section.defaultModel])
  const texts = values.map(value => (isRecord(value) ? (textOf(value.primary) ?? textOf(value.id)) : textOf(value)))
  return texts.find(each => each !== undefined) ?? variables.get('TALON_MODEL') ?? variables.get('MODEL')
}

/** Gives the model to the provider that it is of, as its first. */
function takeModel(model: string | undefined, providers: readonly OldProvider[]): string | undefined {
  if (model === undefined) return undefined
  const [prefix = ''] = model.split('/')
  const owner =
    providers.find(({ name }) => name === prefix.toLowerCase()) ??
    providers.find(({ name }) => knownProviders[name]?.models?.test(model)) ??
    (providers.length === 1 ? providers[0] : undefined)
  if (!owner) return undefined
  const id = withoutProvider(model, owner.name)
  owner.models = [id, ...owner.models.filter(each => each !== id)]
  return `${owner.name}/${id}`
}

function withoutProvider(id: string, provider: string): string {
  return id.toLowerCase().startsWith(`${provider}/`) ? id.slice(provider.length + 1) : id
}

function record(value: unknown): Json {
  return isRecord(value) ? value : {}
}
