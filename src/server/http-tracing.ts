import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { HttpEnv } from './http.ts'
import type { App } from './record.ts'

// Asked every few seconds by programs that look whether the gateway lives, and by every page: they would bury the rest.
const untraced = ['/livez', '/readyz', '/healthz', '/metrics', '/favicon.svg', '/assets/']

/** Makes each request a span, as a part of the trace that its `traceparent` names. */
export function traceHttp(app: App): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (!app.tracing.enabled || untraced.some(path => c.req.path.startsWith(path))) return await next()
    const { method, path } = c.req
    const parent = app.tracing.accept(c.req.header('traceparent'))
    const attributes = {
      'http.request.method': method,
      'url.path': path,
      'talon.request.id': c.get('requestId'),
    }
    await app.tracing.around(method, { parent, kind: 'server', attributes }, async span => {
      c.set('trace', span.context)
      await next()
      const route = routePath(c)
      const { status } = c.res
      span.name(`${method} ${route}`)
      span.set({ 'http.route': route, 'http.response.status_code': status })
      // A refusal is the caller's failure, as OpenTelemetry's conventions for HTTP have it.
      if (status >= 500) span.fail(String(status))
    })
  }
}
