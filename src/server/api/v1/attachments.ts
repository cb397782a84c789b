import { TalonError } from '../../../protocol/errors.ts'
import type { Attachment } from '../../attachments.ts'
import { requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'
import { param } from '../request.ts'

/** Types that are given as they are. What is no image is loaded, not shown: nothing of ours may run what a tool wrote. */
const images: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif'])
const files: ReadonlySet<string> = new Set(['text/plain', 'application/json', 'application/pdf'])

export const routes: Routes = (http, app) => {
  http.get('/api/v1/attachments/:id', async c => {
    requireScope(c, 'read')
    const attachment = await app.attachments.find(param(c, 'id'))
    const { mime, bytes } = attachment
    c.header('Content-Type', images.has(mime) || files.has(mime) ? mime : 'application/octet-stream')
    c.header('Content-Length', String(bytes))
    c.header('Content-Disposition', dispositionOf(attachment))
    c.header('X-Content-Type-Options', 'nosniff')
    // Nobody would take the content, and its file would stay open.
    if (c.req.method === 'HEAD') return c.body(null)
    return c.body(app.attachments.read(attachment))
  })
  http.get('/api/v1/sessions/:id/attachments', async c => {
    requireScope(c, 'read')
    const sessionId = param(c, 'id')
    if (!(await app.store.getHead(sessionId))) {
      throw new TalonError('SESSION_NOT_FOUND', 'Session not found', { sessionId })
    }
    return c.json({ attachments: await app.attachments.list(sessionId) })
  })
}

/** RFC 6266: a name in ASCII, and beside it the real one. */
function dispositionOf({ name, mime }: Attachment): string {
  const kind = images.has(mime) ? 'inline' : 'attachment'
  const ascii = name.replace(/[^A-Za-z0-9._ -]/g, '_')
  const encoded = encodeURIComponent(name).replace(/['()]/g, escape)
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`
}
