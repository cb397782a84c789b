import type { Context } from 'hono'
import { parseBody } from '../../protocol/envelope.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { RequestType } from '../../protocol/messages.ts'
import { type Answer, type Asking, ask } from '../dispatch.ts'
import { fromOf, type HttpEnv } from '../http.ts'
import type { App } from '../record.ts'

export type ApiContext = Context<HttpEnv>

// The longest frame of the WebSocket, for the same reason.
const maxBodyBytes = 1024 * 1024
const maxKeyLength = 128

/** The JSON body of a request. @throws TalonError `TOO_LARGE`, `INVALID_MESSAGE` */
export async function body(c: ApiContext): Promise<Record<string, unknown>> {
  const declared = c.req.header('content-length')
  if (Number(declared ?? 0) > maxBodyBytes) throw tooLarge()
  // It is never longer than it says; to read it as a stream makes a request of undici of it, which costs more than a tool.
  if (declared !== undefined) return parseBody(await c.req.raw.text())
  const reader = c.req.raw.body?.getReader()
  if (!reader) return {}
  const chunks: Uint8Array[] = []
  let size = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.byteLength
    if (size > maxBodyBytes) {
      await reader.cancel()
      throw tooLarge()
    }
    chunks.push(part.value)
  }
  return parseBody(Buffer.concat(chunks).toString('utf8'))
}

function tooLarge(): TalonError {
  return new TalonError('TOO_LARGE', `A body has at most ${maxBodyBytes} bytes.`)
}

/** Asks what a frame of this type would ask, as whoever is signed in, once per `Idempotency-Key`. */
export function askAs<T extends RequestType>(app: App, c: ApiContext, type: T, payload: unknown): Promise<Answer<T>> {
  return ask(app, type, payload, asking(c))
}

/** Who asks over HTTP. @throws TalonError `UNAUTHENTICATED` */
export function asking(c: ApiContext): Asking {
  const caller = c.get('identity')
  if (!caller) throw new TalonError('UNAUTHENTICATED', 'Sign in first: send a token as "Authorization: Bearer tln_…".')
  const requestId = c.req.header('idempotency-key')
  if (requestId !== undefined && (requestId === '' || requestId.length > maxKeyLength)) {
    throw new TalonError('INVALID_MESSAGE', `"Idempotency-Key" has 1 to ${maxKeyLength} characters.`)
  }
  return { caller, from: fromOf(c), requestId, trace: c.get('trace'), signal: c.req.raw.signal }
}

/** A query parameter that is a whole number, for a schema to judge; undefined where it is absent. */
export function number(c: ApiContext, name: string): number | undefined {
  const text = c.req.query(name)
  return text === undefined || text === '' ? undefined : Number(text)
}

/** A part of the path that the route has by its pattern. */
export function param(c: ApiContext, name: string): string {
  return c.req.param(name) ?? ''
}
