import type { RequestKey } from '../../../db/store.ts'
import { errorPayload, TalonError } from '../../../protocol/errors.ts'
import { requestKey } from '../../dispatch.ts'
import { actorAt, requireScope } from '../../http.ts'
import type { App, BackupFile } from '../../record.ts'
import type { Routes } from '../mount.ts'
import { type ApiContext, asking, param } from '../request.ts'

const base = '/api/v1/backups'
const checksumEnd = '.sha256'

type Create = (c: ApiContext) => Promise<BackupFile & { duplicate?: boolean }>

export const routes: Routes = (http, app) => {
  const create = createOnce(app)
  http.get(base, c => {
    requireScope(c, 'admin')
    return c.json({ backups: app.backups.list(), last: app.backups.last() ?? null })
  })
  http.post(base, async c => {
    requireScope(c, 'admin')
    if (app.lifecycle.draining()) throw new TalonError('DRAINING', 'The gateway is shutting down.')
    const made = await create(c)
    c.header('Location', `${base}/${made.name}`)
    return c.json(made, 201)
  })
  http.get(`${base}/:name`, async c => {
    requireScope(c, 'admin')
    const name = param(c, 'name')
    if (name.endsWith(checksumEnd)) return c.text(checksumOf(app, name.slice(0, -checksumEnd.length)))
    const { bytes, sha256 } = app.backups.find(name)
    c.header('Content-Type', 'application/octet-stream')
    c.header('Content-Length', String(bytes))
    c.header('Content-Disposition', `attachment; filename="${name}"`)
    // RFC 9530, so that whoever loads it can tell whether all of it came.
    if (sha256 !== null) c.header('Repr-Digest', `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`)
    // Nobody would take the content, and its file would stay open.
    if (c.req.method === 'HEAD') return c.body(null)
    await app.audit.record({ action: 'backup.download', target: name, details: { bytes } }, actorAt(c))
    return c.body(app.backups.read(name))
  })
  http.post(`${base}/:name/verify`, async c => {
    requireScope(c, 'admin')
    return c.json({ ok: true, ...(await app.backups.verify(param(c, 'name'))) })
  })
  http.delete(`${base}/:name`, async c => {
    requireScope(c, 'admin')
    const name = param(c, 'name')
    app.backups.remove(name)
    await app.audit.record({ action: 'backup.delete', target: name }, actorAt(c))
    return c.body(null, 204)
  })
}

/** The line that `sha256sum -c` reads. @throws TalonError `NOT_FOUND` */
function checksumOf(app: App, name: string): string {
  const { sha256 } = app.backups.find(name)
  if (sha256 === null) throw new TalonError('NOT_FOUND', `The checksum of ${name} is lost.`)
  return `${sha256}  ${name}\n`
}

/** Makes one backup per `Idempotency-Key`: a repeat is answered alike, meanwhile and after a restart. */
function createOnce(app: App): Create {
  // As many as there are requests that wait.
  const underWay = new Map<string, ReturnType<Create>>()
  return async c => {
    const { caller, requestId } = asking(c)
    if (requestId === undefined) return await make(app, c)
    const key = JSON.stringify([caller.tokenId, requestId])
    const other = underWay.get(key)
    if (other) return { ...(await other), duplicate: true }
    const making = recallOrMake(app, c, requestKey('backups.create', {}, requestId, caller))
    underWay.set(key, making)
    try {
      return await making
    } finally {
      underWay.delete(key)
    }
  }
}

async function recallOrMake(app: App, c: ApiContext, request: RequestKey): ReturnType<Create> {
  const known = await app.store.findReply(request)
  // Kept below: the request's hash covers what it asked for.
  if (known) return { ...(known as unknown as BackupFile), duplicate: true }
  const made = await make(app, c)
  await app.store.keepReply({ reply: { ...made }, at: app.clock.now(), request })
  return made
}

async function make(app: App, c: ApiContext): Promise<BackupFile> {
  try {
    const made = await app.backups.create()
    await app.audit.record({ action: 'backup.create', target: made.name, details: { bytes: made.bytes } }, actorAt(c))
    return made
  } catch (error) {
    const { code } = errorPayload(error)
    await app.audit.record({ action: 'backup.create', outcome: 'failed', details: { code } }, actorAt(c))
    throw error
  }
}
