import { CommandError, type Context } from './context.ts'
import { findGateway, type Gateway, notRunning } from './gateway.ts'

// An answer takes milliseconds; a gateway that needs longer than this does not work.
const timeoutMs = 15_000

/**
 * Makes one call of the REST interface and gives its answer; undefined if it has no body.
 * @param path below `/api/v1`
 * @throws CommandError with the sentence of the gateway
 */
export async function callApi(
  context: Context,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const gateway = findGateway(context)
  const response = await reach(context, gateway, `/api/v1${path}`, {
    method,
    headers: {
      accept: 'application/json',
      ...(gateway.token === undefined ? {} : { authorization: `Bearer ${gateway.token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
  })
  if (!response.ok) throw await refusal(response, gateway)
  const text = await response.text()
  return text === '' ? undefined : parse(text, gateway)
}

/**
 * Makes one HTTP request, whatever it is answered. A signal takes the place of the usual 15 s.
 * @throws CommandError if no answer comes
 */
export async function reach(context: Context, gateway: Gateway, path: string, init?: RequestInit): Promise<Response> {
  try {
    const signal = init?.signal ?? AbortSignal.timeout(timeoutMs)
    // A redirect would carry the token to wherever it points.
    return await fetch(`${gateway.url}${path}`, { ...init, redirect: 'error', signal })
  } catch (error) {
    // Whoever gave the signal knows.
    if (error instanceof Error && error.name === 'AbortError') throw error
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ECONNREFUSED' && gateway.run) throw notRunning(context.home)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError(`${gateway.url} cannot be reached: ${reason}.`)
  }
}

/** What to say of a request that was refused, for whoever made it by `reach`. */
export async function refusal(response: Response, gateway: Gateway): Promise<CommandError> {
  return new CommandError(sentenceOf(response.status, await response.text(), gateway))
}

function parse(text: string, gateway: Gateway): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError(`${gateway.url} answered with something that is not JSON. Is it a Talon gateway?`)
  }
}

/** The sentence of a problem+json answer (RFC 9457: `detail`, else `title`). */
function sentenceOf(status: number, text: string, gateway: Gateway): string {
  const hint = status === 401 && gateway.token === undefined ? ' Set TALON_TOKEN to a token of that gateway.' : ''
  try {
    const problem: unknown = JSON.parse(text)
    if (typeof problem === 'object' && problem !== null) {
      const { detail, error, title } = problem as Record<string, unknown> // An object of unknown fields.
      const sentence = [detail, error, title].find(field => typeof field === 'string' && field !== '')
      if (sentence !== undefined) return `${sentence}${hint}`
    }
  } catch {
    // Not JSON: a proxy in between, or no Talon at all.
  }
  return `${gateway.url} answered with status ${status}.${hint}`
}
