import type { Context, Hono } from 'hono'
import { h } from 'preact'
import { TalonError } from '../../protocol/errors.ts'
import { clearSignInCookie, hideWelcome, keepTheme, setSignInCookie, themes } from '../cookies.ts'
import { actorAt, fromOf, type HttpEnv } from '../http.ts'
import type { App } from '../record.ts'
import { type Assets, openAssets } from './assets.ts'
import { favicon } from './favicon.ts'
import { mountInstall } from './install.ts'
import { Login, safeNext } from './login.tsx'
import type { PageEntry } from './page.ts'
import { createRenderer, type Renderer } from './render.ts'
import { act, readForm, showPage } from './show.ts'

type C = Context<HttpEnv>

// A token has 60 characters and a path at most a few hundred; a larger form is none of ours.
const maxFormBytes = 16 * 1024
const yearSeconds = 31_536_000

// The folder is the registry: a page is its file.
const files = import.meta.glob<PageEntry>('./*.page.tsx', { eager: true, import: 'default' })
// The first that matches answers, so that `/tools/history` goes before `/tools/:name`.
const pages: readonly PageEntry[] = Object.values(files).toSorted((a, b) => partsNamed(a) - partsNamed(b))

/**
 * Adds the dashboard: its pages, sign-in and sign-out, and the built files. It comes last, because it answers every address that is
 * left with a page. What it returns shows an error of any route to somebody who reads pages.
 */
export function mountPages(
  http: Hono<HttpEnv>,
  app: App,
  assets: Assets,
): { wantsPage: (c: C) => boolean; error: Renderer['error'] } {
  const { tags, files: assetFiles, built } = openAssets(assets)
  if (!built) app.log.warn({ dir: assets.dir }, 'The dashboard was not built: its pages come without style and script.')
  const render = createRenderer({ app, tags, pages })

  http.get('/assets/:name', async (c, next) => {
    const file = await assetFiles.read(c.req.param('name'), c.req.header('accept-encoding') ?? '')
    if (!file) return next()
    // The name holds a hash of the content.
    c.header('Cache-Control', `public, max-age=${yearSeconds}, immutable`)
    c.header('Vary', 'Accept-Encoding')
    if (file.encoding) c.header('Content-Encoding', file.encoding)
    return c.body(file.body, 200, { 'Content-Type': file.type })
  })
  http.get('/favicon.svg', c => {
    c.header('Cache-Control', 'public, max-age=86400')
    return c.body(favicon, 200, { 'Content-Type': 'image/svg+xml' })
  })
  mountInstall(http, { tags, render, version: app.version })
  http.get('/login', c => {
    const next = safeNext(c.req.query('next'))
    return c.get('identity') ? c.redirect(next, 303) : loginPage(c, render, { next })
  })
  http.post('/login', c => signIn(c, app, render))
  http.post('/logout', c => signOut(c, app))
  http.post('/theme', c => chooseTheme(c, render))
  http.post('/welcome', c => {
    hideWelcome(c)
    return c.redirect('/', 303)
  })
  for (const page of pages) {
    http.get(page.path, c => showPage(c, app, render, page))
    if (page.actions) http.post(page.path, c => act(c, app, render, page))
  }
  http.get('*', (c, next) => (wantsPage(c) ? render.error(c, notFound()) : next()))
  return { wantsPage, error: render.error }
}

/** Signs in with a pasted token: a plain form, so that it works without JavaScript. */
async function signIn(c: C, app: App, render: Renderer): Promise<Response> {
  const form = await readForm(c, maxFormBytes)
  const next = safeNext(form?.get('next') ?? undefined)
  const token = form?.get('token')?.trim() ?? ''
  try {
    const signedIn = token === '' ? undefined : await app.auth.exchangeToken(token, fromOf(c))
    if (signedIn) {
      // A proxy before us ends TLS, so that only the browser knows whether it speaks HTTPS.
      setSignInCookie(c, signedIn, c.req.header('origin')?.startsWith('https://') ?? false)
      return c.redirect(next, 303)
    }
    const problem = 'This token is not valid. It may have expired, or it was revoked.'
    return loginPage(c, render, { next, problem, status: 401 })
  } catch (error) {
    if (!(error instanceof TalonError) || error.code !== 'RATE_LIMITED') return render.error(c, error)
    const seconds = Math.ceil((error.extras.retryAfterMs ?? 60_000) / 1_000)
    c.header('Retry-After', String(seconds))
    return loginPage(c, render, { next, problem: error.message, status: 429 })
  }
}

async function signOut(c: C, app: App): Promise<Response> {
  const webSession = c.get('identity')?.webSession
  if (webSession !== undefined) await app.auth.signOut(webSession, actorAt(c))
  clearSignInCookie(c)
  return c.redirect('/login', 303)
}

/** The switch of the colours, without JavaScript; with it nobody looks at the answer. */
async function chooseTheme(c: C, render: Renderer): Promise<Response> {
  const form = await readForm(c, maxFormBytes)
  const theme = themes.find(name => name === form?.get('theme'))
  if (!theme) return render.error(c, new TalonError('INVALID_MESSAGE', 'A theme is light, dark or system.'))
  keepTheme(c, theme)
  return c.redirect(safeNext(form?.get('next') ?? undefined), 303)
}

function loginPage(
  c: C,
  render: Renderer,
  input: { next: string; problem?: string; status?: 200 | 401 | 429 },
): Response {
  const body = h(Login, { next: input.next, problem: input.problem })
  return render.page(c, { title: 'Sign in', body, status: input.status ?? 200, bare: true })
}

/** Programs that ask for anything but a page get the answer of the application, in JSON. */
function wantsPage(c: C): boolean {
  return !c.req.path.startsWith('/api/') && (c.req.header('accept') ?? '').includes('text/html')
}

function notFound(): TalonError {
  return new TalonError('NOT_FOUND', 'There is no page at this address.')
}

/** How many parts of its addresses a page leaves open. */
function partsNamed({ path }: PageEntry): number {
  return path.split(':').length - 1
}
