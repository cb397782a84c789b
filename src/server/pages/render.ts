import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type ComponentChild, h } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { errorPayload } from '../../protocol/errors.ts'
import { themeOf } from '../cookies.ts'
import type { HttpEnv } from '../http.ts'
import type { App } from '../record.ts'
import type { AssetTags } from './assets.ts'
import { ErrorView, errorTitle } from './error.tsx'
import { IslandNames } from './island.tsx'
import type { PageEntry } from './page.ts'
import { Shell } from './shell.tsx'

export interface Renderer {
  /** Answers with a page in the shell; `bare` leaves navigation and connection out. */
  page(
    c: Context<HttpEnv>,
    input: {
      title: string
      body: ComponentChild
      status: ContentfulStatusCode
      bare?: boolean
      /** What a form did, said above the page. */
      said?: string
      /** Why a form did nothing. */
      problem?: string
    },
  ): Response
  /** Answers with the page of an error; what is no `TalonError` is logged, and shown as internal. */
  error(c: Context<HttpEnv>, thrown: unknown): Response
}

/** Makes what turns bodies into documents. */
export function createRenderer(input: { app: App; tags: AssetTags; pages: readonly PageEntry[] }): Renderer {
  const { app, tags } = input
  const navigation = navigationOf(input.pages)
  const page: Renderer['page'] = (c, { title, body, status, bare = false, said, problem }) => {
    const identity = bare ? undefined : c.get('identity')
    const signedIn = identity !== undefined
    const canSignOut = identity?.webSession !== undefined
    const mayApprove = identity?.scopes.has('approve') ?? false
    const shell = h(Shell, {
      ...{ title, tags, path: c.req.path, here: pathOf(c), navigation, signedIn, canSignOut, said, problem },
      theme: themeOf(c),
      canWrite: identity?.scopes.has('chat') ?? false,
      waiting: mayApprove ? app.approvals.open().length : 0,
      now: app.clock.now(),
      children: body,
    })
    const html = renderToString(h(IslandNames.Provider, { value: new Set<string>(), children: shell }))
    // A page shows what is true now; after signing out, going back must not show it again.
    c.header('Cache-Control', 'no-store')
    return c.html(`<!doctype html>${html}`, status)
  }
  return {
    page,
    error(c, thrown) {
      const error = errorPayload(thrown)
      const requestId = c.get('requestId')
      if (error.code === 'INTERNAL') app.log.error({ err: thrown, requestId, path: c.req.path }, 'A page failed.')
      if (error.retryAfterMs !== undefined) c.header('Retry-After', String(Math.ceil(error.retryAfterMs / 1_000)))
      // No code of the table has a status that forbids a body.
      const status = error.status as ContentfulStatusCode
      return page(c, { title: errorTitle(status), body: h(ErrorView, { error, requestId }), status })
    },
  }
}

function pathOf(c: Context<HttpEnv>): string {
  const url = new URL(c.req.url)
  return url.pathname + url.search
}

function navigationOf(pages: readonly PageEntry[]): { label: string; path: string }[] {
  return pages
    .flatMap(page => (page.navigation ? [{ ...page.navigation, path: page.path }] : []))
    .sort((a, b) => a.order - b.order)
}
