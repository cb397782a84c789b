import type { Forgettable } from '../../../db/store.ts'
import { TalonError } from '../../../protocol/errors.ts'
import { actorAt, requireScope } from '../../http.ts'
import { defaultPersona } from '../../persona.ts'
import type { App } from '../../record.ts'
import type { Routes } from '../mount.ts'
import { type ApiContext, number, param } from '../request.ts'

const maxLimit = 500
const defaultLimit = 100
// A search is for what is best.
const maxSearchLimit = 100
const maxQueryChars = 1_000
// A page of entries ends here even below its limit.
const maxPageChars = 4 * 1024 * 1024
const statuses = ['pending', 'completed', 'all'] as const

/** What the agent keeps: people look at it, and delete what should not be there. It is written by the tools. */
export const routes: Routes = (http, app) => {
  const { store } = app
  http.get('/api/v1/memory', async c => {
    requireScope(c, 'read')
    const { q, day, category, cursor } = c.req.query()
    if (q !== undefined) return c.json({ entries: (await search(c, store.searchMemory, q)).hits, nextCursor: null })
    const before = cursor === undefined || cursor === '' ? undefined : wholeNumber('cursor', Number(cursor))
    const query = { day: day || undefined, category: category?.toLowerCase() || undefined, before }
    const { entries, hasMore } = await store.listMemory({ ...query, limit: limitOf(c), maxChars: maxPageChars })
    return c.json({ entries, nextCursor: hasMore ? String(entries.at(-1)?.id) : null })
  })
  http.get('/api/v1/facts', async c => {
    requireScope(c, 'read')
    const version = versionOf(c)
    const found = await store.getFacts(version)
    if (!found && version !== undefined) throw notThere('version of the facts', version)
    return c.json(found ?? { facts: {}, version: 0, at: null, taintedKeys: [] })
  })
  http.get('/api/v1/persona', async c => {
    requireScope(c, 'read')
    const version = versionOf(c)
    const found = await store.getPersona(version)
    if (!found && version !== undefined) throw notThere('version of the persona', version)
    return c.json(found ?? { content: defaultPersona, version: 0, at: null, tainted: false })
  })
  http.get('/api/v1/notes', async c => {
    requireScope(c, 'read')
    const { q, tag, cursor } = c.req.query()
    if (q !== undefined || tag) {
      const found = (query: { query: string; limit: number }, options: { signal: AbortSignal }) =>
        store.searchNotes({ ...query, tag: tag || undefined }, options)
      return c.json({ notes: (await search(c, found, q ?? '')).hits, nextCursor: null })
    }
    return c.json(await store.listNotes({ limit: limitOf(c), cursor: cursor || undefined }))
  })
  http.get('/api/v1/notes/:id', async c => {
    requireScope(c, 'read')
    const note = await store.getNote(idOf(c), versionOf(c))
    if (!note) throw notThere('note or version', param(c, 'id'))
    return c.json({ note })
  })
  http.get('/api/v1/tasks', async c => {
    requireScope(c, 'read')
    const { status: wanted = 'all', cursor } = c.req.query()
    const status = statuses.find(each => each === wanted)
    if (!status) throw new TalonError('INVALID_MESSAGE', `"status" must be ${statuses.join(', ')}.`)
    const page = await store.listTasks({ status, limit: limitOf(c), cursor: cursor || undefined })
    const { tasks: all, pendingTasks: pending } = await store.memoryCounts()
    return c.json({ ...page, counts: { pending, completed: all - pending, all } })
  })
  http.delete('/api/v1/memory/:id', c => forget(app, c, () => ({ kind: 'memory', id: idOf(c) })))
  http.delete('/api/v1/facts/:key', c => forget(app, c, () => ({ kind: 'fact', key: param(c, 'key') })))
  http.delete('/api/v1/persona', c => forget(app, c, () => ({ kind: 'persona' })))
  http.delete('/api/v1/notes/:id', c => forget(app, c, () => ({ kind: 'note', id: idOf(c) })))
  http.delete('/api/v1/tasks/:id', c => forget(app, c, () => ({ kind: 'task', id: idOf(c) })))
}

async function forget(app: App, c: ApiContext, named: () => Forgettable): Promise<Response> {
  requireScope(c, 'admin')
  const what = named()
  // Of a fact not even the name: it may be what somebody wants gone.
  const target = 'id' in what ? String(what.id) : undefined
  const audit = app.audit.entry({ action: 'memory.delete', target, details: { kind: what.kind } }, actorAt(c))
  if (!(await app.store.forget({ what, audit }))) throw notThere(what.kind, target)
  return c.body(null, 204)
}

async function search<T>(
  c: ApiContext,
  find: (query: { query: string; limit: number }, options: { signal: AbortSignal }) => Promise<T>,
  query: string,
): Promise<T> {
  if (query.length > maxQueryChars) {
    throw new TalonError('INVALID_MESSAGE', `"q" has at most ${maxQueryChars} characters.`)
  }
  return await find({ query, limit: Math.min(limitOf(c), maxSearchLimit) }, { signal: c.req.raw.signal })
}

function limitOf(c: ApiContext): number {
  const limit = wholeNumber('limit', number(c, 'limit') ?? defaultLimit)
  if (limit < 1 || limit > maxLimit) throw new TalonError('INVALID_MESSAGE', `"limit" must be 1 to ${maxLimit}.`)
  return limit
}

function versionOf(c: ApiContext): number | undefined {
  const version = number(c, 'version')
  return version === undefined ? undefined : wholeNumber('version', version)
}

/** @throws TalonError `NOT_FOUND` for what is the number of nothing */
function idOf(c: ApiContext): number {
  const text = param(c, 'id')
  if (!/^\d{1,15}$/.test(text)) throw notThere('entry', text)
  return Number(text)
}

function wholeNumber(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new TalonError('INVALID_MESSAGE', `"${name}" must be a whole number.`)
}

function notThere(kind: string, name: string | number | undefined): TalonError {
  return new TalonError('NOT_FOUND', `There is no such ${kind}${name === undefined ? '' : `: ${name}`}.`)
}
