import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createAttachments } from '../../src/server/attachments.ts'
import { loadConfig } from '../../src/server/config.ts'
import type { Config } from '../../src/server/settings.ts'
import { createTools } from '../../src/server/tools/registry.ts'
import { defineTool } from '../../src/server/tools/tool.ts'
import { browser } from '../support/browser-cookie.ts'
import { testGateway } from '../support/gateway.ts'
import { temporaryStore } from '../support/store.ts'
import { converse, newSession, rest } from './api/rest.ts'

const png = Buffer.from('89504e470d0a1a0a', 'hex')
const dayMs = 86_400_000
const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')

/** Attachments on a real store and folder, with a clock that the test sets. */
async function keeping(settings: Partial<Config> = {}) {
  const { store, home, dispose } = await temporaryStore()
  const config = { ...loadConfig({ home, env: {} }).values, ...settings }
  const clock = { now: () => bench.now }
  let count = 0
  const bench = {
    now: 1,
    home,
    store,
    attachments: createAttachments({ home, store, config, clock, newId: () => `a${++count}` }),
    add(content: Buffer, sessionId: string | undefined = undefined, name = 'picture.png') {
      bench.now += 1
      return bench.attachments.add({ sessionId, invocationId: 'i', name, mime: 'image/png', content })
    },
    files: () =>
      existsSync(join(home, 'attachments'))
        ? readdirSync(join(home, 'attachments'), { recursive: true })
            .map(String)
            .filter(name => name.includes('/'))
        : [],
    session: (id: string) => store.createSession({ id, senderId: 'a', channel: 'c', at: 1 }),
    [Symbol.asyncDispose]: dispose,
  }
  return bench
}

test('a file is kept once under its hash, for its owner alone, and named by rows', async () => {
  await using bench = await keeping()
  const [first, second] = [await bench.add(png), await bench.add(png)]
  const hash = sha256(png)
  expect(bench.files()).toEqual([join(hash.slice(0, 2), hash)])
  expect(statSync(join(bench.home, 'attachments', hash.slice(0, 2), hash)).mode & 0o777).toBe(0o600)
  for (const { id } of [first, second])
    expect(await bench.attachments.find(id)).toMatchObject({ sha256: hash, bytes: 8 })
  expect(await new Response(bench.attachments.read(await bench.attachments.find(first.id))).bytes()).toEqual(
    new Uint8Array(png),
  )
})

test('the oldest of a session, and of all, make room for the newest', async () => {
  await using bench = await keeping({ 'attachments.sessionMegabytes': 2, 'attachments.megabytes': 3 })
  for (const id of ['s', 't']) await bench.session(id)
  const megabyte = (fill: number) => Buffer.alloc(1_048_576, fill)
  const refs = []
  for (const fill of [1, 2, 3]) refs.push(await bench.add(megabyte(fill), 's'))
  expect((await bench.attachments.list('s')).map(({ id }) => id)).toEqual([refs[2]?.id, refs[1]?.id])
  for (const fill of [4, 5]) await bench.add(megabyte(fill), 't')
  expect(await bench.attachments.list('s')).toHaveLength(1)
  expect(await bench.attachments.list('t')).toHaveLength(2)
  expect(bench.files()).toHaveLength(3)
})

test('a file that two rows name stays until neither does', async () => {
  await using bench = await keeping({ 'attachments.keepDays': 10 })
  await bench.add(png)
  bench.now += 9 * dayMs
  await bench.add(png)
  bench.now += 2 * dayMs
  expect(await bench.attachments.prune()).toBe(0)
  expect(bench.files()).toHaveLength(1)
  bench.now += 9 * dayMs
  expect(await bench.attachments.prune()).toBe(1)
  expect(bench.files()).toEqual([])
})

