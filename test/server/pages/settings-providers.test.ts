import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestGateway, testGateway, testToken } from '../../support/gateway.ts'
import { type ScriptedProvider, scriptedProvider } from '../../support/scripted-provider.ts'
import { converse } from '../agent/conversation.ts'

const path = '/settings/providers'
const firstKey = 'canary-first-key-0123456789'
const secondKey = 'canary-second-key-0123456789'
const canaryHeader = 'canary-header-value'

let gateway: TestGateway
let provider: ScriptedProvider
let cookie = ''

beforeAll(async () => {
  provider = await scriptedProvider(request => {
    const { authorization } = request.headers
    if (request.path.startsWith('/bare/')) {
      return request.path.endsWith('/models') ? { status: 404 } : { steps: ['Hello'] }
    }
    if (authorization !== `Bearer ${firstKey}` && authorization !== `Bearer ${secondKey}`) {
      return { status: 401, body: JSON.stringify({ error: { message: `Wrong key ${authorization}` } }) }
    }
    if (request.path !== '/v1/models') return { steps: ['answered'] }
    return { status: 200, body: JSON.stringify({ data: [{ id: 'small' }, { id: '<b>big' }, { id: 7 }, null] }) }
  })
  gateway = await testGateway()
  cookie = await signedIn(testToken)
})
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await provider?.close()
})

async function signedIn(token: string): Promise<string> {
  const answer = await post({ token }, '', '/login')
  return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
}

function post(form: Record<string, string> | [string, string][], who = cookie, to = path): Promise<Response> {
  const headers = { origin: gateway.url, accept: 'text/html', cookie: who }
  const body = new URLSearchParams(form)
  return fetch(`${gateway.url}${to}`, { method: 'POST', body, redirect: 'manual', headers })
}

async function page(query = '', who = cookie): Promise<string> {
  const answer = await fetch(`${gateway.url}${path}${query}`, { headers: { accept: 'text/html', cookie: who } })
  return clean(await answer.text())
}

/** No page may hold a key or the value of a header. */
function clean(html: string): string {
  expect(html).not.toContain('canary')
  return html
}

async function act(action: string, form: Record<string, string> = {}): Promise<string> {
  const answer = await post({ action, hash: gateway.app.settings.hash(), ...form })
  const said = answer.headers.get('set-cookie')?.split(';', 1)[0] ?? ''
  if (answer.status === 303) return page('', `${cookie}; ${said}`)
  return clean(await answer.text())
}

const form = () => ({ was: '', name: 'acme', kind: 'openai-compatible', baseUrl: provider.url, env: '', models: '' })
const inTalonJson = () => readFileSync(join(gateway.home, 'talon.json'), 'utf8')
const keyFile = () => join(gateway.home, 'secrets', 'acme.key')
const lastAuthorization = () => provider.requests.at(-1)?.headers.authorization

test('without a provider the page says what answers, and a preset fills the form', async () => {
  const empty = await page()
  expect(empty).toContain('No provider yet')
  expect(empty).toContain('The offline model')
  for (const name of ['ollama', 'lmstudio', 'vllm', 'openai', 'openrouter', 'anthropic', 'deepseek', 'other']) {
    expect(empty).toContain(`href="${path}?preset=${name}#provider"`)
  }
  const ollama = await page('?preset=ollama')
  expect(ollama).toContain('value="http://localhost:11434/v1"')
  expect(ollama).toContain('It needs no key.')
  expect(await page('?preset=anthropic')).toMatch(/<option value="anthropic" selected/)
})

