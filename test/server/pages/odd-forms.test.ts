import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'

const deep = '['.repeat(100_000) + ']'.repeat(100_000)

let gateway: TestGateway
let cookie = ''

beforeAll(async () => {
  gateway = await testGateway()
  const signedIn = await post('/login', { token: testToken })
  cookie = cookieOf(signedIn)
})
afterAll(() => gateway?.[Symbol.asyncDispose]())

function cookieOf(answer: Response): string {
  return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
}

function post(path: string, form: Record<string, string> | [string, string][]): Promise<Response> {
  const headers = { origin: gateway.url, accept: 'text/html', cookie }
  const body = new URLSearchParams(form)
  return fetch(`${gateway.url}${path}`, { method: 'POST', body, redirect: 'manual', headers })
}

async function page(path: string, more = ''): Promise<{ status: number; html: string }> {
  const headers = { accept: 'text/html', cookie: `${cookie}; ${more}` }
  const answer = await fetch(`${gateway.url}${path}`, { headers, redirect: 'manual' })
  return { status: answer.status, html: await answer.text() }
}

/** What the next page says after a form. */
async function saidAfter(answer: Response): Promise<string> {
  expect(answer.status).toBe(303)
  return (await page(answer.headers.get('location') ?? '', cookieOf(answer))).html
}

/** A form that did nothing: its status, and its page. */
async function refused(answer: Response): Promise<string> {
  const html = await answer.text()
  expect([answer.status, html.includes('role="alert"')]).toEqual([400, true])
  return html
}

test('an address with odd values is answered, and never as a fault of the gateway', async () => {
  const { sessionId } = await gateway.client().request('session.create', { senderId: 'anna', channel: 'cli' })
  const session = `/sessions/${sessionId}`
  const addresses = [
    ...[
      '/?range=',
      '/sessions?cursor=',
      '/sessions?view=deleted&cursor=',
      '/sessions?in=messages&query=',
      '/sessions/',
    ],
    ...['at', 'before', 'after', 'edit'].map(name => `${session}?${name}=`),
    ...[`${session}/trace?run=`, `${session}/trace?before=`, '/tools/file_edit?session=', '/tools/file_edit?again='],
    ...['/tools/history?before=', '/tools/history?run=', '/tools/', '/logs?field=', '/logs?lines=', '/settings?q='],
    ...['/schedules?id=', '/schedules?session='],
    ...['/settings/providers?edit=', '/settings/budgets?from=', '/settings/audit?before=', '/docs?name=', '/docs/'],
  ]
  const odd = ['NaN', '%00', '%ED%A0%BD', '__proto__', '("*', 'x'.repeat(8_000)]
  const wrong: string[] = []
  for (const address of addresses) {
    for (const value of odd) if ((await page(address + value)).status >= 500) wrong.push(address + value.slice(0, 20))
  }
  expect(wrong).toEqual([])
})

test('what is said after a form is cut between two signs, and not within one', async () => {
  // One of the two is cut at an odd place.
  for (const start of ['m', 'mm']) {
    const form = { action: 'price', model: start + '😀'.repeat(200), free: 'on' }
    expect(await saidAfter(await post('/settings/budgets', form))).toContain(`The price of ${start}😀`)
  }
})

test('a price that cannot be kept stays in its form, and none that is not there is forgotten', async () => {
  const wrong = { action: 'price', model: 'acme/large', input: '3', output: 'many', cachedInput: '0.5' }
  const html = await refused(await post('/settings/budgets', wrong))
  for (const value of ['acme/large', '3', 'many', '0.5']) expect(html).toContain(`value="${value}"`)
  for (const model of ['toString', '__proto__', 'constructor']) {
    expect((await post('/settings/budgets', { action: 'forget', model })).status).toBe(404)
  }
})

test('settings of another kind or depth than there can be are refused in words', async () => {
  const { hash } = await gateway.client().request('config.get', {})
  const bases = [
    `{"budget.prices":${deep}}`,
    '{"log.level":{"toString":1,"valueOf":1},"server.port":[[{}]],"server.allowedHosts":{"a":1}}',
    '{"__proto__":{"log.level":1}}',
    '[]',
  ]
  for (const base of bases) {
    const fields = { hash, base, 'set.log.level': 'x', 'set.server.port': 'y', 'set.budget.prices': '{' }
    for (const action of ['review', 'save', 'edit']) {
      expect((await post('/settings', { action, ...fields })).status, `${action} ${base.slice(0, 40)}`).toBeLessThan(
        500,
      )
    }
  }
  const entered = { action: 'review', hash, base: '{"budget.prices":{}}', 'set.budget.prices': deep }
  expect(await (await post('/settings', entered)).text()).toContain('too many brackets')
})

test('arguments of a tool that are too deep are refused beside their field', async () => {
  for (const action of ['run', 'dryRun']) {
    expect(await refused(await post('/tools/time_now', { action, json: `{"a":${deep}}` }))).toContain(
      'too many brackets',
    )
  }
})

test('a token gets no wider bound and no longer life than one that can be chosen', async () => {
  for (const odd of [{ profile: 'asks' }, { days: '1' }, { days: '1e3' }, { profile: '__proto__' }]) {
    await refused(await post('/settings/tokens', { action: 'create', name: 'odd', scope: 'read', ...odd }))
  }
  const html = await refused(await post('/settings/tokens', { action: 'create', name: '', scope: 'tools' }))
  expect(html).toMatch(/<details class="card fold mb-6" open/)
  expect((await gateway.app.auth.listTokens()).some(({ name }) => name === 'odd')).toBe(false)
})

