import { TalonError } from '../../../protocol/errors.ts'
import { type ExportFormat, exportFormats, exportSession } from '../../export.ts'
import { actorAt, requireScope } from '../../http.ts'
import type { Routes } from '../mount.ts'
import { number, param } from '../request.ts'

export const routes: Routes = (http, app) => {
  http.get('/api/v1/sessions/:id/export', async c => {
    requireScope(c, 'read')
    const asked = { sessionId: param(c, 'id'), format: formatOf(c.req.query('format')), epoch: number(c, 'epoch') }
    const { fileName, contentType, text } = await exportSession(app, asked)
    const details = { format: asked.format, epoch: asked.epoch ?? null }
    await app.audit.record({ action: 'session.export', target: asked.sessionId, details }, actorAt(c))
    // The headers are out by then: all that can be said is that the answer ends in its middle.
    const breakOff = (error: unknown) => {
      app.log.warn(
        { requestId: c.get('requestId'), sessionId: asked.sessionId, err: error },
        'an export ended before its end',
      )
      c.env?.outgoing?.destroy()
    }
    return c.body(streamOf(text, breakOff), 200, {
      'Content-Type': contentType,
      'Content-Disposition': `attachment; filename="${fileName}"`,
    })
  })
}

function formatOf(asked = 'json'): ExportFormat {
  const format = exportFormats.find(each => each === asked)
  if (format) return format
  throw new TalonError('INVALID_MESSAGE', `format: must be one of ${exportFormats.join(', ')}.`)
}

/** Pulled by its reader, so that a slow one costs a page and no more. */
function streamOf(text: AsyncGenerator<string, void>, breakOff: (error: unknown) => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      try {
        const next = await text.next()
        if (next.done) controller.close()
        else controller.enqueue(encoder.encode(next.value))
      } catch (error) {
        breakOff(error)
        controller.close()
      }
    },
    async cancel() {
      await text.return()
    },
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}
