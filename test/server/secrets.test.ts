import { expect, test } from 'vitest'
import { browser } from '../support/browser-cookie.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { rawSocket } from '../support/raw-socket.ts'
import { scriptedProvider } from '../support/scripted-provider.ts'
import { rest } from './api/rest.ts'

const wrongToken = `tln_nobody_${'a'.repeat(43)}`

test('secrets appear in no log line, whatever the level', async () => {
  await using gateway = await testGateway({ env: { TALON_LOG_LEVEL: 'trace' } })
  const link = await gateway.signInLink()
  const code = link.split('#code=')[1] ?? ''
  const secret = await gateway.token('read')
  const headers = await browser(gateway, secret)
  await gateway.fetch('/api/v1/auth/exchange', {
    token: '',
    method: 'POST',
    body: JSON.stringify({ code: `${code}x` }),
  })
  await gateway.fetch('/api/v1/auth/exchange', { token: '', method: 'POST', body: JSON.stringify({ code }) })
  await gateway.fetch('/api/v1/sessions', { token: wrongToken })
  await gateway.fetch(`/api/v1/sessions?token=${secret}`, { token: '' })
  using socket = await rawSocket(gateway.port, { token: secret })
  await socket.ask('gateway.status')
  using byCookie = await rawSocket(gateway.port, { headers })
  await byCookie.ask('gateway.status')
  expect(gateway.logs.length).toBeGreaterThan(5)
  for (const canary of [code, secret, wrongToken, testToken, headers.Cookie.split('=')[1] ?? '-']) {
    expect(gateway.logs.filter(line => line.includes(canary))).toEqual([])
  }
})

const canaries = {
  apiKey: 'canary-key-of-the-configuration',
  header: 'canary "header" of a provider',
  environment: 'canary-key-of-the-environment',
  other: 'canary-password-that-is-not-ours',
}

/** A gateway that knows these secrets, whose provider quotes all of them. */
async function indiscreet() {
  const quoted = Object.values(canaries).join(' and ')
  const body = JSON.stringify({ error: { message: `bad key: ${quoted}; Bearer canary.bearer.value` } })
  const provider = await scriptedProvider([{ status: 401, body }])
  const remote = { kind: 'openai-compatible', baseUrl: provider.url, models: ['m'] }
  const providers = [
    { ...remote, name: 'acme', apiKey: canaries.apiKey, headers: { 'x-team': canaries.header } },
    { ...remote, name: 'other', apiKeyEnv: 'ACME_KEY' },
  ]
  const env = {
    TALON_AGENT_PROVIDERS: JSON.stringify(providers),
    ACME_KEY: canaries.environment,
    DB_PASSWORD: canaries.other,
  }
  return { provider, gateway: await testGateway({ env: { TALON_LOG_LEVEL: 'trace', ...env } }) }
}

/** Everything that is kept of the log: what was written, and what the ring shows. */
async function kept(gateway: TestGateway): Promise<string[]> {
  const { body } = await rest(gateway, 'GET', '/api/v1/logs?after=0&limit=2000')
  return [...gateway.logs, ...(body['entries'] as unknown[]).map(entry => JSON.stringify(entry))]
}

test('no key of a provider reaches a line, not even where the provider quotes it', async () => {
  const { provider, gateway } = await indiscreet()
  await using _gateway = gateway
  using socket = await rawSocket(gateway.port, { token: testToken })
  const { payload } = await socket.ask('session.create', { senderId: 'ada', channel: 'test' })
  const sent = await socket.ask('session.send_message', { sessionId: payload['sessionId'], text: 'hello' })
  await socket.until(frame => frame.type === 'run.finished' && frame.payload['runId'] === sent.payload['runId'])
  await provider.close()
  const lines = await kept(gateway)
  expect(lines.filter(line => line.includes('a provider failed')).length).toBeGreaterThan(1)
  expect(lines.filter(line => line.includes('canary'))).toEqual([])
})

test('no known secret and nothing that looks like one is in a line, whatever field it was logged in', async () => {
  const { provider, gateway } = await indiscreet()
  await using _gateway = gateway
  const { log } = gateway.app
  const cookie = (await browser(gateway, await gateway.token('read'))).Cookie
  const session = cookie.split('=')[1] ?? '-'
  const own = await gateway.token('admin')
  const secrets = [...Object.values(canaries), testToken, own, session, 'sk-proj-canary1234567890']
  for (const secret of secrets) {
    const nested = {
      headers: { Authorization: `Bearer ${secret}`, 'x-other': secret },
      body: JSON.stringify({ a: [secret] }),
    }
    const error = new Error(`the request ${secret} failed`, { cause: new Error(`because of\n${secret}`) })
    log.child({ [`a ${secret}`]: secret }).error({ err: error, nested, list: [secret] }, `said: ${secret}`)
    log.warn(
      { url: `https://ada:${encodeURIComponent(secret)}@example.org/?q=${encodeURIComponent(secret)}` },
      'a call',
    )
    await gateway.fetch(`/api/v1/sessions/${encodeURIComponent(secret)}`)
  }
  await provider.close()
  const lines = await kept(gateway)
  const forms = secrets.flatMap(secret => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
  for (const form of forms) expect(lines.filter(line => line.includes(form))).toEqual([])
  expect(lines.filter(line => line.includes('said: [redacted]'))).toHaveLength(2 * secrets.length - 2)
  // Of a token of Talon, who it belongs to stays: ids hold no underscore, secrets may.
  const owner = own.split('_', 2).join('_')
  expect(lines.filter(line => line.includes(`said: ${owner}_[redacted]`))).toHaveLength(2)
})
