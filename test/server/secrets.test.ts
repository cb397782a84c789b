import { expect, test } from 'vitest'
import { browser } from '../support/browser-cookie.ts'
import { testGateway, testToken } from '../support/gateway.ts'
import { rawSocket } from '../support/raw-socket.ts'

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
