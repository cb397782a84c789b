import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { axeProblems } from '../support/axe.ts'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'

describe.skipIf(whyNoBrowser() !== undefined)('the frame of every page', () => {
  let dashboard: Dashboard
  let page: Page
  beforeAll(async () => {
    dashboard = await openDashboard()
    page = await dashboard.signedIn()
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect(dashboard.complaints.splice(0)).toEqual([]))

  const go = async (path: string) => {
    await page.goto(path)
    await page.locator('[data-connection="open"]').waitFor()
  }
  const field = () => page.getByRole('combobox', { name: 'Find a page' })
  const chosen = () => page.locator('.palette-option[aria-selected="true"]')

  test('marks the section, on a wide screen and on a small one', async () => {
    await go('/sessions')
    const link = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Sessions' })
    expect(await link.getAttribute('aria-current')).toBe('page')
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await link.isVisible()).toBe(true)
    const { y = 0 } = (await link.boundingBox()) ?? {}
    expect(y).toBeGreaterThan(600)
    await page.setViewportSize({ width: 1280, height: 800 })
  })

  test('leads past the navigation with the first press of Tab', async () => {
    await go('/sessions')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.evaluate('document.activeElement?.id'), patience).toBe('main')
  })

  test('finds pages, sessions, tools and actions by the keyboard alone', async () => {
    const { sessionId } = await dashboard.client.request('session.create', {
      senderId: 'anna',
      channel: 'cli',
      title: 'Winter holidays',
    })
    await go('/')
    await page.keyboard.press('Control+k')
    await field().waitFor()
    expect(await page.evaluate('document.activeElement?.role')).toBe('combobox')
    await page.getByRole('option', { name: 'Winter holidays' }).waitFor()
    expect(await axeProblems(page)).toEqual([])
    await page.keyboard.press('ArrowDown')
    expect(await chosen().textContent()).toContain('Sessions')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('ArrowUp')
    expect(await field().getAttribute('aria-activedescendant')).toBe(await chosen().getAttribute('id'))
    await page.keyboard.type('file_read')
    await expect.poll(() => chosen().textContent(), patience).toContain('file_read')
    await field().fill('')
    await page.keyboard.type('winter')
    await expect.poll(() => chosen().textContent(), patience).toContain('Winter holidays')
    await page.keyboard.press('Enter')
    await page.waitForURL(`**/sessions/${sessionId}`)
    await page.locator('[data-connection="open"]').waitFor()
    await page.keyboard.press('Control+k')
    await field().waitFor()
    await page.keyboard.type('dark')
    await expect.poll(() => chosen().textContent(), patience).toMatch(/dark/i)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.evaluate('document.documentElement.dataset.theme'), patience).toBe('dark')
    expect(await field().count()).toBe(0)
    await page.keyboard.press('Control+k')
    await field().waitFor()
    await page.keyboard.type('there is nothing like this')
    await page.getByText('Nothing has these words.').waitFor()
    await page.keyboard.press('Escape')
    await field().waitFor({ state: 'detached' })
  })

  test('has keys, which are listed by ? and are none while somebody types', async () => {
    await go('/')
    await page.keyboard.press('?')
    await page.getByRole('heading', { name: 'Keys' }).waitFor()
    await page.getByText('Go to Sessions').waitFor()
    expect(await axeProblems(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('heading', { name: 'Keys' }).waitFor({ state: 'detached' })
    await page.keyboard.press('g')
    await page.keyboard.press('s')
    await page.waitForURL('**/sessions')
    await page.locator('[data-connection="open"]').waitFor()
    const search = page.getByRole('searchbox').first()
    await search.focus()
    await page.keyboard.type('g d?')
    expect(await search.inputValue()).toBe('g d?')
    expect(page.url()).toContain('/sessions')
    expect(await page.getByRole('heading', { name: 'Keys' }).count()).toBe(0)
  })

  test('keeps the colours that were chosen, without a flash and without JavaScript', async () => {
    await go('/')
    await page.getByRole('button', { name: 'Light theme' }).click()
    await expect.poll(() => page.evaluate('document.documentElement.dataset.theme'), patience).toBe('light')
    await expect.poll(async () => (await themeCookie(page))?.value, patience).toBe('light')
    expect((await themeCookie(page))?.httpOnly).toBe(true)
    const html = await (await page.request.get('/sessions')).text()
    expect(html).toContain('<html lang="en" data-theme="light">')
    const plain = await dashboard.open({
      javaScriptEnabled: false,
      colorScheme: 'light',
      baseURL: dashboard.gateway.url,
      storageState: await page.context().storageState(),
    })
    await plain.goto('/sessions?query=a')
    await plain.getByRole('button', { name: 'Dark theme' }).click()
    expect(plain.url()).toBe(`${dashboard.gateway.url}/sessions?query=a`)
    expect(await plain.locator('html').getAttribute('data-theme')).toBe('dark')
    const [canvas, scheme] = await plain.evaluate<string[]>(
      '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.documentElement).colorScheme]',
    )
    expect([canvas, scheme]).toEqual(['rgb(19, 21, 19)', 'dark'])
    await plain.context().close()
    await page.getByRole('button', { name: 'Theme of the system' }).click()
    await expect.poll(async () => (await themeCookie(page))?.value, patience).toBe('system')
  })

  test('refuses a theme that is none', async () => {
    const { url, fetch } = dashboard.gateway
    const answer = await fetch('/theme', {
      method: 'POST',
      headers: { Origin: url, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'theme=pink',
    })
    expect(answer.status).toBe(400)
    expect(answer.headers.get('set-cookie')).toBeNull()
  })

  test('counts the calls of tools that wait for a person, and says when one comes', async () => {
    await go('/')
    const { client } = dashboard
    const { sessionId } = await client.request('session.create', { senderId: 'anna', channel: 'cli', profile: 'ask' })
    await client.request('session.send_message', {
      sessionId,
      text: '/tool file_write {"path":"note.txt","content":"tea"}',
    })
    await page.locator('[data-approvals="1"]').waitFor()
    await page.getByText('The tool file_write waits for your approval.').waitFor()
    expect(await axeProblems(page)).toEqual([])
    // The server knows it too, before any script runs.
    const html = await (await page.request.get('/sessions')).text()
    expect(html).toContain('data-approvals="1"')
    const { approvals } = await client.request('approval.list', {})
    await client.request('approval.resolve', { approvalId: approvals[0]?.approvalId ?? '', decision: 'deny' })
    await page.locator('[data-approvals="0"]').waitFor({ state: 'attached' })
  })

  test('takes the first steps off the list as they are taken, and the list away when asked to', async () => {
    await go('/')
    const steps = page.getByRole('region', { name: 'Welcome to Talon' })
    expect(await steps.getByRole('listitem').filter({ hasText: 'Talk to it · done' }).count()).toBe(1)
    expect(await steps.getByRole('link', { name: 'Make a token' }).getAttribute('href')).toBe('/settings/tokens')
    await dashboard.gateway.token('read')
    await page.reload()
    expect(await steps.getByRole('link', { name: 'Make a token' }).count()).toBe(0)
    await steps.getByRole('button', { name: 'Hide these steps' }).click()
    await page.locator('[data-connection="open"]').waitFor()
    expect(await steps.count()).toBe(0)
  })

  test('can be installed', async () => {
    const { fetch } = dashboard.gateway
    const answer = await fetch('/manifest.webmanifest', { token: '' })
    expect(answer.headers.get('content-type')).toBe('application/manifest+json')
    const manifest = await answer.json()
    expect(manifest).toMatchObject({ name: 'Talon', start_url: '/', display: 'standalone' })
    for (const { src, sizes, type } of manifest.icons) {
      const icon = await fetch(src, { token: '' })
      expect(icon.headers.get('content-type')).toBe(type)
      const bytes = Buffer.from(await icon.arrayBuffer())
      // The width of a PNG is in its ninth field of four bytes.
      if (type === 'image/png') expect(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`).toBe(sizes)
    }
    const worker = await fetch('/sw.js', { token: '' })
    expect(worker.headers.get('content-security-policy')).toContain("worker-src 'self'")
    expect(worker.headers.get('cache-control')).toBe('no-cache')
  })

  test('shows a page of its own while the gateway cannot be reached, and the page that was asked for after it', async () => {
    const proxy = await openTcpProxy(dashboard.gateway.url)
    const other = await dashboard.signedIn('/', { url: proxy.url })
    await other.evaluate('navigator.serviceWorker.ready.then(() => true)')
    proxy.cut()
    await other.goto('/sessions?query=winter')
    await other.getByRole('heading', { name: 'Talon cannot be reached' }).waitFor()
    expect(await axeProblems(other)).toEqual([])
    proxy.restore()
    await other.getByRole('button', { name: 'Try again' }).click()
    await other.getByRole('heading', { name: 'Sessions' }).waitFor()
    expect(other.url()).toBe(`${proxy.url}/sessions?query=winter`)
    // Only what everybody may see is kept, and it is the same after signing out.
    const kept = await other.evaluate<string[]>(keptAddresses)
    expect(kept).toContain('/offline')
    expect(kept.filter(path => !/^\/(offline|favicon\.svg|assets\/[\w.-]+)$/.test(path))).toEqual([])
    await other.evaluate('sessionStorage.setItem("draft", "secret")')
    await other.getByRole('button', { name: 'Sign out' }).click()
    await other.waitForURL('**/login')
    expect(await other.evaluate('sessionStorage.length + localStorage.length')).toBe(0)
    expect(await other.evaluate(keptAddresses)).toEqual(kept)
    expect((await other.context().cookies()).map(cookie => cookie.name)).toEqual([])
    await other.context().close()
    await proxy.close()
    // The browser reports what it could not load.
    expect(dashboard.complaints.splice(0).filter(text => !/ERR_|WebSocket connection/.test(text))).toEqual([])
  })
})

const keptAddresses = `(async () => {
  const names = await caches.keys()
  const requests = await Promise.all(names.map(async name => (await caches.open(name)).keys()))
  return requests.flat().map(request => new URL(request.url).pathname).sort()
})()`

async function themeCookie(page: Page) {
  const cookies = await page.context().cookies()
  return cookies.find(cookie => cookie.name === 'talon_theme')
}
