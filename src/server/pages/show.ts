import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { errorPayload, TalonError } from '../../protocol/errors.ts'
import type { Scope } from '../../protocol/shapes.ts'
import { keepSaid, takeSaid, wantsWelcome } from '../cookies.ts'
import { ask } from '../dispatch.ts'
import { actorAt, fromOf, type HttpEnv } from '../http.ts'
import type { App, Identity } from '../record.ts'
import type { Action, ActionOutcome, PageContext, PageEntry, Sent } from './page.ts'
import type { Renderer } from './render.ts'

type C = Context<HttpEnv>

// The longest frame of the WebSocket, for the same reason: what a form sends is what a frame would.
const maxFormBytes = 1024 * 1024

/** Answers with a page, or leads to the sign-in and from there back to it. */
export async function showPage(c: C, app: App, render: Renderer, page: PageEntry): Promise<Response> {
  const identity = c.get('identity')
  if (!identity) return toSignIn(c)
  try {
    return await answer(c, app, render, page, identity, undefined)
  } catch (error) {
    return render.error(c, error)
  }
}

/**
 * Does what a form of a page asks for, and leads to a page that says so. What fails shows the page again, with the reason and with
 * what was entered.
 */
export async function act(c: C, app: App, render: Renderer, page: PageEntry): Promise<Response> {
  const identity = c.get('identity')
  if (!identity) return toSignIn(c)
  try {
    const form = await readForm(c, maxFormBytes)
    if (!form) throw new TalonError('TOO_LARGE', `A form has at most ${maxFormBytes} bytes.`)
    const name = form.get('action') ?? ''
    const action = Object.hasOwn(page.actions ?? {}, name) ? page.actions?.[name] : undefined
    if (!action) throw new TalonError('NOT_FOUND', 'This page has no such form. Load it again.')
    const sent = { action: name, form }
    const outcome = await run(c, app, page, identity, action, sent)
    if ('problem' in outcome || 'shown' in outcome) {
      return await answer(c, app, render, page, identity, { ...sent, ...outcome })
    }
    if (outcome.said !== undefined) keepSaid(c, outcome.said)
    return c.redirect(outcome.to ?? pathOf(c), 303)
  } catch (error) {
    return render.error(c, error)
  }
}

/** A urlencoded form; undefined if it is longer than that, or does not say how long it is. */
export async function readForm(c: C, maxBytes: number): Promise<URLSearchParams | undefined> {
  const length = Number(c.req.header('content-length') ?? Number.NaN)
  if (!(length <= maxBytes)) return undefined
  // A browser sends lines as they end in mail, where its own field and the bounds of the protocol count one sign.
  return new URLSearchParams((await c.req.text()).replaceAll('%0D%0A', '%0A'))
}

async function run(
  c: C,
  app: App,
  page: PageEntry,
  identity: Identity,
  action: Action,
  sent: Sent,
): Promise<ActionOutcome | Required<Pick<Sent, 'problem'>>> {
  try {
    needScope(identity, action.scope, 'This')
    const context = contextOf(c, app, identity, page, sent)
    return await action.run(app, { ...context, form: sent.form, actor: actorAt(c) })
  } catch (error) {
    // A fault of ours is logged with its request, and says no more than that.
    if (!(error instanceof TalonError)) throw error
    return { problem: errorPayload(error) }
  }
}

async function answer(
  c: C,
  app: App,
  render: Renderer,
  page: PageEntry,
  identity: Identity,
  sent: Sent | undefined,
): Promise<Response> {
  const { title, body } = await page.open(app, contextOf(c, app, identity, page, sent))
  const said = takeSaid(c)
  // No code of the table has a status that forbids a body.
  const status = (sent?.problem?.status ?? 200) as ContentfulStatusCode
  const problem = sent?.problem?.error
  return render.page(c, { title, body, status, ...(said !== undefined && { said }), ...(problem && { problem }) })
}

function contextOf(c: C, app: App, identity: Identity, page: PageEntry, sent: Sent | undefined): PageContext {
  needScope(identity, page.scope, 'This page')
  const asking = {
    caller: identity,
    from: fromOf(c),
    requestId: undefined,
    trace: c.get('trace'),
    signal: c.req.raw.signal,
  }
  return {
    identity,
    now: app.clock.now(),
    param: name => c.req.param(name) ?? '',
    query: name => c.req.query(name) || undefined,
    ask: (type, payload) => ask(app, type, payload, asking),
    wantsWelcome: wantsWelcome(c),
    sent,
  }
}

function needScope(identity: Identity, scope: Scope, what: string): void {
  if (!identity.scopes.has(scope)) throw new TalonError('FORBIDDEN', `${what} needs a token with the scope “${scope}”.`)
}

function toSignIn(c: C): Response {
  return c.redirect(`/login?next=${encodeURIComponent(pathOf(c))}`, 303)
}

function pathOf(c: C): string {
  const url = new URL(c.req.url)
  return url.pathname + url.search
}
