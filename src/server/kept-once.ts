import type { App, Call } from './record.ts'

/**
 * Does once per request what is no command of the store: a repeat is told what the first one was. One that comes while
 * the first is at work is done again, so that this is for what two of them do not harm.
 * @throws TalonError `CONFLICT` if the id of the request was used for anything else
 */
export async function keptOnce<Reply extends Record<string, unknown>>(
  app: App,
  { request }: Call,
  work: () => Promise<Reply>,
): Promise<Reply & { duplicate?: boolean }> {
  const known = request && (await app.store.findReply(request))
  // Kept below: the hash of the request covers its type.
  if (known) return { ...(known as Reply), duplicate: true }
  const reply = await work()
  if (!request) return reply
  try {
    await app.store.keepReply({ reply, at: app.clock.now(), request })
  } catch (error) {
    // It is done by now, so that this is no failure of it.
    app.log.warn({ err: error, requestId: request.requestId }, 'a repeat of this request would not be recognised')
  }
  return reply
}
