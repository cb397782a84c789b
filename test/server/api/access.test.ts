import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Scope, scopes } from '../../../src/protocol/shapes.ts'
import { type TestGateway, testGateway } from '../../support/gateway.ts'
import { newSession, rest } from './rest.ts'

/** The least that can be imported. */
const exported = {
  format: 'talon.session',
  version: 1,
  session: { id: 's', senderId: 'a', channel: 'c', title: null, model: null, createdAt: 1, lastActiveAt: 1 },
}

/** Every route below `/api` with the one scope that it needs; none implies another. */
const routes: [method: string, path: string, scope: Scope, body?: object][] = [
  ['GET', '/api/v1/status', 'read'],
  ['GET', '/api/v1/limits', 'read'],
  ['GET', '/api/v1/sessions', 'read'],
  ['POST', '/api/v1/sessions', 'chat', {}],
  ['GET', '/api/v1/sessions/:id', 'read'],
  ['PATCH', '/api/v1/sessions/:id', 'chat', { title: 'x' }],
  ['DELETE', '/api/v1/sessions/:id', 'chat'],
  ['POST', '/api/v1/sessions/:id/restore', 'chat'],
  ['POST', '/api/v1/sessions/:id/reset', 'chat'],
  ['POST', '/api/v1/sessions/:id/cancel', 'chat'],
  ['POST', '/api/v1/sessions/:id/fork', 'chat', { atSeq: 0 }],
  ['GET', '/api/v1/sessions/:id/export', 'read'],
  ['POST', '/api/v1/sessions/import', 'chat', exported],
  ['GET', '/api/v1/sessions/:id/messages', 'read'],
  ['POST', '/api/v1/sessions/:id/messages', 'chat', { text: 'x' }],
  ['HEAD', '/api/v1/sessions/:id/events', 'read'],
  ['GET', '/api/v1/search?q=x', 'read'],
  ['GET', '/api/v1/tools', 'read'],
  ['GET', '/api/v1/tools/runs', 'read'],
  ['GET', '/api/v1/tools/runs/none', 'read'],
  ['GET', '/api/v1/approvals', 'approve'],
  ['POST', '/api/v1/approvals/none', 'approve', { decision: 'deny' }],
  ['DELETE', '/api/v1/grants/none', 'approve'],
  ['POST', '/api/v1/grants/none/restore', 'approve'],
  ['POST', '/api/v1/sessions/:id/elevate', 'approve', { minutes: 1 }],
  ['POST', '/api/v1/tools/file_list', 'tools', { args: { path: '.' } }],
  ['GET', '/api/v1/schedules', 'read'],
  ['GET', '/api/v1/schedules/none', 'read'],
  ['GET', '/api/v1/memory', 'read'],
  ['DELETE', '/api/v1/memory/none', 'admin'],
  ['GET', '/api/v1/facts', 'read'],
  ['DELETE', '/api/v1/facts/:key', 'admin'],
  ['GET', '/api/v1/persona', 'read'],
  ['DELETE', '/api/v1/persona', 'admin'],
  ['GET', '/api/v1/notes', 'read'],
  ['GET', '/api/v1/notes/none', 'read'],
  ['DELETE', '/api/v1/notes/none', 'admin'],
  ['GET', '/api/v1/tasks', 'read'],
  ['DELETE', '/api/v1/tasks/none', 'admin'],
  ['GET', '/api/v1/attachments/none', 'read'],
  ['GET', '/api/v1/sessions/:id/attachments', 'read'],
  ['GET', '/api/v1/usage', 'read'],
  ['GET', '/api/v1/pools', 'read'],
  ['GET', '/api/v1/doctor', 'admin'],
  ['GET', '/api/v1/history', 'read'],
  ['GET', '/api/v1/logs', 'admin'],
  ['GET', '/api/v1/audit', 'admin'],
  ['GET', '/api/v1/audit/verify', 'admin'],
  ['GET', '/api/v1/backups', 'admin'],
  ['POST', '/api/v1/backups', 'admin', {}],
  ['GET', '/api/v1/backups/:name', 'admin'],
  ['GET', '/api/v1/backups/:name.sha256', 'admin'],
  ['POST', '/api/v1/backups/:name/verify', 'admin', {}],
  ['DELETE', '/api/v1/backups/:name', 'admin'],
  ['GET', '/api/v1/config', 'admin'],
  ['PATCH', '/api/v1/config', 'admin', { hash: 'of-another-time', changes: {} }],
  ['GET', '/api/v1/tokens', 'admin'],
  ['POST', '/api/v1/tokens', 'admin', { name: 'x', scopes: ['admin'] }],
  ['DELETE', '/api/v1/tokens/none', 'admin'],
  ['POST', '/api/v1/auth/codes', 'admin'],
  ['GET', '/api/health/deep', 'read'],
  ['GET', '/api/sessions', 'read'],
  ['GET', '/api/sessions/:id', 'read'],
  ['POST', '/api/sessions/:id/send', 'chat', { text: 'x' }],
  ['GET', '/api/config', 'admin'],
  ['GET', '/api/tools', 'read'],
]

