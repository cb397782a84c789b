import type { RequestType } from '../../src/protocol/messages.ts'

/**
 * A payload that each request serves, for a session that exists; a new request gets a row. `answers` are other codes
 * than success that show that the request was let through.
 */
export const sampleRequests: Record<
  Exclude<RequestType, 'hello'>,
  { payload: (sessionId: string) => Record<string, unknown>; answers?: string[] }
> = {
  ping: { payload: () => ({}) },
  'gateway.status': { payload: () => ({}) },
  'session.create': { payload: () => ({ senderId: 'ada', channel: 'test' }) },
  'session.list': { payload: () => ({ limit: 5 }) },
  'session.get': { payload: sessionId => ({ sessionId }) },
  'session.history': { payload: sessionId => ({ sessionId, limit: 5 }) },
  // A word that no other sample holds: it is asked for very often.
  'session.search': { payload: () => ({ query: 'kingfisher', limit: 5 }) },
  'session.subscribe': { payload: sessionId => ({ sessionId, after: 0 }) },
  'session.unsubscribe': { payload: sessionId => ({ sessionId }) },
  'session.send_message': { payload: sessionId => ({ sessionId, text: 'hello' }) },
  'session.cancel': { payload: sessionId => ({ sessionId }) },
  'session.update': { payload: sessionId => ({ sessionId, title: 'A title' }) },
  'session.reset': { payload: sessionId => ({ sessionId }) },
  'session.delete': { payload: sessionId => ({ sessionId }) },
  'session.restore': { payload: sessionId => ({ sessionId }) },
  'session.fork': { payload: sessionId => ({ sessionId, atSeq: 0 }) },
  'tools.list': { payload: () => ({}) },
  'tools.invoke': { payload: () => ({ toolName: 'file_list', args: {} }) },
  'tools.history': { payload: () => ({ limit: 5 }) },
  'tools.run': { payload: () => ({ invocationId: 'none-such' }), answers: ['NOT_FOUND'] },
  'approval.list': { payload: () => ({}) },
  'approval.resolve': {
    payload: () => ({ approvalId: 'none-such', decision: 'deny' }),
    answers: ['NOT_FOUND'],
  },
  'approval.revoke': { payload: () => ({ grantId: 'none-such' }), answers: ['NOT_FOUND'] },
  'approval.restore': { payload: () => ({ grantId: 'none-such' }), answers: ['NOT_FOUND'] },
  'schedule.list': { payload: () => ({}) },
  'schedule.get': { payload: () => ({ scheduleId: 'none-such' }), answers: ['NOT_FOUND'] },
  'schedule.add': { payload: () => ({ text: 'hello', cron: '0 8 1 1 *' }), answers: ['FORBIDDEN', 'CONFLICT'] },
  'schedule.remove': { payload: () => ({ scheduleId: 'none-such' }), answers: ['FORBIDDEN', 'NOT_FOUND'] },
  'schedule.pause': {
    payload: () => ({ scheduleId: 'none-such', paused: true }),
    answers: ['FORBIDDEN', 'NOT_FOUND'],
  },
  'schedule.run': { payload: () => ({ scheduleId: 'none-such' }), answers: ['FORBIDDEN', 'NOT_FOUND'] },
  'session.elevate': { payload: sessionId => ({ sessionId, minutes: 1 }) },
  'tools.cancel': { payload: () => ({ invocationId: 'none-such' }), answers: ['NOT_FOUND'] },
  'usage.get': { payload: () => ({ by: 'model' }) },
  'limits.get': { payload: sessionId => ({ sessionId }) },
  'logs.subscribe': { payload: () => ({ level: 'warn' }) },
  'logs.unsubscribe': { payload: () => ({}) },
  'metrics.subscribe': { payload: () => ({ intervalMs: 60_000 }) },
  'metrics.history': { payload: () => ({ range: '5m' }) },
  'config.get': { payload: () => ({}) },
  'config.update': { payload: () => ({ hash: 'of-another-time', changes: {} }), answers: ['CONFLICT'] },
  'channel.message': { payload: () => ({ channel: 'test', senderId: 'ada', text: 'hello' }) },
}
