import type { Hono } from 'hono'
import { TalonError } from '../../protocol/errors.ts'
import type { HttpEnv } from '../http.ts'
import { requireScope } from '../http.ts'
import type { App } from '../record.ts'
import { gatewayStatus } from '../status.ts'
import { type ApiContext, askAs, body, param } from './request.ts'

// v0.3 sent every message of a session at once.
const allMessages = 1_000

const paths = [
  '/api/health',
  '/api/health/deep',
  '/api/ready',
  '/api/sessions',
  '/api/sessions/:id',
  '/api/sessions/:id/send',
  '/api/config',
  '/api/tools',
]

/** The REST surface of v0.3.3, in its own shapes; while `protocol.legacy` is off, nothing is there. */
export function mountLegacyApi(http: Hono<HttpEnv>, app: App): void {
  for (const path of paths) {
    http.use(path, async (_c, next) => {
      if (!app.config['protocol.legacy']) throw new TalonError('NOT_FOUND', 'There is nothing here.')
      await next()
    })
  }
  http.get('/api/health', async c => {
    const status = await gatewayStatus(app)
    return c.json({ ...status, timestamp: new Date(status.timestamp).toISOString() })
  })
  http.get('/api/ready', async c => {
    const [reason] = await app.lifecycle.notReady()
    return c.json({ ready: reason === undefined, ...(reason !== undefined && { reason }) })
  })
  http.get('/api/health/deep', async c => {
    requireScope(c, 'read')
    const { stats, status, timestamp } = await gatewayStatus(app)
    const { heapUsed, heapTotal, rss } = process.memoryUsage()
    const checks = {
      sessions: { status: 'ok', total: stats.sessions, active: stats.activeSessions },
      agent: { status: 'ok', models: app.models.list() },
      memory: { status: 'ok', heapUsed, heapTotal, rss },
    }
    return c.json({ status, timestamp: new Date(timestamp).toISOString(), checks })
  })
  http.get('/api/sessions', async c => c.json((await askAs(app, c, 'session.list', { limit: 200 })).sessions))
  http.get('/api/sessions/:id', c => orNotFound(c, () => session(app, c)))
  http.post('/api/sessions/:id/send', c => orNotFound(c, () => send(app, c)))
  http.get('/api/config', c => {
    requireScope(c, 'admin')
    const { config } = app
    const gateway = { host: config['server.host'], port: config['server.port'] }
    const agent = { model: config['agent.model'], fallback: config['agent.fallback'], models: app.models.list() }
    return c.json({ gateway, agent, channels: {} })
  })
  http.get('/api/tools', async c => c.json(await askAs(app, c, 'tools.list', {})))
}

async function session(app: App, c: ApiContext) {
  const sessionId = param(c, 'id')
  const { session: found } = await askAs(app, c, 'session.get', { sessionId })
  const { messages } = await askAs(app, c, 'session.history', { sessionId, limit: allMessages })
  const { createdAt, lastActiveAt, messageCount, model } = found
  return { ...found, metadata: { createdAt, lastActiveAt, messageCount, model }, messages }
}

async function send(app: App, c: ApiContext) {
  const { text, senderName } = await body(c)
  const sessionId = param(c, 'id')
  await askAs(app, c, 'session.send_message', { sessionId, text, senderName })
  return { status: 'queued', sessionId }
}

/** v0.3 answered an unknown session with a sentence and no code. */
async function orNotFound(c: ApiContext, answer: () => Promise<object>): Promise<Response> {
  try {
    return c.json(await answer())
  } catch (error) {
    if (!(error instanceof TalonError) || error.code !== 'SESSION_NOT_FOUND') throw error
    return c.json({ error: 'Session not found' }, 404)
  }
}
