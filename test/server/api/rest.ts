import type { TestGateway } from '../../support/gateway.ts'

/** An answer of REST, with its body as JSON where it has one. */
export interface Answer {
  status: number
  headers: Headers
  // Each test knows what it asked for; what comes is what it checks.
  body: Record<string, unknown>
}

/** One request of REST with a JSON body. */
export async function rest(
  gateway: TestGateway,
  method: string,
  path: string,
  options: { body?: unknown; key?: string; token?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { body, key, token, headers = {} } = options
  const response = await gateway.fetch(path, {
    method,
    ...(token !== undefined && { token }),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** A new session; its id. */
export async function newSession(gateway: TestGateway, fields: Record<string, unknown> = {}): Promise<string> {
  const { body } = await rest(gateway, 'POST', '/api/v1/sessions', { body: fields })
  return String(body['sessionId'])
}

/** Sends a message and resolves when its run has ended. */
export async function converse(gateway: TestGateway, sessionId: string, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = gateway.app.bus.onSession(sessionId, notice => notice.type === 'run.finished' && resolve())
  await rest(gateway, 'POST', `/api/v1/sessions/${sessionId}/messages`, { body: { text } })
  await promise
  stop()
}
