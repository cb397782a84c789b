import { TalonError } from '../../protocol/errors.ts'
import type { ProviderCheck } from '../record-models.ts'
import { buildProvider, keyOf, keyProblem, type ProviderDeps } from './built-provider.ts'
import { httpPool } from './http-pool.ts'
import { type Fail, failures, ProviderFailure } from './models/provider-failure.ts'
import type { ProviderConfig } from './providers.ts'

/** Whoever pressed the button looks at the page so long. */
const patienceMs = 15_000

/** OpenRouter's list of some 400 models has 0.6 MB. */
const maxListBytes = 4 * 1024 * 1024

/** More than one reads through; the rest is counted. */
const maxListed = 500

// model-2 stands before model-10.
const byName = new Intl.Collator('en', { numeric: true })

type Remote = Exclude<ProviderConfig, { kind: 'offline' }>

/**
 * Asks a provider for its models, or for one word where it has no list of them; what it does wrong is told and not thrown.
 * It goes wherever the address leads, also into the own network: whoever may change the settings may say so.
 */
export async function checkProvider(config: ProviderConfig, deps: ProviderDeps): Promise<ProviderCheck> {
  const startedAt = deps.now()
  const durationMs = () => deps.now() - startedAt
  if (config.kind === 'offline') return { ok: true, by: 'word', durationMs: 0 }
  const key = keyOf(config, deps)
  const fail = failures(config.name, [key ?? '', ...Object.values(config.headers ?? {})])
  const signal = AbortSignal.timeout(patienceMs)
  try {
    const problem = keyProblem(config, key)
    if (problem !== undefined) throw fail(problem)
    const models = await listModels(config, { key, fail, signal, deps })
    if (models) {
      const listed = models.slice(0, maxListed)
      return { ok: true, by: 'list', models: listed, more: models.length - listed.length, durationMs: durationMs() }
    }
    await askOneWord(config, { fail, signal, deps })
    return { ok: true, by: 'word', durationMs: durationMs() }
  } catch (thrown) {
    const failure = signal.aborted ? fail(`no answer within ${patienceMs / 1_000} s`, { code: 'TIMEOUT' }) : thrown
    if (!(failure instanceof TalonError)) throw failure
    return { ok: false, problem: failure.message, advice: adviceFor(failure, config), durationMs: durationMs() }
  }
}

interface Asking {
  fail: Fail
  signal: AbortSignal
  deps: ProviderDeps
}

/** Ids in the order of the alphabet; undefined if it has no list. */
async function listModels(
  { kind, baseUrl, headers }: Remote,
  { key, fail, signal, deps }: Asking & { key: string | undefined },
): Promise<string[] | undefined> {
  const pool = httpPool(fail, deps.pool)
  // Anthropic lists 20 unless it is asked for more.
  const url = `${baseUrl.replace(/\/+$/, '')}/models${kind === 'anthropic' ? '?limit=1000' : ''}`
  try {
    const credentials = credentialsOf(kind, key)
    const response = await pool.fetch(url, {
      headers: { accept: 'application/json', ...credentials, ...headers },
      signal,
    })
    return idsIn(await textOf(response, fail))
  } catch (thrown) {
    if (thrown instanceof ProviderFailure && (thrown.httpStatus === 404 || thrown.httpStatus === 405)) return undefined
    throw thrown
  } finally {
    await pool.close()
  }
}

function credentialsOf(kind: Remote['kind'], key: string | undefined): Record<string, string> {
  if (kind === 'anthropic') return { 'anthropic-version': '2023-06-01', ...(key && { 'x-api-key': key }) }
  return key ? { authorization: `Bearer ${key}` } : {}
}

async function textOf(response: Response, fail: Fail): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    // Leaving the loop ends the body.
    if (text.length > maxListBytes) throw fail('sent more than a list of models may hold')
  }
  return text
}

/** Both wire formats have `{data: [{id}]}`; undefined for anything else. */
function idsIn(text: string): string[] | undefined {
  let data: unknown
  try {
    // Of unknown shape, looked at below.
    data = (JSON.parse(text) as { data?: unknown } | null)?.data
  } catch {
    return undefined
  }
  if (!Array.isArray(data)) return undefined
  const ids = data.flatMap((entry: { id?: unknown } | null) => (typeof entry?.id === 'string' ? [entry.id] : []))
  // What could not be a setting is no model of ours.
  return [...new Set(ids)].filter(id => /^\P{C}{1,200}$/u.test(id)).sort(byName.compare)
}

/** @throws ProviderFailure */
async function askOneWord(config: Remote, { fail, signal, deps }: Asking): Promise<void> {
  const provider = buildProvider(config, deps)
  const [model] = provider.models
  if (!model) throw fail('has no list of models. Name one of its models, and test again')
  const messages = [{ role: 'user', content: 'Answer with one word: hello.' } as const]
  try {
    for await (const _ of model.stream({ system: '', messages, tools: [], signal }));
  } finally {
    await provider.close()
  }
}

function adviceFor(failure: TalonError, { baseUrl, apiKey, apiKeyEnv, apiKeyFile }: Remote): string {
  const status = failure instanceof ProviderFailure ? failure.httpStatus : undefined
  const hasKey = [apiKey, apiKeyEnv, apiKeyFile].some(place => place !== undefined)
  if (status === 401 || status === 403) {
    return hasKey
      ? 'It refuses the key. Make a new one there, and enter it here.'
      : 'It wants a key. Make one there, and enter it here.'
  }
  if (status === 404) return 'See whether the base URL is right, up to and with /v1, and the model too.'
  if (status === 429 || status === 402)
    return 'It takes nothing more for now. See the account there, or try again later.'
  if (status !== undefined && status >= 500) return 'The fault is there, and may pass. Try again later.'
  if (/holds no API key/.test(failure.message)) return 'Put the key there, or enter it here.'
  if (
    /cannot be reached|refused the connection|there is no host|no connection|closed the|within/.test(failure.message)
  ) {
    return isLocal(baseUrl)
      ? 'Start that server, or correct the port. In a container, localhost is the container itself.'
      : 'See whether the base URL is right, and whether this machine reaches that host.'
  }
  return 'See whether the base URL, the key and the model are right.'
}

function isLocal(baseUrl: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(baseUrl).hostname)
}
