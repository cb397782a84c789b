import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.list', (app, { watch, ...filter }, call) => {
  // Watching begins before the page is read, so that no change falls between the two.
  if (watch !== undefined) call.connection?.watchSessions(watch)
  return app.store.listSessions(filter)
})
