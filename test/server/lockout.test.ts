import { expect, test } from 'vitest'
import { cookieName } from '../../src/server/cookies.ts'
import { type TestGateway, testGateway, testToken } from '../support/gateway.ts'
import { rawRequest, rawSocket, upgradeLines } from '../support/raw-socket.ts'

const wrongToken = `tln_nobody_${'a'.repeat(43)}`

const post = (gateway: TestGateway, path: string, body: object) =>
  gateway.fetch(path, { token: '', method: 'POST', body: JSON.stringify(body) }).then(answer => answer.status)

/** One failed attempt of each kind; what a locked-out one answers is 429. */
const kinds: [string, (gateway: TestGateway) => Promise<number>][] = [
  [
    'a token in a header',
    gateway => gateway.fetch('/api/v1/sessions', { token: wrongToken }).then(answer => answer.status),
  ],
  [
    'a header that is no token',
    gateway =>
      gateway.fetch('/', { token: '', headers: { Authorization: 'Basic eDp5' } }).then(answer => answer.status),
  ],
  [
    'a cookie',
    gateway =>
      gateway
        .fetch('/api/v1/sessions', { token: '', headers: { Cookie: `${cookieName}=wrong` } })
        .then(answer => answer.status),
  ],
  ['a sign-in code', gateway => post(gateway, '/api/v1/auth/exchange', { code: 'wrong' })],
  ['a token to exchange', gateway => post(gateway, '/api/v1/auth/token', { token: wrongToken })],
  [
    'an upgrade',
    gateway =>
      rawRequest(gateway.port, upgradeLines(gateway.port, '/ws', { Authorization: `Bearer ${wrongToken}` })).then(
        answer => answer.status,
      ),
  ],
  ['hello', sayHello],
]

async function sayHello(gateway: TestGateway): Promise<number> {
  using socket = await rawSocket(gateway.port)
  const said = { token: wrongToken, client: { name: 'raw', version: '1' }, versions: ['1.0.0'] }
  const { payload } = await socket.ask('hello', said)
  expect((await socket.closed).code).toBe(payload['status'] === 429 ? 4029 : 4004)
  return Number(payload['status'])
}

test.each(kinds)(
  'after twenty failures of %s every kind is locked out, and a valid token is still served',
  async (_what, fail) => {
    await using gateway = await testGateway()
    const signIn = await gateway.app.auth.exchangeToken(testToken, {
      channel: 'http',
      address: 'elsewhere',
      userAgent: undefined,
    })
    using socket = await rawSocket(gateway.port, { token: testToken })
    for (let attempt = 1; attempt <= 20; attempt++) expect([attempt, await fail(gateway)]).toEqual([attempt, 401])
    for (const [kind, again] of kinds) expect([kind, await again(gateway)]).toEqual([kind, 429])
    const refused = await gateway.fetch('/api/v1/sessions', { token: wrongToken })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50)
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED', retryable: true })
    expect((await gateway.fetch('/api/v1/sessions')).status).toBe(200)
    const cookie = { Cookie: `${cookieName}=${signIn?.secret}` }
    expect((await gateway.fetch('/api/v1/sessions', { token: '', headers: cookie })).status).toBe(200)
    expect((await socket.ask('ping')).type).toBe('pong')
    using fresh = await rawSocket(gateway.port, { token: testToken })
    expect((await fresh.ask('ping')).type).toBe('pong')
    expect((await gateway.fetch('/livez', { token: '' })).status).toBe(200)
  },
)

test('a thousand guesses at once get no further, whatever address they claim', async () => {
  await using gateway = await testGateway()
  const guess = (number: number) =>
    gateway.fetch('/api/v1/sessions', {
      token: `tln_guess_${String(number).padStart(43, '0')}`,
      headers: {
        'X-Forwarded-For': `10.0.${number >> 8}.${number & 255}`,
        Forwarded: `for=10.1.1.${number & 255}`,
        'X-Real-IP': '1.2.3.4',
      },
    })
  const answers = []
  for (let from = 0; from < 1_000; from += 50) {
    answers.push(...(await Promise.all(Array.from({ length: 50 }, (_, index) => guess(from + index)))))
  }
  const statuses = answers.map(answer => answer.status)
  expect(statuses.filter(status => status === 401)).toHaveLength(20)
  expect(statuses.filter(status => status === 429)).toHaveLength(980)
})

test('a claimed address neither locks out another nor frees its own', async () => {
  await using gateway = await testGateway()
  const headers = { 'X-Forwarded-For': '203.0.113.9' }
  for (let attempt = 0; attempt < 25; attempt++) await gateway.fetch('/api/v1/sessions', { token: wrongToken, headers })
  expect(
    (await gateway.fetch('/api/v1/sessions', { token: wrongToken, headers: { 'X-Forwarded-For': '203.0.113.10' } }))
      .status,
  ).toBe(429)
})
