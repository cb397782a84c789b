import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { TalonError } from '../protocol/errors.ts'
import { mountHealth } from './api/health.ts'
import { mountLegacyApi } from './api/legacy.ts'
import { mountMetrics } from './api/metrics.ts'
import { mountApi } from './api/mount.ts'
import { createClientAddress } from './client-address.ts'
import { clearSignInCookie, signInCookie } from './cookies.ts'
import { bearerToken, hasTokenInUrl } from './credentials.ts'
import { fromOf, type HttpEnv, setHeader } from './http.ts'
import { traceHttp } from './http-tracing.ts'
import { limitHttp } from './limit-http.ts'
import type { Gatehouse } from './origin.ts'
import type { Assets } from './pages/assets.ts'
import { mountPages } from './pages/mount.ts'
import { problem } from './problem.ts'
import type { App, Identity } from './record.ts'
import { securityHeaders } from './security-headers.ts'
import { isStaticFile } from './static-files.ts'

export interface HttpDeps {
  /** Counts and times every request. */
  measure: MiddlewareHandler
  gatehouse: Gatehouse
  assets: Assets
  /** Who everybody is, with `auth.mode=none`. */
  anybody: Identity | undefined
}

/** The HTTP side of the gateway: middleware in order, then health, REST, v0.3's REST, pages. */
export async function createHttp(app: App, deps: HttpDeps): Promise<Hono<HttpEnv>> {
  const http = new Hono<HttpEnv>({ strict: false })
  const fixedHeaders = await securityHeaders()
  const addressOf = createClientAddress(() => app.config['server.trustedProxies'])
  http.use(async (c, next) => {
    const started = app.clock.monotonic()
    c.set('requestId', app.newId())
    c.set(
      'address',
      addressOf({
        remoteAddress: c.env?.incoming?.socket.remoteAddress,
        forwardedFor: c.req.header('x-forwarded-for'),
      }),
    )
    setHeader(c, 'x-request-id', c.get('requestId'))
    for (const [name, value] of fixedHeaders) setHeader(c, name, value)
    await next()
    if (!app.log.isOn('debug')) return
    const line = {
      requestId: c.get('requestId'),
      tokenId: c.get('identity')?.tokenId,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      durationMs: Math.round(app.clock.monotonic() - started),
    }
    app.log.debug(line, 'request')
  })
  http.use(deps.measure)
  if (app.tracing.enabled) http.use(traceHttp(app))
  // What a tool made runs nothing, wherever it is opened; on the answer itself it goes before the policy of pages.
  http.use('/api/v1/attachments/*', async (c, next) => {
    await next()
    c.res.headers.set('Content-Security-Policy', "default-src 'none'; sandbox")
  })
  // What only looks and goes on is no async function, which would cost each request some promises more.
  http.use((c, next) => {
    const host = c.req.header('host')
    if (!deps.gatehouse.servesHost(host)) throw new TalonError('MISDIRECTED', 'This host name is not served here.')
    const origin = c.req.header('origin')
    if (origin !== undefined && !deps.gatehouse.servesOrigin(origin, host)) {
      throw new TalonError('FORBIDDEN', 'This origin may not connect.')
    }
    // A browser that leaves the origin out still says this; where nobody signs in, nothing else would stop a foreign page.
    if (origin === undefined && !isRead(c.req.method) && isForeign(c.req.header('sec-fetch-site'))) {
      throw new TalonError('FORBIDDEN', 'Another site may not change anything here.')
    }
    if (hasTokenInUrl(c.req.url)) {
      throw new TalonError('INVALID_MESSAGE', 'A token in a URL ends up in logs: send it as a header.')
    }
    return next()
  })
  http.use((c, next) => {
    c.set('identity', undefined)
    if (isPublic(c.req.path)) return next()
    if (deps.anybody) c.set('identity', deps.anybody)
    else if (hasCredential(c)) return identify(app, c).then(next)
    return next()
  })
  http.use(limitHttp(app))
  mountHealth(http, app)
  mountMetrics(http, app)
  mountApi(http, app)
  mountLegacyApi(http, app)
  const pages = mountPages(http, app, deps.assets)
  http.notFound(c => problem(app, c, new TalonError('NOT_FOUND', 'There is nothing here.')))
  http.onError((error, c) => (pages.wantsPage(c) ? pages.error(c, error) : problem(app, c, error)))
  return http
}

/** Static files, and the routes that sign in: a stale cookie there must neither count as an attempt nor be in the way. */
function isPublic(path: string): boolean {
  return (
    isStaticFile(path) ||
    path === '/offline' ||
    path.startsWith('/api/v1/auth/exchange') ||
    path === '/api/v1/auth/token'
  )
}

function hasCredential(c: Context<HttpEnv>): boolean {
  return c.req.header('authorization') !== undefined || c.req.header('cookie') !== undefined
}

async function identify(app: App, c: Context<HttpEnv>): Promise<void> {
  const from = fromOf(c)
  const authorization = c.req.header('authorization')
  if (authorization !== undefined) {
    const identity = await app.auth.verifyToken(bearerToken(authorization), from)
    if (!identity) throw new TalonError('UNAUTHENTICATED', 'This token is not valid.')
    c.set('identity', identity)
    return
  }
  const secret = signInCookie(c)
  if (secret === undefined) return
  if (!cookieCounts(c.req.method, c.req.header('origin'), c.req.header('sec-fetch-site'))) {
    throw new TalonError('FORBIDDEN', 'A cookie changes things only from our own pages.')
  }
  try {
    const identity = await app.auth.verifyCookie(secret, from)
    c.set('identity', identity)
    if (!identity) clearSignInCookie(c)
  } catch (error) {
    // The next request comes without it, and so is no further attempt.
    clearSignInCookie(c)
    throw error
  }
}

/** A cookie alone serves reads; a change must come from a page of ours, which its browser says in two ways. */
function cookieCounts(method: string, origin: string | undefined, site: string | undefined): boolean {
  if (isRead(method)) return true
  // The origin was held against the allow-list before.
  return origin !== undefined && (site === undefined || site === 'same-origin')
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function isForeign(site: string | undefined): boolean {
  return site === 'cross-site' || site === 'same-site'
}