test('a test asks for the list of models, says in plain words what is wrong, and shows no key', async () => {
  const wrong = await act('test', { ...form(), key: 'canary-wrong-key-0123456789' })
  expect(wrong).toContain('acme: HTTP 401 Unauthorized: Wrong key [redacted]')
  expect(wrong).toContain('It refuses the key. Make a new one there')
  expect(await act('test', form())).toContain('It wants a key.')
  const gone = await scriptedProvider([])
  await gone.close()
  const dead = await act('test', { ...form(), baseUrl: gone.url })
  expect(dead).toContain('refused the connection')
  expect(dead).toContain('Start that server')
  expect(await act('test', { ...form(), baseUrl: 'file:///etc/passwd' })).toContain('role="alert">Base URL: ')
  const bare = provider.url.replace('/v1', '/bare/v1')
  expect(await act('test', { ...form(), baseUrl: bare })).toContain('Name one of its models')
  expect(await act('test', { ...form(), baseUrl: bare, models: 'm' })).toContain('its first model answered')
  expect(provider.requests.at(-1)?.body).toMatchObject({ model: 'm' })
  await act('test', { ...form(), kind: 'anthropic', key: firstKey })
  const { path: asked, headers } = provider.requests.at(-1) ?? {}
  expect({ asked, key: headers?.['x-api-key'] }).toEqual({ asked: '/v1/models?limit=1000', key: firstKey })
  await gateway.app.audit.written()
  const trail = await gateway.app.store.listAudit({ limit: 10, action: 'provider.test' })
  const { outcome, target, details } = trail[0] ?? {}
  expect({ outcome, target }).toEqual({ outcome: 'failed', target: 'acme' })
  expect(details).toMatchObject({ address: new URL(provider.url).origin })
})

test('a provider is added with the key that was tested and the models that were ticked', async () => {
  const found = await act('test', { ...form(), key: firstKey })
  expect(found).toContain('It lists 2 models.')
  expect(found).toContain('value="&lt;b>big"')
  const keptKey = /name="keptKey" value="([^"]+)"/.exec(found)?.[1] ?? ''
  expect(await act('save', { ...form(), keptKey })).toContain('Name at least one model.')
  const fields = { ...form(), keptKey, found: 'small', headerName: 'X-Title', headerValue: canaryHeader }
  const added = await act('save', fields)
  expect(added).toContain('role="status">Added acme.')
  expect(added).toContain('file secrets/acme.key')
  expect(inTalonJson()).not.toContain('canary-first')
  expect(JSON.parse(inTalonJson())).toMatchObject({
    agent: { providers: [{ name: 'acme', apiKeyFile: 'secrets/acme.key', models: ['small'] }] },
  })
  expect(readFileSync(keyFile(), 'utf8')).toBe(`${firstKey}\n`)
  expect(statSync(keyFile()).mode & 0o777).toBe(0o600)
  expect(await act('save', { ...fields, keptKey: '', key: firstKey })).toContain('There is a provider “acme” already.')
  const talk = await converse(gateway)
  expect(await talk.ask('hi')).toMatchObject({ state: 'done' })
  expect(lastAuthorization()).toBe(`Bearer ${firstKey}`)
  expect(provider.requests.at(-1)?.headers['x-title']).toBe(canaryHeader)
  expect(await page()).toContain('1 since the start, none failed; 1 open connection, ')
})

test('a key is kept where the field is left empty, replaced by another, and not sent to another address', async () => {
  const edit = await page('?edit=acme')
  expect(edit).toContain('Left empty, the one that is there stays (file secrets/acme.key).')
  const saved = { ...form(), was: 'acme', models: 'small context=8192 output=1024\nbig' }
  expect(await act('save', saved)).toContain('Saved acme.')
  expect(gateway.app.models.find('acme/small')).toMatchObject({ contextTokens: 8192, maxOutputTokens: 1024 })
  expect(await page('?edit=acme')).toContain('small context=8192 output=1024\nbig</textarea>')
  expect(readFileSync(keyFile(), 'utf8')).toBe(`${firstKey}\n`)

  expect(await act('test', { ...saved, baseUrl: 'http://127.0.0.2:9/v1' })).toContain('given for another address')
  expect(await act('save', { ...saved, dropHeader: 'X-Title', baseUrl: 'http://127.0.0.2:9/v1' })).toContain(
    'Enter it again',
  )
  expect(await act('save', { ...saved, key: secondKey })).toContain('Saved acme.')
  const talk = await converse(gateway)
  await talk.ask('hi')
  expect(lastAuthorization()).toBe(`Bearer ${secondKey}`)
  expect(await act('test', { was: 'acme' })).toContain('It works')

  expect(await act('save', { ...saved, env: 'ACME_KEY_THAT_IS_NOT_SET' })).toContain(
    'holds no API key. Each call fails.',
  )
  expect(() => statSync(keyFile())).toThrow('ENOENT')
  expect(await talk.ask('hi')).toMatchObject({ state: 'failed' })
  expect(await page()).toContain('1 failed')
  expect(await act('save', { ...saved, key: secondKey })).toContain('file secrets/acme.key')
})