test('what belongs to a deleted session is not found, comes back with it, and is erased with it', async () => {
  await using bench = await keeping()
  await bench.session('s')
  const { id } = await bench.add(png, 's')
  await bench.store.deleteSession({ sessionId: 's', at: 5, cut: { messageId: 'm' } })
  await expect(bench.attachments.find(id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await bench.attachments.prune()).toBe(0)
  await bench.store.restoreSession({ sessionId: 's', at: 6 })
  expect(await bench.attachments.find(id)).toMatchObject({ id })
  await bench.store.deleteSession({ sessionId: 's', at: 7, cut: { messageId: 'm2' } })
  await bench.store.eraseDeleted({ before: 8 })
  expect(await bench.attachments.prune()).toBe(1)
  expect(bench.files()).toEqual([])
})

test('what a crash left behind is swept, whole or half written', async () => {
  await using bench = await keeping()
  await bench.add(png)
  const hash = sha256('orphan')
  const part = join(bench.home, 'attachments', hash.slice(0, 2))
  mkdirSync(part, { recursive: true })
  writeFileSync(join(part, hash), 'orphan')
  writeFileSync(join(part, 'x.partial'), 'half')
  expect(await bench.attachments.prune()).toBe(1)
  expect(bench.files()).toEqual([join(sha256(png).slice(0, 2), sha256(png))])
})

test('of many at once none is lost, while others are swept', async () => {
  await using bench = await keeping()
  const adding = Array.from({ length: 20 }, (_, at) => bench.add(Buffer.from(`content ${at % 5}`)))
  const [refs] = await Promise.all([Promise.all(adding), bench.attachments.prune(), bench.attachments.prune()])
  for (const { id } of refs) expect(await bench.attachments.find(id)).toMatchObject({ id })
  expect(bench.files()).toHaveLength(5)
})

test('a name is one that every file system takes, and one that is too large is refused', async () => {
  await using bench = await keeping()
  const named = async (name: string) => (await bench.add(png, undefined, name)).name
  expect(await named('../../etc/passwd')).toBe('etc-passwd')
  expect(await named('a\r\nSet-Cookie: x"\u202egnp.png')).toBe('a-Set-Cookie- x-gnp.png')
  expect(await named('.')).toBe('file')
  expect(await named('ä'.repeat(500))).toHaveLength(120)
  await expect(bench.add(Buffer.alloc(17 * 1_048_576))).rejects.toMatchObject({ code: 'TOO_LARGE' })
})

test('over HTTP an image is shown and all else is loaded, and neither can run anything', async () => {
  await using gateway = await testGateway()
  const sessionId = await newSession(gateway)
  const add = (name: string, mime: string) =>
    gateway.app.attachments.add({ sessionId, invocationId: 'i', name, mime, content: png })
  const image = await add('Bild ä.png', 'image/png')
  const shown = await gateway.fetch(`/api/v1/attachments/${image.id}`)
  expect(Buffer.from(await shown.arrayBuffer())).toEqual(png)
  const header = (answer: Response, name: string) => answer.headers.get(name)
  expect(header(shown, 'content-type')).toBe('image/png')
  expect(header(shown, 'content-disposition')).toBe(`inline; filename="Bild _.png"; filename*=UTF-8''Bild%20%C3%A4.png`)
  expect(header(shown, 'content-security-policy')).toBe("default-src 'none'; sandbox")
  expect(header(shown, 'x-content-type-options')).toBe('nosniff')
  for (const mime of ['text/html', 'image/svg+xml', 'application/xhtml+xml', 'text/javascript']) {
    const { id } = await add('evil.html', mime)
    const answer = await gateway.fetch(`/api/v1/attachments/${id}`)
    expect(header(answer, 'content-type')).toBe('application/octet-stream')
    expect(header(answer, 'content-disposition')).toContain('attachment; filename="evil.html"')
  }
  const list = await (await gateway.fetch(`/api/v1/sessions/${sessionId}/attachments`)).json()
  expect(list).toMatchObject({ attachments: { length: 5 } })
  expect((await gateway.fetch('/api/v1/attachments/none')).status).toBe(404)
  expect((await gateway.fetch('/api/v1/attachments/..%2F..%2Fgateway.db')).status).toBe(404)
  expect((await gateway.fetch('/api/v1/sessions/none/attachments')).status).toBe(404)
  expect((await gateway.fetch(`/api/v1/attachments/${image.id}`, { method: 'HEAD' })).status).toBe(200)
  const headers = { Cookie: (await browser(gateway)).Cookie }
  const signedIn = await gateway.fetch(`/api/v1/attachments/${image.id}`, { token: '', headers })
  expect(signedIn.status).toBe(200)
  expect((await gateway.fetch(`/api/v1/attachments/${image.id}`, { token: '' })).status).toBe(401)
})

test('a run tells its session of the files of a tool, and its log names them', async () => {
  await using gateway = await testGateway()
  const tool = defineTool({
    name: 'test_tool',
    description: 'Makes a file.',
    group: 'test',
    permission: 'safe',
    schema: z.strictObject({}),
    example: {},
    async run(_args, { attachments, sessionId, invocationId }) {
      const file = { sessionId, invocationId, name: 'a.png', mime: 'image/png', content: png }
      return { output: 'Made.', attachments: [await attachments.add(file)] }
    },
  })
  gateway.app.tools = createTools(gateway.app, [tool])
  const sessionId = await newSession(gateway)
  const told = Promise.withResolvers<Record<string, unknown>>()
  gateway.app.bus.onSession(sessionId, ({ type, payload }) => type === 'tool.result' && told.resolve(payload))
  await converse(gateway, sessionId, '/tool test_tool {}')
  const [kept] = await gateway.app.attachments.list(sessionId)
  const ref = { id: kept?.id, name: 'a.png', mime: 'image/png', bytes: 8 }
  expect(await told.promise).toMatchObject({ success: true, attachments: [ref] })
  const history = await (await gateway.fetch(`/api/v1/sessions/${sessionId}/messages`)).json()
  expect(JSON.stringify(history)).toContain(`attachment:${kept?.id}`)
  const { body } = await rest(gateway, 'POST', '/api/v1/tools/test_tool', { body: { args: {} } })
  expect(body).toMatchObject({ success: true, attachments: [{ name: 'a.png' }] })
})
