import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'

let gateway: TestGateway
let cookie = ''

beforeAll(async () => {
  gateway = await testGateway()
  cookie = await signedIn(testToken)
})
afterAll(() => gateway?.[Symbol.asyncDispose]())

async function signedIn(token: string): Promise<string> {
  const answer = await post('/login', { token }, '')
  return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
}

function post(path: string, form: Record<string, string>, who = cookie): Promise<Response> {
  const headers = { origin: gateway.url, accept: 'text/html', cookie: who }
  return fetch(`${gateway.url}${path}`, {
    method: 'POST',
    body: new URLSearchParams(form),
    redirect: 'manual',
    headers,
  })
}

async function page(path: string, who = cookie): Promise<string> {
  const answer = await fetch(`${gateway.url}${path}`, { headers: { accept: 'text/html', cookie: who } })
  return answer.text()
}

/** What the next page says after a form. */
async function saidAfter(answer: Response): Promise<string> {
  expect(answer.status).toBe(303)
  const said = answer.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
  return page(answer.headers.get('location') ?? '', `${cookie}; ${said}`)
}

test('a backup is made, verified and deleted without a script, and each is said once', async () => {
  expect(await page('/settings/backups')).toContain('No backup yet')
  const made = await saidAfter(await post('/settings/backups', { action: 'create' }))
  expect(made).toMatch(/role="status">Made the backup gateway-.*\.backup \(/)
  expect(await page('/settings/backups')).not.toContain('role="status">Made')
  const name = gateway.app.backups.list()[0]?.name ?? ''
  const verified = await saidAfter(await post('/settings/backups', { action: 'verify', name }))
  expect(verified).toContain(`${name} is whole: 0 sessions, 0 messages, schema `)
  await saidAfter(await post('/settings/backups', { action: 'delete', name }))
  expect(gateway.app.backups.list()).toEqual([])
})

test('what a form cannot do is said with its status, above the same page', async () => {
  const answer = await post('/settings/backups', { action: 'verify', name: '../gateway.db' })
  expect(answer.status).toBe(404)
  const html = await answer.text()
  expect(html).toContain('role="alert">There is no such backup.')
  expect(html).toContain('Back up now')
  for (const action of ['none', 'toString', '__proto__', '']) {
    expect((await post('/settings/backups', { action })).status).toBe(404)
  }
})

test('a form changes nothing for another site, for nobody, and for a token that may not', async () => {
  const body = new URLSearchParams({ action: 'create' })
  const headers = { cookie, accept: 'text/html', origin: 'https://evil.example' }
  const foreign = await fetch(`${gateway.url}/settings/backups`, { method: 'POST', body, headers })
  expect(foreign.status).toBe(403)
  const nobody = await post('/settings/backups', { action: 'create' }, '')
  expect([nobody.status, nobody.headers.get('location')]).toEqual([303, '/login?next=%2Fsettings%2Fbackups'])
  const { token } = await gateway.app.auth.createToken({ name: 'reader', scopes: ['read'] })
  const reader = await signedIn(token)
  expect((await post('/settings/backups', { action: 'create' }, reader)).status).toBe(403)
  for (const path of ['/settings/backups', '/settings/audit']) {
    expect(await page(path, reader)).toContain('need a token with the scope')
  }
  expect(gateway.app.backups.list()).toEqual([])
})

test('schedules are seen with the scope to read, and changed with those for tools and chat alone', async () => {
  const add = { action: 'add', text: 'What is new?', when: 'cron', cron: '0 8 * * *', name: 'Daily' }
  const said = await saidAfter(await post('/schedules', add))
  expect(said).toContain('role="status">“Daily” is scheduled.')
  const [{ id = '' } = {}] = await gateway.app.schedules.list()
  for (const scopes of [['read'], ['read', 'chat'], ['read', 'tools']] as const) {
    const { token } = await gateway.app.auth.createToken({ name: 'reader', scopes: [...scopes] })
    const who = await signedIn(token)
    const html = await page('/schedules', who)
    expect(html).toContain('Daily')
    expect(html).not.toContain('<form method="post" class')
    for (const action of ['add', 'run', 'pause', 'resume', 'remove']) {
      expect((await post('/schedules', { ...add, action, id }, who)).status, `${action} ${scopes}`).toBe(403)
    }
  }
  expect((await post('/schedules', add, '')).headers.get('location')).toBe('/login?next=%2Fschedules')
  await saidAfter(await post('/schedules', { action: 'remove', id }))
  expect(await gateway.app.schedules.list()).toEqual([])
})

test('the trail shows who did what, filtered and paged by its address, and its chain is verified', async () => {
  await gateway.app.audit.written()
  const all = await page('/settings/audit')
  for (const action of ['backup.create', 'backup.delete', 'token.create', 'sign_in']) expect(all).toContain(action)
  const filtered = await page('/settings/audit?action=backup.delete')
  expect(filtered.match(/class="fold"/g)).toHaveLength(1)
  expect(await page('/settings/audit?action=data.restore')).toContain('No entry matches')
  expect(await page('/settings/audit?before=2')).toContain('Newest')
  expect(await page('/settings/audit?before=x')).toContain('names no place')
  const verified = await (await post('/settings/audit', { action: 'verify' })).text()
  expect(verified).toMatch(/The chain is whole: .* entries/)
})

test('a token is made with what its maker has, shown once, and revoked', async () => {
  const form = { action: 'create', name: '<b>phone</b>', scope: 'chat', days: '30', profile: 'ask' }
  const made = await (await post('/settings/tokens', form)).text()
  const secret = /tln_\w+_[\w-]+/.exec(made)?.[0] ?? ''
  expect(made).toContain('&lt;b>phone&lt;/b>')
  expect(await page('/settings/tokens')).not.toContain(secret)
  const [token] = (await gateway.app.auth.listTokens()).filter(({ name }) => name === form.name)
  expect(token).toMatchObject({ scopes: ['chat'], profile: 'ask', revokedAt: null })
  expect(await page('/settings/tokens')).toContain('in 30 days')
  expect((await gateway.fetch('/api/v1/sessions', { token: secret })).status).toBe(403)
  await saidAfter(await post('/settings/tokens', { action: 'revoke', id: token?.id ?? '' }))
  expect((await gateway.fetch('/api/v1/sessions', { token: secret })).status).toBe(401)
})

test('a token that cannot be made is told why, and what was entered stays', async () => {
  for (const form of [{ name: ' ', scope: 'chat' }, { name: 'phone' }, { name: 'x'.repeat(101), scope: 'chat' }]) {
    const answer = await post('/settings/tokens', { action: 'create', ...form })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toMatch(/role="alert">(Give the token|Choose at least)/)
  }
  const { token } = await gateway.app.auth.createToken({ name: 'admin', scopes: ['read', 'admin'], profile: 'ask' })
  const who = await signedIn(token)
  const refused = await post('/settings/tokens', { action: 'create', name: 'kept name', scope: 'approve' }, who)
  expect(refused.status).toBe(403)
  expect(await refused.text()).toContain('value="kept name"')
  expect(
    (await post('/settings/tokens', { action: 'create', name: 'n', scope: 'read', profile: 'full' }, who)).status,
  ).toBe(403)
  expect((await post('/settings/tokens', { action: 'revoke', id: 'nobody' })).status).toBe(404)
})

test('budgets tell how far they are used, prices are kept and forgotten, and usage is shown by what one asks for', async () => {
  expect(await page('/settings/budgets')).toContain('No budget is set')
  const price = { action: 'price', model: 'acme/large', input: '3', output: '15' }
  expect(await saidAfter(await post('/settings/budgets', price))).toContain('The price of acme/large is kept')
  expect(gateway.app.config['budget.prices']).toEqual({ 'acme/large': { input: 3, output: 15 } })
  for (const wrong of [
    { input: '0', output: '1' },
    { input: 'x', output: '1' },
    { output: '1', input: '' },
  ]) {
    expect((await post('/settings/budgets', { action: 'price', model: 'm', ...wrong })).status).toBe(400)
  }
  await saidAfter(await post('/settings/budgets', { action: 'forget', model: 'acme/large' }))
  expect(gateway.app.config['budget.prices']).toEqual({})
  const client = gateway.client()
  const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test', title: 'Spender' })
  const { hash } = await client.request('config.get', {})
  await client.request('config.update', { hash, changes: { 'budget.dailyTokens': 1_000_000 } })
  const done = Promise.withResolvers<void>()
  gateway.app.bus.onSession(sessionId, ({ type }) => type === 'run.finished' && done.resolve())
  await client.request('session.send_message', { sessionId, text: 'Hello' })
  await done.promise
  expect(await page('/settings/budgets')).toMatch(/dailyTokens: \d+ tokens of 1,000,000 tokens/)
  expect(await page('/settings/budgets?by=session')).toContain('Spender')
  expect(await page('/settings/budgets?by=model')).toContain('offline')
  expect(await page('/settings/budgets?from=2020-01-01&to=2020-01-31')).toContain('Nothing was spent')
})
