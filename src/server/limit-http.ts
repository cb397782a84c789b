import type { Context, MiddlewareHandler } from 'hono'
import { rateLimiter, type Store } from 'hono-rate-limiter'
import { bucketOf } from './attempts.ts'
import type { HttpEnv } from './http.ts'
import type { RateName } from './limits/table.ts'
import type { App } from './record.ts'
import { isStaticFile } from './static-files.ts'

// Of all limits that are counted here; the middleware writes it into RateLimit-Policy.
const windowMs = 60_000
const free: ReadonlySet<string> = new Set(['/livez', '/healthz', '/readyz', '/metrics'])

/**
 * Counts every HTTP request as a read, as a change or as one that nobody signed, and tells what remains in `RateLimit` and
 * `RateLimit-Policy`. Its buckets are those of the WebSocket.
 */
export function limitHttp(app: App): MiddlewareHandler<HttpEnv> {
  const limited = rateLimiter<HttpEnv>({
    windowMs,
    // The middleware knows one key per request, so the name of the limit goes before that of the client.
    keyGenerator: c => bucketFor(c).join(' '),
    limit: c => app.config[`limits.${bucketFor(c)[0]}`],
    store: sharedBuckets(app),
    standardHeaders: 'draft-7',
    handler(c, next) {
      app.limits.take(...bucketFor(c))
      // It has filled up in the meantime.
      return next()
    },
  })
  // Before it, and not by its own `skip`: the cheapest requests would pay for it.
  return (c, next) => (isFree(app, c.req.path) ? next() : limited(c, next))
}

function isFree(app: App, path: string): boolean {
  return !app.limits.enabled() || free.has(path) || isStaticFile(path)
}

function bucketFor(c: Context<HttpEnv>): [RateName, string] {
  const tokenId = c.get('identity')?.tokenId
  if (tokenId === undefined) return ['unauthenticatedRequests', bucketOf(c.get('address'))]
  const { method, path } = c.req
  // Who cannot stop what runs would be worse off for a limit.
  const isRead = method === 'GET' || method === 'HEAD' || path.endsWith('/cancel')
  return [isRead ? 'reads' : 'messages', tokenId]
}

/** The buckets in the form that the middleware asks for: hits above the limit are a refusal. */
function sharedBuckets(app: App): Store<HttpEnv> {
  return {
    increment(key) {
      const at = key.indexOf(' ')
      // Made by `bucketFor`, which puts a name there.
      const name = key.slice(0, at) as RateName
      const { allowed, state } = app.limits.tryTake(name, key.slice(at + 1))
      const totalHits = allowed ? state.limit - state.remaining : state.limit + 1
      return { totalHits, resetTime: new Date(app.clock.now() + state.resetMs) }
    },
    // Nothing is ever given back: a request that failed was work too.
    decrement: () => undefined,
    resetKey: () => undefined,
  }
}