test('the order, the default model and what is tried after it are changed here', async () => {
  await act('save', { ...form(), name: 'local', baseUrl: 'http://127.0.0.1:9/v1', models: 'big' })
  expect(gateway.app.models.list()).toEqual(['acme/small', 'acme/big', 'local/big', 'offline/offline'])
  expect(await act('up', { was: 'local' })).toContain('Moved local up.')
  expect(gateway.app.models.list()[0]).toBe('local/big')
  await act('down', { was: 'local' })
  expect(await act('chain', { model: 'acme/huge' })).toContain('No provider has the model “acme/huge”.')
  const chain = [
    ['model', 'acme/big'],
    ['fallback', 'local/big'],
    ['fallback', ''],
    ['fallback', 'offline'],
  ] as const
  const answer = await post([
    ['action', 'chain'],
    ['hash', gateway.app.settings.hash()],
    ...chain.map(([a, b]): [string, string] => [a, b]),
  ])
  expect(answer.status).toBe(303)
  expect(await page()).toContain('Asked now: acme/big, then local/big, then offline/offline.')
  const sessions = await fetch(`${gateway.url}/sessions/new`, { headers: { accept: 'text/html', cookie } })
  expect(await sessions.text()).toContain('local/big')
})

test('what somebody else changed meanwhile is not undone, and nothing that was entered is lost', async () => {
  const answer = await post({ ...form(), action: 'save', hash: 'old', name: 'third', models: 'mine', key: firstKey })
  expect(answer.status).toBe(409)
  const html = clean(await answer.text())
  expect(html).toContain('role="alert">The settings were changed since this page was loaded.')
  expect(html).toContain('mine</textarea>')
  expect(html).toContain('The key that you entered is kept for saving')
  expect(html).toContain(`name="hash" value="${gateway.app.settings.hash()}"`)
  expect((await post({ action: 'remove', hash: 'old', was: 'acme' })).status).toBe(409)
  expect((await post({ action: 'remove', hash: gateway.app.settings.hash(), was: 'none' })).status).toBe(404)
  expect(gateway.app.models.list()).toContain('acme/small')
})

test('who may not change settings sees no provider, and changes none', async () => {
  const { token } = await gateway.app.auth.createToken({ name: 'reader', scopes: ['read', 'chat'] })
  const reader = await signedIn(token)
  const html = await page('', reader)
  expect(html).toContain('need a token with the scope')
  expect(html).not.toContain('acme')
  for (const action of ['save', 'test', 'remove', 'up', 'down', 'chain']) {
    expect((await post({ action, was: 'acme', hash: gateway.app.settings.hash() }, reader)).status).toBe(403)
  }
})

test('a provider is removed with its key, and a default model that it had is named', async () => {
  expect(await act('remove', { was: 'acme' })).toContain('No provider has acme/big.')
  expect(() => statSync(keyFile())).toThrow('ENOENT')
  expect(gateway.app.models.list()).toEqual(['local/big', 'offline/offline'])
  expect(gateway.logs.join('')).not.toContain('canary')
})

test('a list that the environment sets is shown, and cannot be changed here', async () => {
  const providers = [
    { name: 'fixed', kind: 'openai-compatible', baseUrl: provider.url, apiKey: firstKey, models: ['m'] },
  ]
  await using other = await testGateway({ env: { TALON_AGENT_PROVIDERS: JSON.stringify(providers) } })
  const signIn = new URLSearchParams({ token: testToken })
  const options = { method: 'POST', headers: { origin: other.url }, redirect: 'manual' } as const
  const entered = await fetch(`${other.url}/login`, { ...options, body: signIn })
  const headers = { accept: 'text/html', cookie: entered.headers.get('set-cookie')?.split(';', 1)[0] ?? '' }
  const html = clean(await (await fetch(`${other.url}${path}?edit=fixed`, { headers })).text())
  expect(html).toContain('<code>TALON_AGENT_PROVIDERS</code>')
  expect(html).toContain('in the settings themselves')
  expect(html).not.toContain('value="save"')
  expect(html).not.toContain('value="remove"')
})
