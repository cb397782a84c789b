import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('session.list', (app, { watch, deleted, ...filter }, call) => {
  // Watching begins before the page is read, so that no change falls between the two.
  if (watch !== undefined) call.connection?.watchSessions(watch)
  if (deleted) return app.store.listDeleted({ limit: filter.limit, cursor: filter.cursor })
  return app.store.listSessions(filter)
})
