import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { errorPayload, TalonError } from '../protocol/errors.ts'
import type { HttpEnv } from './http.ts'
import type { App } from './record.ts'
import { titleOf } from './upgrade.ts'

/** Answers with an error as `application/problem+json` (RFC 9457). */
export function problem(app: App, c: Context<HttpEnv>, error: unknown): Response {
  const requestId: string | undefined = c.get('requestId')
  if (!(error instanceof TalonError)) app.log.error({ requestId, err: error }, 'a request failed')
  const payload = errorPayload(error)
  if (payload.retryAfterMs !== undefined) c.header('Retry-After', String(Math.ceil(payload.retryAfterMs / 1000)))
  if (payload.code === 'UNAUTHENTICATED') c.header('WWW-Authenticate', 'Bearer')
  const body = {
    type: 'about:blank',
    title: titleOf(payload.code),
    detail: payload.error,
    instance: requestId,
    ...payload,
  }
  // Every status of the error table has a body.
  return c.json(body, payload.status as ContentfulStatusCode, { 'Content-Type': 'application/problem+json' })
}