test('a hit of the search leads to its message without a script too', async () => {
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'anna', channel: 'cli' })
  await client.request('session.send_message', { sessionId, text: 'a kingfisher' })
  // What was said is looked up in an index, which follows in a moment.
  const found = async () => (await page('/sessions?in=messages&query=kingfisher')).html
  await expect.poll(found, { timeout: 20_000 }).toContain(`href="/sessions/${sessionId}?at=1#m1"`)
})

test('of sessions that are deleted together, one that is gone keeps none of the others', async () => {
  const client = gateway.client()
  const ids: string[] = []
  for (let count = 0; count < 3; count++) {
    ids.push((await client.request('session.create', { senderId: 'anna', channel: 'cli' })).sessionId)
  }
  const [first = '', gone = '', last = ''] = ids
  const chosen = [['action', 'delete'] as [string, string], ...ids.map((id): [string, string] => ['id', id])]
  await client.request('session.delete', { sessionId: gone })
  expect(await saidAfter(await post('/sessions', chosen))).toContain('2 sessions are deleted')
  for (const id of [first, last]) expect((await page(`/sessions/${id}`)).status).toBe(404)
  expect((await post('/sessions', { action: 'delete', id: gone })).status).toBe(404)
})

test('a new session that is refused keeps what was chosen for it', async () => {
  const form = { action: 'create', title: 'x'.repeat(201), model: 'offline/demo', profile: 'read-only' }
  const html = await refused(await post('/sessions/new', form))
  expect(html).toContain('<option value="read-only" selected>')
  expect(html).toContain(`value="${'x'.repeat(201)}"`)
})

test('a schedule without a message or a time is refused in words, and keeps what was entered', async () => {
  const form = { action: 'add', when: 'cron', text: 'Kept <b>text</b>', cron: '0 8 * * *', at: '', timezone: '' }
  const wrong = { text: ' ', cron: '61 8 * * *', timezone: 'Europe/Nowhere', session: 'none', name: 'x'.repeat(101) }
  for (const [field, value] of Object.entries(wrong)) {
    const answer = await post('/schedules', { ...form, [field]: value })
    expect([400, 404], field).toContain(answer.status)
    const html = await answer.text()
    expect(html).toContain('role="alert"')
    if (field !== 'text') expect(html).toContain('Kept &lt;b>text&lt;/b>')
    if (field !== 'session') expect(html).toContain(value.trim())
  }
  // What was chosen counts, and not what else was entered.
  expect(await refused(await post('/schedules', { ...form, when: 'at' }))).toContain('Choose the moment')
  for (const action of ['run', 'pause', 'resume', 'remove']) {
    expect((await post('/schedules', { action, id: '__proto__' })).status, action).toBe(404)
  }
  expect(await gateway.app.schedules.list()).toEqual([])
})

test('the lines of a message end as they were written, not as forms send them', async () => {
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'anna', channel: 'cli' })
  expect((await post(`/sessions/${sessionId}`, { action: 'send', text: 'one\r\ntwo' })).status).toBe(303)
  const { messages } = await client.request('session.history', { sessionId })
  expect(messages[0]?.content).toBe('one\ntwo')
})

test('the lines of a scheduled message end as its field counts them, so that one that it takes is not too long', async () => {
  const text = `${'x'.repeat(15_980)}${'\nb'.repeat(10)}`
  const form = { action: 'add', when: 'cron', cron: '0 8 * * *', text: text.replaceAll('\n', '\r\n') }
  expect((await post('/schedules', form)).status).toBe(303)
  const [{ id = '', text: kept = '' } = {}] = await gateway.app.schedules.list()
  expect(kept).toBe(text)
  await post('/schedules', { action: 'remove', id })
})

test('a schedule that was named with blanks alone can be opened by its name all the same', async () => {
  const client = gateway.client()
  const times = { cron: '@daily', name: '  ' }
  const named = async (text: string) => (await client.request('schedule.add', { ...times, text })).schedule
  const [one, other] = [await named('What is new?'), await named(' ')]
  expect([one.name, other.name]).toEqual(['What is new?', 'Unnamed'])
  for (const { id } of [one, other]) await client.request('schedule.remove', { scheduleId: id })
})

test('a provider takes no header without its value, reads a long gap at once, and a new key is in the trail', async () => {
  const { hash } = await gateway.client().request('config.get', {})
  const address = { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:9/v1' }
  const fields = { action: 'save', hash, was: '', name: 'acme', models: 'small', key: 'canary-key', ...address }
  const html = await refused(await post('/settings/providers', { ...fields, headerName: 'X-Title', headerValue: ' ' }))
  expect(html).toContain('Enter the value of the header X-Title')
  await refused(await post('/settings/providers', { ...fields, models: `a${' '.repeat(500_000)}b` }))
  await saidAfter(await post('/settings/providers', { ...fields, models: 'a b  context=8192 output=10' }))
  const trail = await gateway.app.store.listAudit({ limit: 10, action: 'provider.key' })
  expect(trail).toMatchObject([{ target: 'acme', outcome: 'ok' }])
  expect(JSON.stringify(trail)).not.toContain('canary-key')
  expect(gateway.app.config['agent.providers']).toMatchObject([
    { name: 'acme', models: [{ id: 'a b', contextTokens: 8192, maxOutputTokens: 10 }] },
  ])
})

// The last one: from here on this address waits.
test('who guesses too often is told on a page too when to try again', async () => {
  const headers = { accept: 'text/html', authorization: 'Bearer tln_wrong_wrongwrongwrongwrongwrong' }
  let answer = await fetch(gateway.url, { headers })
  for (let tries = 0; tries < 50 && answer.status === 401; tries++) answer = await fetch(gateway.url, { headers })
  expect(answer.status).toBe(429)
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(answer.headers.get('content-type')).toContain('text/html')
})
