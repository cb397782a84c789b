import { hash } from 'node:crypto'
import { errorPayload, TalonError } from '../protocol/errors.ts'
import {
  isRequestType,
  type ParsedPayload,
  type ReplyPayload,
  type ReplyType,
  type RequestType,
  requests,
} from '../protocol/messages.ts'
import { refuseUnready } from './lifecycle.ts'
import { timed } from './metrics/requests.ts'
import type { App, Call, Caller, Connection, From, TraceContext } from './record.ts'

/** What a handler answers; `duplicate` tells that it was done before and this is the answer of that time. */
export type Answer<T extends RequestType> = ReplyPayload<T> & { duplicate?: boolean }

/** One request's handler, in a file of `handlers/` that is called after the request. */
export type Handler<T extends RequestType> = (
  app: App,
  payload: ParsedPayload<T>,
  call: Call,
) => Promise<Answer<T>> | Answer<T>

/** Gives a handler its types. */
export function defineHandler<T extends RequestType>(type: T, handle: Handler<T>): { type: T; handle: Handler<T> } {
  return { type, handle }
}

interface RegisteredHandler {
  type: RequestType
  // The payload was validated by the schema of the same type, which a table of all handlers cannot express.
  handle: (app: App, payload: never, call: Call) => unknown
}

const files = import.meta.glob<{ handler: RegisteredHandler }>('./handlers/*.ts', { eager: true })
const handlers = new Map(Object.values(files).map(file => [file.handler.type, file.handler]))

/** The requests that have a handler; a test holds this against the table. */
export function handledTypes(): string[] {
  return [...handlers.keys()]
}

/** Who asks, and how an answer could go on: over a connection, with an idempotency key. */
export interface Asking {
  caller: Caller
  connection?: Connection | undefined
  from: From
  /** The sender's id of this request; with it a change happens once. */
  requestId?: string | undefined
  afterReply?: ((then: () => void) => void) | undefined
  /** The span that asks, or the place that the caller named. */
  trace?: TraceContext | undefined
  /** Ends what takes long when nobody waits for its answer any more. */
  signal?: AbortSignal | undefined
}

export interface Reply {
  type: string
  payload: Record<string, unknown>
}

/**
 * Answers one request: scope, payload, handler.
 * @throws TalonError as the protocol says; anything else is a fault of ours
 */
export function dispatch(app: App, type: string, payload: unknown, asking: Asking): Promise<Reply> | Reply {
  // One that came over HTTP has its line already.
  const answer = asking.connection && app.log.isOn('debug') ? logged : traced
  return timed(app, type, () => answer(app, type, payload, asking))
}

/** Answers one request, and writes a line about it. */
async function logged(app: App, type: string, payload: unknown, asking: Asking): Promise<Reply> {
  const startedAt = app.clock.monotonic()
  const { requestId, connection, caller } = asking
  const ids = { requestId, connectionId: connection?.id, tokenId: caller.tokenId, sessionId: sessionIdIn(payload) }
  const durationMs = () => Math.round(app.clock.monotonic() - startedAt)
  try {
    const reply = await traced(app, type, payload, asking)
    const { runId, invocationId } = reply.payload
    app.log.debug({ ...ids, runId, invocationId, type, durationMs: durationMs() }, 'request')
    return reply
  } catch (error) {
    app.log.debug({ ...ids, type, code: errorPayload(error).code, durationMs: durationMs() }, 'request')
    throw error
  }
}

function traced(app: App, type: string, payload: unknown, asking: Asking): Promise<Reply> | Reply {
  if (!app.tracing.enabled || type === 'ping') return answerTo(app, type, payload, asking)
  const { caller, connection, requestId, trace } = asking
  const attributes = {
    'talon.request.id': requestId,
    'talon.connection.id': connection?.id,
    'talon.token.id': caller.tokenId,
    'talon.session.id': sessionIdIn(payload),
  }
  // One that came over HTTP is a part of a span already.
  const kind = connection ? 'server' : 'internal'
  return app.tracing.around(isRequestType(type) ? type : 'unknown', { parent: trace, kind, attributes }, span =>
    answerTo(app, type, payload, { ...asking, trace: span.context }),
  )
}

function sessionIdIn(payload: unknown): string | undefined {
  if (typeof payload !== 'object' || payload === null || !('sessionId' in payload)) return undefined
  return typeof payload.sessionId === 'string' ? payload.sessionId : undefined
}

function answerTo(app: App, type: string, payload: unknown, asking: Asking): Promise<Reply> | Reply {
  const { handler, parsed } = understand(app, type, payload, asking)
  const { changes, reply } = requests[handler.type]
  app.limits.admit({ type, changes, tokenId: asking.caller.tokenId, overHttp: !asking.connection })
  const call: Call = {
    tokenId: asking.caller.tokenId,
    scopes: asking.caller.scopes,
    connection: asking.connection,
    from: asking.from,
    trace: asking.trace,
    signal: asking.signal,
    afterReply: asking.afterReply ?? (then => then()),
    request:
      changes && asking.requestId !== undefined ? requestKey(type, parsed, asking.requestId, asking.caller) : undefined,
  }
  const answer = handler.handle(app, parsed as never, call) // Validated by the schema of this very type.
  if (answer instanceof Promise) return answer.then(settled => ({ type: reply, payload: settled }))
  return { type: reply, payload: answer as Record<string, unknown> } // Handlers answer with objects, by their type.
}

/** Finds who answers. What nobody does counts as a read, so that mistakes on many connections have an end too. */
function understand(app: App, type: string, payload: unknown, { caller, connection }: Asking) {
  try {
    const handler = isRequestType(type) ? handlers.get(type) : undefined
    if (!handler) throw new TalonError('INVALID_MESSAGE', `Unknown message type: ${type}`)
    const { scope, changes } = requests[handler.type]
    if (scope !== null && !caller.scopes.has(scope)) {
      throw new TalonError('FORBIDDEN', `"${type}" needs a token with the scope "${scope}".`)
    }
    if (changes) refuseUnready(app.lifecycle)
    return { handler, parsed: validate(handler.type, payload) }
  } catch (error) {
    // One that came over HTTP was counted before its body was read.
    if (connection) app.limits.take('reads', caller.tokenId)
    throw error
  }
}

/** The same for callers that know what they ask, such as a REST route. */
export async function ask<T extends RequestType>(
  app: App,
  type: T,
  payload: unknown,
  asking: Asking,
): Promise<Answer<T>> {
  const reply = await dispatch(app, type, payload, asking)
  return reply.payload as Answer<T> // Made by the handler of this very type.
}

export type { ReplyType }

function validate(type: RequestType, payload: unknown): unknown {
  const result = requests[type].payload.safeParse(payload)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = issue && issue.path.length > 0 ? issue.path.join('.') : 'payload'
  throw new TalonError('INVALID_MESSAGE', `"${type}": ${field}: ${issue?.message ?? 'not valid'}`, {
    details: result.error.issues.slice(0, 10).map(({ path, message }) => ({ path: path.join('.'), message })),
  })
}

/** What makes a change happen once per caller and request id. */
export function requestKey(type: string, parsed: unknown, requestId: string, caller: Caller) {
  return { tokenId: caller.tokenId, requestId, hash: hash('sha256', `${type}\n${JSON.stringify(parsed)}`) }
}
