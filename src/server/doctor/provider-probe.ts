import { httpSockets, socketDefaults } from '../http-sockets.ts'
import type { Provider, Subject } from './check.ts'
import { reasonOf } from './words.ts'

/** How a provider took the question for its models. */
export type Probe =
  | { state: 'answered'; status: number; durationMs: number; date: number | undefined; models: string[] | undefined }
  | { state: 'silent'; reason: string }

// OpenRouter's list of some 400 models has 0.6 MB.
const maxListBytes = 4 * 1024 * 1024

type Asking = Pick<Subject, 'monotonic' | 'patience'> & { sockets: ReturnType<typeof httpSockets> }

/** Asks all providers at once for their lists of models, which costs nothing. */
export async function probe(
  providers: readonly Provider[],
  { monotonic, patience }: Pick<Subject, 'monotonic' | 'patience'>,
): Promise<Map<Provider, Probe>> {
  const sockets = httpSockets({ ...socketDefaults, connectTimeoutMs: patience.providerMs })
  try {
    const found = await Promise.all(
      providers.map(async provider => [provider, await ask(provider, { sockets, monotonic, patience })] as const),
    )
    return new Map(found)
  } finally {
    await sockets.close()
  }
}

async function ask(provider: Provider, { sockets, monotonic, patience }: Asking): Promise<Probe> {
  const patienceMs = patience.providerMs
  const began = monotonic()
  const signal = AbortSignal.timeout(patienceMs)
  try {
    const response = await sockets.fetch(`${provider.baseUrl.replace(/\/+$/, '')}/models`, {
      headers: { accept: 'application/json', ...provider.headers, ...credentials(provider) },
      // A redirect would carry the key to wherever it points.
      redirect: 'manual',
      signal,
    })
    const { status } = response
    const date = Date.parse(response.headers.get('date') ?? '')
    const durationMs = Math.round(monotonic() - began)
    const models = status === 200 ? modelsIn(await textOf(response)) : undefined
    if (status !== 200) await response.body?.cancel()
    return { state: 'answered', status, durationMs, date: Number.isNaN(date) ? undefined : date, models }
  } catch (thrown) {
    if (signal.aborted) return { state: 'silent', reason: `no answer within ${patienceMs / 1_000} s` }
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
    return { state: 'silent', reason: withoutKey(reasonOf(cause), provider) }
  }
}

function credentials({ kind, key }: Provider): Record<string, string> {
  if (key === undefined) return {}
  if (kind === 'anthropic') return { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
  return { authorization: `Bearer ${key}` }
}

/** Empty if it is longer than a list of models is. */
async function textOf(response: Awaited<ReturnType<ReturnType<typeof httpSockets>['fetch']>>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    // Leaving the loop ends the body.
    if (text.length > maxListBytes) return ''
  }
  return text
}

/** Both wire formats have `{data: [{id}]}`; undefined for anything else. */
function modelsIn(text: string): string[] | undefined {
  try {
    const { data } = JSON.parse(text) as { data?: unknown } // Of unknown shape, looked at below.
    if (!Array.isArray(data)) return undefined
    return data.flatMap((entry: { id?: unknown } | null) => (typeof entry?.id === 'string' ? [entry.id] : []))
  } catch {
    return undefined
  }
}

/** What a library says of a header may quote it. */
function withoutKey(reason: string, { key, headers }: Provider): string {
  return [key, ...Object.values(headers)]
    .filter(secret => secret !== undefined && secret.length >= 4)
    .reduce<string>((text, secret) => text.replaceAll(secret ?? '', '[redacted]'), reason)
}
