import { decisionOf, saidOf } from '../../islands/approvals/answer.ts'
import { lastQuestion } from '../../islands/conversation/actions.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { App } from '../record.ts'
import type { Action, ActionContext, ActionOutcome } from './page.ts'

// What a page shows at first, in which the newest question is unless an answer took more steps than that.
const recentMessages = 200
const recentBytes = 1024 * 1024

type Run = (app: App, context: ActionContext, sessionId: string) => Promise<ActionOutcome>

/** What the forms of a session do, each of them what a frame of the same name does. */
export const sessionActions = {
  send: chat(async (_app, { ask, form }, sessionId) => {
    const text = field(form, 'text')
    if (text.trim() === '') throw new TalonError('INVALID_MESSAGE', 'Write something first.')
    await ask('session.send_message', { sessionId, text })
    return {}
  }),
  stop: chat(async (_app, { ask }, sessionId) => {
    const { runId } = await ask('session.cancel', { sessionId })
    return { said: runId === null ? 'No answer was being written.' : 'The answer was stopped.' }
  }),
  retry: chat(async (app, { ask }, sessionId) => {
    const head = await app.store.getHead(sessionId)
    if (!head) throw new TalonError('SESSION_NOT_FOUND', 'This session does not exist, or it was deleted.')
    const place = { sessionId, epoch: head.epoch, limit: recentMessages, maxBytes: recentBytes }
    const { entries } = await app.store.history(place)
    const text = lastQuestion(entries.map(({ message }) => message))
    if (text === undefined) throw new TalonError('NOT_FOUND', 'There is no question to ask again.')
    await ask('session.send_message', { sessionId, text })
    return {}
  }),
  fork: chat(async (_app, { ask, form }, sessionId) => {
    const forked = await ask('session.fork', { sessionId, atSeq: Number(field(form, 'atSeq')) })
    const query = form.get('edit') === null ? '' : '?edit=1'
    return { to: `/sessions/${encodeURIComponent(forked.sessionId)}${query}` }
  }),
  update: chat(async (_app, { ask, form }, sessionId) => {
    const text = (name: string) => field(form, name).trim() || null
    const wanted = { title: text('title'), model: text('model'), profile: text('profile') }
    await ask('session.update', { sessionId, ...wanted })
    return { said: 'The session was changed.' }
  }),
  answer: approve(async (_app, { ask, form }) => {
    // The values of the buttons; the request judges any other.
    const choice = field(form, 'choice') as Parameters<typeof decisionOf>[0]
    await ask('approval.resolve', { approvalId: field(form, 'approvalId'), ...decisionOf(choice) })
    return { said: saidOf(field(form, 'toolName'), choice) }
  }),
  elevate: approve(async (_app, { ask, form }, sessionId) => {
    const minutes = Number(field(form, 'minutes'))
    await ask('session.elevate', { sessionId, minutes })
    const given = `Tools may do everything in this session for ${minutes} minutes.`
    return { said: minutes === 0 ? 'Tools have no more rights than before.' : given }
  }),
} as const satisfies Record<string, Action>

function chat(run: Run): Action {
  return { scope: 'chat', run: ofSession(run) }
}

function approve(run: Run): Action {
  return { scope: 'approve', run: ofSession(run) }
}

/** Leads to the session itself, not to the part of it that was looked at. */
function ofSession(run: Run): Action['run'] {
  return async (app, context) => {
    const sessionId = context.param('id')
    return { to: `/sessions/${encodeURIComponent(sessionId)}`, ...(await run(app, context, sessionId)) }
  }
}

function field(form: URLSearchParams, name: string): string {
  return form.get(name) ?? ''
}
