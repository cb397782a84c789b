import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('limits.get', (app, { sessionId }, { tokenId, scopes, address }) => ({
  enabled: app.limits.enabled(),
  limits: app.limits.list({ tokenId, scopes, address }, sessionId),
}))
