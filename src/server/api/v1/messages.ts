import { TalonError } from '../../../protocol/errors.ts'
import type { Routes } from '../mount.ts'
import { type ApiContext, askAs, body, number, param } from '../request.ts'

const base = '/api/v1/sessions/:id/messages'

export const routes: Routes = (http, app) => {
  http.get(base, async c => {
    const asked = {
      epoch: number(c, 'epoch'),
      after: number(c, 'after'),
      before: number(c, 'before'),
      limit: number(c, 'limit'),
      ...cursor(c),
    }
    const page = await askAs(app, c, 'session.history', { sessionId: param(c, 'id'), ...asked })
    const [first, last] = [page.messages[0], page.messages.at(-1)]
    const upward = asked.after !== undefined
    const edge = upward ? last : first
    const nextCursor = page.hasMore && edge ? `${page.epoch}.${upward ? 'after' : 'before'}.${edge.seq}` : null
    return c.json({ ...page, nextCursor })
  })
  http.post(base, async c => {
    const payload = { ...(await body(c)), sessionId: param(c, 'id') }
    return c.json(await askAs(app, c, 'session.send_message', payload), 202)
  })
}

/** Where the next page begins: `<epoch>.<after|before>.<seq>`, as the page before it said. */
function cursor(c: ApiContext): { epoch?: number; after?: number; before?: number } {
  const text = c.req.query('cursor')
  if (text === undefined) return {}
  const match = /^(\d{1,15})\.(after|before)\.(\d{1,15})$/.exec(text)
  if (!match) throw new TalonError('INVALID_MESSAGE', 'cursor: not one that this gateway gave.')
  const seq = Number(match[3])
  return { epoch: Number(match[1]), ...(match[2] === 'after' ? { after: seq } : { before: seq }) }
}
