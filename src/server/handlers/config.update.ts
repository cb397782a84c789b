import { actorOf } from '../actors.ts'
import { type Answer, defineHandler } from '../dispatch.ts'
import type { App, Call } from '../record.ts'

export const handler = defineHandler('config.update', (app, change, call) =>
  // A repeat finds what the first one kept, also if it comes while that is being done.
  app.settings.inOrder(async () => {
    const known = call.request && (await app.store.findReply(call.request))
    // Kept below: the request's hash covers what it asked for.
    if (known) return { ...(known as unknown as Answer<'config.update'>), duplicate: true }
    const updated = app.settings.update(change, {
      connectionId: call.connection?.id,
      newId: app.newId,
      by: actorOf(call),
    })
    // Nothing happened that a repeat could do twice.
    if (change.dryRun) return updated
    await app.audit.written()
    await keep(app, call, { ...updated })
    return updated
  }),
)

/** The change is made by now, so that a failure here is none of it. */
async function keep(app: App, { request }: Call, reply: Record<string, unknown>): Promise<void> {
  if (!request) return
  try {
    await app.store.keepReply({ reply, at: app.clock.now(), request })
  } catch (error) {
    app.log.warn({ err: error }, 'a repeat of this change of the settings would not be recognised')
  }
}