/** What needs the scopes `tools` and `chat` both. */
const doubled: [method: string, path: string, body?: object][] = [
  ['POST', '/api/v1/schedules', { text: 'x', cron: '0 8 1 1 *' }],
  ['DELETE', '/api/v1/schedules/none'],
  ['POST', '/api/v1/schedules/none/pause', { paused: true }],
  ['POST', '/api/v1/schedules/none/run'],
]

let gateway: TestGateway
const tokens = new Map<Scope, string>()
beforeAll(async () => {
  gateway = await testGateway()
  for (const scope of scopes) tokens.set(scope, await gateway.token(scope))
})
afterAll(() => gateway[Symbol.asyncDispose]())

describe.each(routes)('%s %s', (method, path, needed, body) => {
  const ask = async (token: string) => {
    const url = path.replace(':id', await newSession(gateway))
    return rest(gateway, method, url, { token, ...(body && { body }) })
  }

  test(`is served to a token with the scope ${needed} and to no other`, async () => {
    for (const scope of scopes) {
      const { status, body } = await ask(tokens.get(scope) ?? '')
      if (scope === needed) expect([200, 201, 202, 204, 404, 409]).toContain(status)
      else expect([scope, status, body['code'] ?? 'FORBIDDEN']).toEqual([scope, 403, 'FORBIDDEN'])
    }
  })

  test('is refused with 401 and a challenge to nobody and to a wrong token', async () => {
    const nobody = await ask('')
    expect(nobody.status).toBe(401)
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer')
    expect(nobody.headers.get('content-type')).toBe('application/problem+json')
  })
})

test('what needs two scopes is refused to either alone', async () => {
  const both = await gateway.token('tools', 'chat')
  for (const [method, path, body] of doubled) {
    for (const scope of scopes) {
      const { status } = await rest(gateway, method, path, { token: tokens.get(scope) ?? '', ...(body && { body }) })
      expect([method, path, scope, status]).toEqual([method, path, scope, 403])
    }
    const { status } = await rest(gateway, method, path, { token: both, ...(body && { body }) })
    expect([201, 404]).toContain(status)
    expect((await rest(gateway, method, path, { token: '' })).status).toBe(401)
  }
})

test('every API route that exists stands in the table above, or is open to all', () => {
  const open = ['/api/health', '/api/ready', '/api/v1/auth/exchange', '/api/v1/auth/token', '/api/v1/auth/logout']
  const listed = new Set(
    [...routes, ...doubled].map(([method, path]) => `${method === 'HEAD' ? 'GET' : method} ${shape(path)}`),
  )
  const missing = mounted().filter(route => !listed.has(route) && !open.some(path => route.endsWith(` ${path}`)))
  expect(missing).toEqual([])
})

test('a wrong, a cut and a revoked token are all refused in the same words', async () => {
  const { id, token } = await gateway.app.auth.createToken({ name: 'gone', scopes: ['read'] })
  await gateway.app.auth.revokeToken(id)
  const answers = []
  for (const wrong of ['tln_nobody_0123456789012345678901234567890123', token.slice(0, -1), token]) {
    const { status, body } = await rest(gateway, 'GET', '/api/v1/sessions', { token: wrong })
    answers.push([status, body['code'], body['detail']])
  }
  expect(answers).toEqual(Array.from({ length: 3 }, () => [401, 'UNAUTHENTICATED', 'This token is not valid.']))
})

test('a token in the address is refused, even a good one', async () => {
  const { status, body } = await rest(gateway, 'GET', `/api/v1/sessions?token=${tokens.get('read')}`, { token: '' })
  expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'INVALID_MESSAGE' })
})

function shape(path: string): string {
  return path.replace(/\?.*/, '').replace('/none', '/:id').replace('/file_list', '/:name')
}

/** Method and path of every route below `/api`, read from the sources' one way to mount them. */
function mounted(): string[] {
  const sources = import.meta.glob<string>(['../../../src/server/api/v1/*.ts', '../../../src/server/api/legacy.ts'], {
    eager: true,
    query: '?raw',
    import: 'default',
  })
  return Object.values(sources).flatMap(source => {
    const base = /const base = '([^']+)'/.exec(source)?.[1] ?? ''
    const calls = source.matchAll(/http\.(get|post|put|patch|delete)\(\s*(base|['`][^'`]+['`])/g)
    return [...calls].map(([, method = '', path = '']) => {
      const written = path === 'base' ? base : path.slice(1, -1).replace(`\${base}`, base)
      return `${method.toUpperCase()} ${written}`
    })
  })
}
