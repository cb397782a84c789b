import { byGateway } from './actors.ts'
import type { GatewayAuth } from './auth.ts'
import type { App } from './record.ts'
import { retain } from './retention.ts'

const hourMs = 60 * 60_000
const keepRepliesMs = 24 * hourMs
const keepDeletedMs = 30 * 24 * hourMs

/** Tidies up now and once an hour; the returned function ends that, and resolves when nothing is being done any more. */
export function startTidying(app: App, auth: GatewayAuth): () => Promise<void> {
  let busy: Promise<void> | undefined
  // One that takes longer than an hour is not joined by another.
  const tidy = () => {
    busy ??= keepTidy(app, auth).finally(() => {
      busy = undefined
    })
  }
  tidy()
  const timer = setInterval(tidy, hourMs).unref()
  return async () => {
    clearInterval(timer)
    await busy
  }
}

/** Removes what is past its time, and writes which tokens were used. Nobody waits for it, so it throws nothing. */
async function keepTidy(app: App, auth: GatewayAuth): Promise<void> {
  try {
    const now = app.clock.now()
    await auth.flush()
    await app.store.prune({ idempotencyBefore: now - keepRepliesMs, now })
    const audit = app.audit.entry({ action: 'session.erase' }, byGateway)
    await app.store.eraseDeleted({ before: now - keepDeletedMs, audit })
  } catch (error) {
    app.log.warn({ err: error }, 'old rows were not removed')
  }
  try {
    await app.budgets.watchDay()
  } catch (error) {
    app.log.warn({ err: error }, 'the day of the budgets was not looked at')
  }
  try {
    await app.trash.prune()
  } catch (error) {
    app.log.warn({ err: error }, 'the trash was not emptied of what is past its time')
  }
  try {
    const removed = await app.attachments.prune()
    if (removed > 0) app.log.info({ removed }, 'attachments that nothing names any more were removed')
  } catch (error) {
    app.log.warn({ err: error }, 'attachments that are past their time were not removed')
  }
  try {
    await retain(app)
  } catch (error) {
    app.log.warn({ err: error }, 'retention did not come to its end')
  }
}
