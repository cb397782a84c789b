import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'

describe.skipIf(whyNoBrowser() !== undefined)('signing in and out', () => {
  let dashboard: Dashboard
  beforeAll(async () => {
    dashboard = await openDashboard()
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect(dashboard.complaints.splice(0)).toEqual([]))

  test('a link from the terminal signs in, and its code leaves the address and the history', async () => {
    const page = await dashboard.open()
    const codes: string[] = []
    page.on('request', request => {
      if (request.url().includes('code=')) codes.push(request.url())
    })
    await page.goto(await dashboard.gateway.signInLink())
    await page.waitForURL(`${dashboard.gateway.url}/`)
    await page.getByRole('heading', { name: 'Dashboard' }).waitFor()
    await page.locator('[data-connection="open"]').waitFor()
    expect(codes).toEqual([])
    expect(await page.evaluate(() => document.cookie)).toBe('')
    await page.goBack()
    expect(page.url()).not.toContain('code')
    await page.context().close()
  })

  test('a link that was used says so, and how to get a new one', async () => {
    const link = await dashboard.gateway.signInLink()
    const first = await dashboard.open()
    await first.goto(link)
    await first.waitForURL(`${dashboard.gateway.url}/`)
    const second = await dashboard.open()
    await second.goto(link)
    const alert = second.getByRole('alert')
    await alert.waitFor()
    expect(await alert.textContent()).toMatch(/used already.*talon login/)
    expect(second.url()).toBe(`${dashboard.gateway.url}/login`)
    // The browser itself reports the refused exchange.
    expect(dashboard.complaints.splice(0)).toEqual([expect.stringContaining('401')])
    await first.context().close()
    await second.context().close()
  })

  test('a page that needs a sign-in leads to it and back', async () => {
    const page = await dashboard.open()
    await page.goto(`${dashboard.gateway.url}/sessions?channel=webchat`)
    expect(new URL(page.url()).pathname).toBe('/login')
    await page.getByLabel('Or paste a token').fill(dashboard.token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL('**/sessions?channel=webchat')
    await page.getByRole('heading', { name: 'Sessions' }).waitFor()
    await page.context().close()
  })

  test('everything can be read without JavaScript, after signing in with a token', async () => {
    const page = await dashboard.open({ javaScriptEnabled: false, baseURL: dashboard.gateway.url })
    const { sessionId } = await dashboard.client.request('session.create', {
      senderId: 'anna',
      channel: 'cli',
      title: 'Read me',
    })
    await dashboard.client.request('session.send_message', { sessionId, text: 'hello from a program' })
    await page.goto('/login')
    await page.getByLabel('Or paste a token').fill('tln_wrong_token')
    await page.getByRole('button', { name: 'Sign in' }).click()
    expect(await page.getByRole('alert').textContent()).toContain('not valid')
    await page.getByLabel('Or paste a token').fill(dashboard.token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    expect(await page.getByText('Running well').count()).toBe(1)
    await page.getByRole('link', { name: 'Read me' }).click()
    expect(await page.getByText('hello from a program', { exact: true }).count()).toBe(1)
    await page.getByRole('button', { name: 'Sign out' }).click()
    expect(page.url()).toContain('/login')
    await page.goto('/sessions')
    expect(page.url()).toContain('/login?next=')
    // The refused token is a page with the status 401, which the browser reports.
    expect(dashboard.complaints.splice(0)).toEqual([expect.stringContaining('401')])
    await page.context().close()
  })

  test('signing out in one tab tells the other one, with a way back', async () => {
    const page = await dashboard.signedIn()
    const other = await page.context().newPage()
    await other.goto('/sessions')
    await other.locator('[data-connection="open"]').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL('**/login')
    const notice = other.getByRole('alert')
    await notice.waitFor()
    expect(await notice.textContent()).toContain('You are signed out')
    expect(await notice.getByRole('link', { name: 'Sign in' }).getAttribute('href')).toBe('/login?next=%2Fsessions')
    await page.context().close()
  })
})
