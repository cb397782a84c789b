import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('limits.get', (app, { sessionId }, { tokenId, scopes, from, connection }) => ({
  enabled: app.limits.enabled(),
  limits: [...app.limits.list({ tokenId, scopes, address: from.address }, sessionId), ...(connection?.limits() ?? [])],
}))
