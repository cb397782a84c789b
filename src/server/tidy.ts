import type { GatewayAuth } from './auth.ts'
import type { App } from './record.ts'

const hourMs = 60 * 60_000
const keepRepliesMs = 24 * hourMs
const keepDeletedMs = 30 * 24 * hourMs

/** Tidies up now and once an hour; the returned function ends that. */
export function startTidying(app: App, auth: GatewayAuth): () => void {
  void keepTidy(app, auth)
  const timer = setInterval(() => void keepTidy(app, auth), hourMs).unref()
  return () => clearInterval(timer)
}

/** Removes what is past its time, and writes which tokens were used. Nobody waits for it, so it throws nothing. */
async function keepTidy(app: App, auth: GatewayAuth): Promise<void> {
  try {
    const now = app.clock.now()
    await auth.flush()
    await app.store.prune({ idempotencyBefore: now - keepRepliesMs, now })
    await app.store.eraseDeleted({ before: now - keepDeletedMs })
  } catch (error) {
    app.log.warn({ err: error }, 'old rows were not removed')
  }
}
