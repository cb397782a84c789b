import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'
import { testGateway } from '../support/gateway.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'

describe.skipIf(whyNoBrowser() !== undefined)('the connection of a page', () => {
  let dashboard: Dashboard
  beforeAll(async () => {
    dashboard = await openDashboard()
  })
  afterAll(() => dashboard?.close())

  test('heals after a cut in the middle of an answer, and says what it brought', async () => {
    const proxy = await openTcpProxy(dashboard.gateway.url)
    const { client } = dashboard
    const { sessionId } = await client.request('session.create', { senderId: 'anna', channel: 'cli', title: 'Cut' })
    const page = await dashboard.signedIn(`/sessions/${sessionId}`, { url: proxy.url })
    await page.getByLabel('Message', { exact: true }).fill('/slow 40')
    await page.keyboard.press('Enter')
    await page
      .locator('.streaming')
      .getByText(/(\S+\s+){3}/)
      .waitFor()
    proxy.cut()
    await page.getByText('Connection lost. Reconnecting …').waitFor()
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
    const second = await client.request('session.send_message', { sessionId, text: 'while you were away' })
    await expect
      .poll(async () => (await dashboard.gateway.app.store.getRun(second.runId))?.state, patience)
      .toBe('done')
    await page.getByText('The gateway does not answer.').waitFor()
    await page.getByText(/^Try [2-9]\d* in \d+ s$/).waitFor()
    proxy.restore()
    // The back-off has grown meanwhile; nobody has to wait for it.
    await pressTryNow(page)
    await page.getByText('Connected again, and caught up on 3 events.').waitFor()
    await page.getByText('Reconnected. Resumed 3 messages.').waitFor()
    await page.getByText('offline: while you were away').waitFor()
    expect(await page.getByLabel('Message of the assistant').count()).toBe(2)
    expect(await page.getByLabel('Message of a person').count()).toBe(2)
    await page.locator('[data-connection="open"]').waitFor()
    await page.context().close()
    await proxy.close()
  })

  test('shows a version mismatch in words, and does not try again', async () => {
    const page = await dashboard.signedIn()
    let sockets = 0
    // The gateway itself answers, to a page that speaks a version from the future.
    await page.routeWebSocket('**/ws', socket => {
      sockets++
      const server = socket.connectToServer()
      socket.onMessage(frame => server.send(String(frame).replaceAll('"1.0.0"', '"2.0.0"')))
    })
    await page.reload()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.textContent()).toMatch(/gateway speaks 1\.0\.0\. Update the older of the two/)
    await page.locator('[data-connection="version"]').waitFor()
    expect(sockets).toBe(1)
    await page.context().close()
  })

  test('says that the gateway stops, and comes back by itself when it is there again', async () => {
    const first = await testGateway({ assets: { dir: dashboard.assets } })
    const page = await dashboard.open({ baseURL: first.url })
    await page.goto(await first.signInLink())
    await page.locator('[data-connection="open"]').waitFor()
    first.app.bus.broadcast('gateway.draining', { restartExpectedMs: 1_000 })
    await page.getByText('The gateway is about to stop or to restart.').waitFor()
    await first.stop()
    await page.getByText('The gateway restarts.').waitFor()
    const second = await testGateway({
      home: first.home,
      assets: { dir: dashboard.assets },
      env: { TALON_PORT: String(first.port) },
    })
    await pressTryNow(page)
    await page.getByText('Connected again.').waitFor()
    // The sign-in outlives the restart.
    await page.reload()
    await page.locator('[data-connection="open"]').waitFor()
    await page.context().close()
    await second[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
  })

  test('a revoked token signs the page out', async () => {
    const page = await dashboard.open({ baseURL: dashboard.gateway.url })
    const { id, token } = await dashboard.gateway.app.auth.createToken({ name: 'guest', scopes: ['read'] })
    await page.goto('/login')
    await page.getByLabel('Or paste a token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('[data-connection="open"]').waitFor()
    // Without the scope "chat" there is nothing to press that would only be refused.
    expect(await page.getByRole('button', { name: 'New session' }).count()).toBe(0)
    await dashboard.gateway.app.auth.revokeToken(id)
    await page.getByText('You are signed out.').waitFor()
    expect(await page.getByRole('link', { name: 'Sign in' }).getAttribute('href')).toBe('/login?next=%2F')
    await page.context().close()
  })
})

/** Presses it, unless the next try is faster and there is nothing left to be pressed. */
async function pressTryNow(page: Page): Promise<void> {
  const back = page.locator('[data-connection="open"]').waitFor()
  const pressed = page.getByRole('button', { name: 'Try now', disabled: false }).click()
  await Promise.race([back, pressed.catch(() => undefined)])
  await back
}
