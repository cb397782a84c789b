import { createHash } from 'node:crypto'
import type { RequestKey } from '../../../db/store.ts'
import { TalonError } from '../../../protocol/errors.ts'
import { requestKey } from '../../dispatch.ts'
import { actorAt, requireScope } from '../../http.ts'
import { refuseUnready } from '../../lifecycle.ts'
import type { App } from '../../record.ts'
import { type ImportedSessionFile, importSession } from '../../session-import.ts'
import type { Routes } from '../mount.ts'
import { type ApiContext, asking } from '../request.ts'

// Nothing of it is held in memory; this is what an upload may take of the disk before anybody notices.
const maxFileBytes = 1024 * 1024 * 1024

type Import = (c: ApiContext) => Promise<ImportedSessionFile & { duplicate?: boolean }>

export const routes: Routes = (http, app) => {
  const importOnce = createOnce(app)
  http.post('/api/v1/sessions/import', async c => {
    requireScope(c, 'chat')
    refuseUnready(app.lifecycle)
    const imported = await importOnce(c)
    c.header('Location', `/api/v1/sessions/${encodeURIComponent(imported.sessionId)}`)
    return c.json(imported, 201)
  })
}

/** Imports one file per `Idempotency-Key`: a repeat is answered alike, also after a restart. */
function createOnce(app: App): Import {
  // As many as there are requests that wait.
  const underWay = new Map<string, Promise<unknown>>()
  return async c => {
    const { caller, requestId } = asking(c)
    if (requestId === undefined) return await importFile(app, c)
    const name = JSON.stringify([caller.tokenId, requestId])
    // Its body stays unread until the other is stored, or has failed and this one takes its place.
    while (underWay.has(name)) await underWay.get(name)
    const keyOf = (sha256: string) => requestKey('sessions.import', { sha256 }, requestId, caller)
    const importing = recallOrImport(app, c, keyOf)
    underWay.set(
      name,
      importing.catch(() => undefined),
    )
    try {
      return await importing
    } finally {
      underWay.delete(name)
    }
  }
}

async function recallOrImport(app: App, c: ApiContext, keyOf: (sha256: string) => RequestKey): ReturnType<Import> {
  if (!(await isUsed(app, keyOf('')))) return await importFile(app, c, keyOf)
  const hash = createHash('sha256')
  for await (const chunk of fileOf(c)) hash.update(chunk)
  const known = await app.store.findReply(keyOf(hash.digest('hex')))
  if (!known) throw new TalonError('CONFLICT', 'This request id was used with another payload.')
  // Kept by an import: the request's hash covers what it is.
  return { ...(known as unknown as ImportedSessionFile), duplicate: true }
}

/** Whether an id was used before, for whatever: what this request asks for is known only at the end of its body. */
async function isUsed(app: App, request: RequestKey): Promise<boolean> {
  try {
    return (await app.store.findReply(request)) !== undefined
  } catch (error) {
    if (error instanceof TalonError && error.code === 'CONFLICT') return true
    throw error
  }
}

async function importFile(app: App, c: ApiContext, keyOf?: (sha256: string) => RequestKey): ReturnType<Import> {
  const hash = createHash('sha256')
  const hear = keyOf && ((chunk: Uint8Array) => void hash.update(chunk))
  const auditOf = ({ sessionId, messages }: ImportedSessionFile) =>
    app.audit.entry({ action: 'session.import', target: sessionId, details: { messages } }, actorAt(c))
  const imported = await importSession(app, fileOf(c, hear), () => keyOf?.(hash.digest('hex')), auditOf)
  app.log.info({ requestId: c.get('requestId'), ...imported }, 'a session was imported')
  return imported
}

/** @throws TalonError `TOO_LARGE` */
async function* fileOf(c: ApiContext, hear?: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array, void> {
  if (Number(c.req.header('content-length') ?? 0) > maxFileBytes) throw tooLarge()
  let size = 0
  try {
    for await (const chunk of c.req.raw.body ?? []) {
      size += chunk.byteLength
      if (size > maxFileBytes) throw tooLarge()
      hear?.(chunk)
      yield chunk
    }
  } catch (thrown) {
    if (thrown instanceof TalonError) throw thrown
    throw new TalonError('CANCELLED', 'The upload broke off. Nothing was imported.', { cause: thrown })
  }
}

function tooLarge(): TalonError {
  return new TalonError('TOO_LARGE', `A session to import has at most ${maxFileBytes} bytes.`)
}
