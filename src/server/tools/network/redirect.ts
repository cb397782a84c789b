import { TalonError } from '../../../protocol/errors.ts'
import type { Message } from './exchange.ts'
import { withoutPrivate } from './headers.ts'
import { refused, type Target, targetOf } from './target.ts'

const statuses = new Set([301, 302, 303, 307, 308])

/** One request on its way, which a redirect replaces by the next one. */
export interface Step {
  target: Target
  message: Message
}

/** Where a response sends on to; undefined if it does not. */
export function locationOf(status: number, location: string | undefined): string | undefined {
  return statuses.has(status) && location ? location : undefined
}

/**
 * The request that follows a redirect, RFC 9110 section 15.4. Nothing that was meant for the first origin alone goes on
 * to another one.
 * @throws TalonError `FORBIDDEN`, `PROVIDER_ERROR`, as `targetOf`
 */
export function redirected({ target, message }: Step, status: number, location: string): Step {
  if (!URL.canParse(location, target.url.href)) {
    throw new TalonError('PROVIDER_ERROR', `${target.host} redirects to what is no URL.`)
  }
  const next = targetOf(new URL(location, target.url.href))
  if (target.scheme === 'https' && next.scheme === 'http') {
    throw refused('downgrade', `${target.host} redirects from https to http, to ${next.host}. That is not followed.`)
  }
  const { method } = message
  const becomesGet = (status === 303 && method !== 'HEAD') || (status <= 302 && method === 'POST')
  const isSameOrigin = next.url.origin === target.url.origin
  const { 'content-type': type, ...rest } = isSameOrigin ? message.headers : withoutPrivate(message.headers)
  if (becomesGet) return { target: next, message: { method: 'GET', headers: rest, body: undefined } }
  if (!isSameOrigin && message.body !== undefined) {
    throw refused('body', `${target.host} wants the body of the request sent to ${next.host}. That is not done.`)
  }
  return {
    target: next,
    message: { ...message, headers: type === undefined ? rest : { ...rest, 'content-type': type } },
  }
}
