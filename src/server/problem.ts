import { STATUS_CODES } from 'node:http'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type ErrorPayload, errorPayload, TalonError } from '../protocol/errors.ts'
import type { HttpEnv } from './http.ts'
import type { App } from './record.ts'

/** What was used up, in the `details` of a `RATE_LIMITED`. */
export interface LimitDetails {
  limit: number
  windowMs: number
  remaining: number
}

/** Answers with an error as `application/problem+json`. */
export function problem(app: App, c: Context<HttpEnv>, error: unknown): Response {
  const requestId: string | undefined = c.get('requestId')
  if (!(error instanceof TalonError)) logFailure(app, c, error)
  const { payload, headers, body } = describeProblem(error, requestId)
  app.metrics.inc('talon_errors_total', payload.code)
  // Every status of the error table has a body.
  return c.json(body, payload.status as ContentfulStatusCode, headers)
}

function logFailure(app: App, c: Context<HttpEnv>, error: unknown): void {
  const { method, path } = c.req
  const ids = { requestId: c.get('requestId'), tokenId: c.get('identity')?.tokenId }
  app.log.error({ ...ids, method, path, err: error }, 'a request failed')
}

/** An error as RFC 9457 has it, with the headers that go with it. */
export function describeProblem(error: unknown, requestId?: string) {
  const payload = errorPayload(error)
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json', ...limitHeaders(payload) }
  if (payload.code === 'UNAUTHENTICATED') headers['WWW-Authenticate'] = 'Bearer'
  const title = STATUS_CODES[payload.status] ?? payload.code.toLowerCase().replaceAll('_', ' ')
  const instance = requestId === undefined ? {} : { instance: requestId }
  return { payload, headers, body: { type: 'about:blank', title, detail: payload.error, ...instance, ...payload } }
}

/** `Retry-After`, and for limits the two fields of draft-ietf-httpapi-ratelimit-headers-07. */
function limitHeaders({ code, retryAfterMs, details }: ErrorPayload): Record<string, string> {
  if (retryAfterMs === undefined) return {}
  const resetS = String(Math.ceil(retryAfterMs / 1000))
  if (code !== 'RATE_LIMITED' || !isLimit(details)) return { 'Retry-After': resetS }
  return {
    'Retry-After': resetS,
    RateLimit: `limit=${details.limit}, remaining=${details.remaining}, reset=${resetS}`,
    'RateLimit-Policy': `${details.limit};w=${Math.ceil(details.windowMs / 1000)}`,
  }
}

function isLimit(details: unknown): details is LimitDetails {
  if (typeof details !== 'object' || details === null || !('limit' in details)) return false
  return 'windowMs' in details && typeof details.windowMs === 'number'
}
