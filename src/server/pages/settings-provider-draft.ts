import { TalonError } from '../../protocol/errors.ts'
import type { EnteredKeys } from '../entered-keys.ts'
import { keyFileOf } from '../provider-keys.ts'
import { checkedProvider, type ProviderConfig } from '../usable.ts'

export type RemoteProvider = Exclude<ProviderConfig, { kind: 'offline' }>
type ModelEntry = ProviderConfig['models'][number]

/** What the form of a provider holds; never a key, nor the value of a header. */
export interface ProviderDraft {
  /** The name of the provider that it changes; empty for a new one. */
  was: string
  name: string
  kind: string
  baseUrl: string
  env: string
  models: string
  headerName: string
  dropped: readonly string[]
  removesKey: boolean
}

export function draftOf(provider: RemoteProvider): ProviderDraft {
  const { name, kind, baseUrl, apiKeyEnv = '', models } = provider
  const text = models.map(lineOf).join('\n')
  return { ...emptyDraft, was: name, name, kind, baseUrl, env: apiKeyEnv, models: text }
}

export const emptyDraft: ProviderDraft = {
  ...{ was: '', name: '', kind: 'openai-compatible', baseUrl: '', env: '', models: '', headerName: '' },
  ...{ dropped: [], removesKey: false },
}

/** What was entered, with the models that were ticked. */
export function readDraft(form: URLSearchParams): ProviderDraft {
  const text = (name: string) => (form.get(name) ?? '').trim()
  const lines = text('models').split(/\r?\n/)
  const known = idsIn(text('models'))
  const ticked = form.getAll('found').filter(id => !known.has(id))
  return {
    ...{ was: text('was'), name: text('was') || text('name'), kind: text('kind'), baseUrl: text('baseUrl') },
    env: text('env'),
    models: [...lines, ...ticked].filter(line => line.trim() !== '').join('\n'),
    headerName: text('headerName'),
    dropped: form.getAll('dropHeader'),
    removesKey: form.has('removeKey'),
  }
}

/** The provider that a form stands for. A key that was entered is in `apiKey`, wherever it will be kept. */
export interface Candidate {
  provider: RemoteProvider
  /** The key that was entered, to be written when it is saved. */
  key: string | undefined
}

/**
 * Reads what was entered, over what is saved: a field that is never shown stays as it is where it was left empty.
 * @throws TalonError `INVALID_MESSAGE`
 */
export function candidateOf(form: URLSearchParams, saved: RemoteProvider | undefined, keys: EnteredKeys): Candidate {
  const draft = readDraft(form)
  const { name, kind, baseUrl } = draft
  const isMoved = saved !== undefined && originOf(saved.baseUrl) !== originOf(baseUrl)
  const key = draft.removesKey ? undefined : enteredKey(form, keys)
  const headers = headersOf(form, draft, saved, isMoved)
  const models = draft.models === '' ? [] : draft.models.split('\n').map(line => entryOf(line.trim()))
  const place = key === undefined ? keptKey(draft, saved, isMoved) : { apiKey: key }
  const known = checkedProvider({
    ...{ name, kind, ...(baseUrl !== '' && { baseUrl }), ...place },
    ...(headers && { headers }),
    // One that is to be tested may have none yet.
    models: models.length > 0 ? models : ['none'],
  })
  if (known.kind === 'offline') throw new TalonError('INVALID_MESSAGE', 'Choose what the provider speaks.')
  return { provider: { ...known, models }, key }
}

/** As it is saved: a key that was entered is in a file, and never in talon.json. */
export function savedForm({ provider, key }: Candidate): RemoteProvider {
  if (provider.models.length === 0) {
    throw new TalonError('INVALID_MESSAGE', 'Name at least one model. “Test connection” shows those that there are.')
  }
  if (key === undefined) return provider
  const { apiKey: _, ...others } = provider
  return { ...others, apiKeyFile: keyFileOf(provider.name) }
}

function enteredKey(form: URLSearchParams, keys: EnteredKeys): string | undefined {
  const typed = (form.get('key') ?? '').trim()
  if (typed !== '') return typed
  const id = form.get('keptKey') ?? ''
  if (id === '') return undefined
  const kept = keys.find(id)
  if (kept === undefined) throw new TalonError('INVALID_MESSAGE', 'The key was entered too long ago. Enter it again.')
  return kept
}

function keptKey(
  draft: ProviderDraft,
  saved: RemoteProvider | undefined,
  isMoved: boolean,
): Pick<RemoteProvider, 'apiKey' | 'apiKeyEnv' | 'apiKeyFile'> {
  if (draft.removesKey) return {}
  if (draft.env !== '') return { apiKeyEnv: draft.env }
  const { apiKey, apiKeyFile } = saved ?? {}
  const kept = { ...(apiKey !== undefined && { apiKey }), ...(apiKeyFile !== undefined && { apiKeyFile }) }
  // Else whoever may change an address could have a key sent to where it can be read.
  if (isMoved && Object.keys(kept).length > 0) {
    const words = 'The key was given for another address. Enter it again, or tick “Remove the key”.'
    throw new TalonError('INVALID_MESSAGE', words)
  }
  return kept
}

function headersOf(
  form: URLSearchParams,
  { headerName, dropped }: ProviderDraft,
  saved: RemoteProvider | undefined,
  isMoved: boolean,
): Record<string, string> | undefined {
  const kept = Object.entries(saved?.headers ?? {}).filter(([name]) => !dropped.includes(name))
  if (isMoved && kept.length > 0) {
    const names = kept.map(([name]) => name).join(', ')
    throw new TalonError(
      'INVALID_MESSAGE',
      `Headers were given for another address: remove ${names}, or add a new provider.`,
    )
  }
  const value = (form.get('headerValue') ?? '').trim()
  // It does not come back with the form, so that the second try would keep an empty one in its place.
  if (headerName !== '' && value === '') {
    throw new TalonError(
      'INVALID_MESSAGE',
      `Enter the value of the header ${headerName}: it is never kept in the form.`,
    )
  }
  const added = headerName === '' ? [] : [[headerName, value]]
  const headers = Object.fromEntries([...kept, ...added])
  return Object.keys(headers).length > 0 ? headers : undefined
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url
}

/** A model on one line: `id`, or `id context=8192 output=2048`. */
function lineOf(entry: ModelEntry): string {
  if (typeof entry === 'string') return entry
  const { id, contextTokens, maxOutputTokens } = entry
  const context = contextTokens === undefined ? '' : ` context=${contextTokens}`
  return `${id}${context}${maxOutputTokens === undefined ? '' : ` output=${maxOutputTokens}`}`
}

function entryOf(line: string): ModelEntry {
  // Looked for at the begin of a gap only: a long one would be read again from each of its places.
  const found = /^(.*?)(?:(?<!\s)\s+context=(\d+))?(?:(?<!\s)\s+output=(\d+))?$/.exec(line)
  const [, id = line, context, output] = found ?? []
  if (context === undefined && output === undefined) return id
  return {
    id,
    ...(context !== undefined && { contextTokens: Number(context) }),
    ...(output !== undefined && { maxOutputTokens: Number(output) }),
  }
}

/** The ids of the models that a text names, one on each line. */
export function idsIn(models: string): ReadonlySet<string> {
  return new Set(models.split(/\r?\n/).map(line => idOf(entryOf(line.trim()))))
}

/** The id of a model of the settings. */
export function idOf(entry: ModelEntry): string {
  return typeof entry === 'string' ? entry : entry.id
}
