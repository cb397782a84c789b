import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { axeProblems } from '../support/axe.ts'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'
import { requestKey } from '../support/store.ts'

describe.skipIf(whyNoBrowser() !== undefined)('the dashboard and its logs', () => {
  let dashboard: Dashboard
  let page: Page
  beforeAll(async () => {
    dashboard = await openDashboard()
    page = await dashboard.signedIn('/', { colorScheme: 'light', viewport: { width: 1280, height: 800 } })
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect(dashboard.complaints.splice(0)).toEqual([]))

  const go = async (path: string) => {
    await page.goto(path)
    await page.locator('[data-connection="open"]').waitFor()
  }
  const html = async (path: string, token?: string) =>
    (await dashboard.gateway.fetch(path, { headers: { accept: 'text/html' }, ...(token && { token }) })).text()

  test('tells without a script whether the gateway is well, and draws its charts', async () => {
    const text = await html('/?range=24h')
    for (const words of ['Running well', 'Version 0.4.0', 'Sandbox:', 'Spent today', 'Needs you', 'Show as table']) {
      expect(text).toContain(words)
    }
    expect(text.match(/<svg[^>]*preserveAspectRatio/g)).toHaveLength(8)
    expect(text).toMatch(/href="\/\?range=24h" aria-current="true"/)
    expect(text).not.toMatch(/<[^>]* style=/)
    // What needs other scopes is left out for whoever only reads.
    const reader = await dashboard.gateway.token('read')
    const read = await html('/', reader)
    expect(read).toContain('Running well')
    expect(read).not.toContain('New session')
    expect(read).not.toContain('Found by the doctor')
  })

  test('goes on by itself: figures, charts, another range, other colours, a narrow page', async () => {
    const tile = page.locator('.stats > div', { hasText: 'Connections' }).locator('dd').first()
    await page.locator('.uplot canvas').nth(7).waitFor()
    await dashboard.client.request('ping', {})
    const others = [1, 2, 3].map(() => dashboard.gateway.client())
    await Promise.all(others.map(other => other.request('ping', {})))
    await expect.poll(() => tile.textContent(), patience).toBe(String(dashboard.gateway.app.connections.count()))
    await page.getByRole('link', { name: 'The last 5 min' }).click()
    await page.locator('a[href="/?range=5m"][aria-current]').waitFor()
    expect(new URL(page.url()).search).toBe('?range=5m')
    await page.getByText('Show as table').click()
    expect(await page.getByRole('row').count()).toBe(13)
    expect(await axeProblems(page)).toEqual([])
  })

  test('fits a narrow page, and follows its colours', async () => {
    await go('/?range=5m')
    await page.locator('.uplot canvas').nth(7).waitFor()
    await page.setViewportSize({ width: 360, height: 740 })
    await page.emulateMedia({ colorScheme: 'dark' })
    const width = 'document.querySelector(".uplot").clientWidth < 340'
    await expect.poll(() => page.evaluate(width), patience).toBe(true)
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(await axeProblems(page)).toEqual([])
    await page.setViewportSize({ width: 1280, height: 800 })
    await page.emulateMedia({ colorScheme: 'light' })
  })

  test('says what needs a person: runs that failed, and questions of tools as they come and go', async () => {
    const { client, gateway } = dashboard
    const { sessionId } = await client.request('session.create', { senderId: 'a', channel: 'cli', title: 'Broken one' })
    const at = gateway.app.clock.now()
    const message = { runId: 'failed-run', messageId: 'failed-message', text: 'x', tokenId: 'test', at }
    await gateway.app.store.sendMessage({ target: { sessionId }, ...message, request: requestKey('failed') })
    await gateway.app.store.finishRun({ runId: 'failed-run', state: 'failed', error: 'acme: HTTP 500 <b>', at })
    await go('/')
    const attention = page.getByRole('region', { name: 'Needs you' })
    const failed = attention.getByRole('listitem').filter({ hasText: 'acme: HTTP 500 <b>' })
    expect(await failed.getByRole('link', { name: 'Broken one' }).getAttribute('href')).toBe(`/sessions/${sessionId}`)
    const asking = await client.request('session.create', { senderId: 'a', channel: 'cli', profile: 'ask' })
    const text = '/tool memory_append {"text":"likes tea"}'
    await client.request('session.send_message', { sessionId: asking.sessionId, text })
    await attention.getByRole('link', { name: 'memory_append' }).waitFor()
    expect(await axeProblems(page)).toEqual([])
    expect(await html('/')).toContain('Waits for your approval')
    const { approvals } = await client.request('approval.list', {})
    await client.request('approval.resolve', { approvalId: approvals[0]?.approvalId ?? '', decision: 'deny' })
    await attention.getByRole('link', { name: 'memory_append' }).waitFor({ state: 'detached' })
  })

  test('the log is read without a script: the newest lines, with a filter in the address', async () => {
    const { log } = dashboard.gateway.app
    log.warn({ requestId: 'req-1', err: new Error('<img src=x onerror=alert(1)>') }, 'a provider failed')
    log.info({ requestId: 'req-1', sessionId: 'sess-1' }, 'something went on')
    log.info({ requestId: 'req-2' }, 'something else')
    const followed = await html('/logs?field=requestId%3Dreq-1')
    expect(followed.match(/<li class="line /g)).toHaveLength(2)
    expect(followed).toContain('&lt;img src=x onerror=alert(1)>')
    expect(followed).toContain('href="/api/v1/logs?field=requestId%3Dreq-1&amp;limit=2000"')
    const loud = await html('/logs?level=warn&text=PROVIDER')
    expect(loud.match(/<li class="line /g)).toHaveLength(1)
    expect(await html('/logs?level=loud')).toContain('A level is one of trace')
    expect(await html('/logs?field=nothing')).toContain('A field is its name and its value')
    expect(await html('/logs?text=nothing+of+the+kind')).toContain('No line matches')
    const reader = await dashboard.gateway.token('read')
    const refused = await html('/logs', reader)
    expect(refused).toContain('The log is for administrators')
    expect(refused).not.toContain('something else')
  })

  test('the log goes on by itself, is searched and followed, and opens a line', async () => {
    const { log } = dashboard.gateway.app
    await go('/logs')
    const line = (text: string) => page.locator('.line', { hasText: text })
    await page.getByText('Live', { exact: true }).waitFor()
    log.error({ requestId: 'req-9', durationMs: 12, err: new Error('disk full') }, 'the store failed')
    await line('the store failed').locator('summary').click()
    await line('the store failed').getByText('Error: disk full').waitFor()
    // It stays where it is for as long as it is open.
    await page.getByText('Paused').waitFor()
    await line('the store failed').locator('summary').click()
    await page.getByText('Live', { exact: true }).waitFor()
    await line('the store failed').locator('summary').click()
    expect(await axeProblems(page)).toEqual([])
    await line('the store failed').getByRole('link', { name: 'req-9' }).click()
    await page.waitForURL('**/logs?field=requestId%3Dreq-9')
    await page.locator('[data-connection="open"]').waitFor()
    expect(await page.locator('.line').count()).toBe(1)
    await page.getByText('Live', { exact: true }).waitFor()
    log.info({ requestId: 'req-8' }, 'not of this request')
    log.info({ requestId: 'req-9' }, 'of this request')
    await line('of this request').waitFor()
    expect(await line('not of this request').count()).toBe(0)
    // The name of a file of the same lines.
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Export').click()])
    expect(download.suggestedFilename()).toBe('talon-log.json')
    await page.keyboard.press('/')
    await page.keyboard.type('of this')
    await page.keyboard.press('Enter')
    await page.waitForURL('**text=of+this**')
    expect(await page.locator('.line').count()).toBe(1)
  })

  test('the log stands still while one reads it, and takes any number of lines', async () => {
    const { log } = dashboard.gateway.app
    await go('/logs')
    await page.getByText('Live', { exact: true }).waitFor()
    log.info('the line that is read')
    const read = page.locator('.line', { hasText: 'the line that is read' })
    await read.waitFor()
    await page.keyboard.press('k')
    await page.getByText('Paused').waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toContain('the line that is read')
    const place = await read.boundingBox()
    log.info('one that waits')
    const more = page.getByRole('button', { name: /new lines?$/ })
    await more.waitFor()
    expect(await axeProblems(page)).toEqual([])
    for (let count = 1; count <= 1_500; count++) log.info({ count }, 'one of many')
    await expect.poll(async () => /^1,5\d\d new/.test((await more.textContent()) ?? ''), patience).toBe(true)
    expect(await read.boundingBox()).toEqual(place)
    await more.click()
    await page.locator('.line', { hasText: 'count=1500' }).waitFor()
    expect(await page.locator('.line').count()).toBe(500)
    expect(await page.locator('.log-bar').textContent()).toMatch(/500 lines, [\d,]+ older ones made room/)
    await page.getByText('Live', { exact: true }).waitFor()
    await page.locator('h1').click()
    await page.keyboard.press('Space')
    await page.getByText('Paused').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    expect(await page.locator('.line details[open]').count()).toBe(1)
    await page.setViewportSize({ width: 360, height: 740 })
    await page.emulateMedia({ colorScheme: 'dark' })
    await go('/logs?level=warn')
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(await axeProblems(page)).toEqual([])
  })
})
