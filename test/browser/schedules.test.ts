import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { axeProblems } from '../support/axe.ts'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'

describe.skipIf(whyNoBrowser() !== undefined)('the page of schedules', () => {
  let dashboard: Dashboard
  let page: Page
  beforeAll(async () => {
    dashboard = await openDashboard()
    page = await dashboard.signedIn('/schedules')
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect(dashboard.complaints.splice(0)).toEqual([]))

  const schedules = async () => (await dashboard.client.request('schedule.list', {})).schedules
  const row = (name: string) =>
    page.getByRole('list', { name: 'Schedules' }).getByRole('listitem').filter({ hasText: name })
  const said = () => page.getByRole('main').getByRole('status').textContent()
  const press = (name: string) => row('News').getByRole('button', { name, exact: true }).click()
  const go = async (path = '/schedules') => {
    await page.goto(path)
    await page.locator('[data-connection="open"]').waitFor()
  }

  test('says what to do while there is nothing, and schedules again and again', async () => {
    await page.getByText('Nothing is scheduled').waitFor()
    await page.getByLabel('Message to the agent').fill('What is new?')
    expect(await page.getByLabel('Moment').isVisible()).toBe(false)
    await page.getByLabel('Times').fill('0 8 * * 1-5')
    await page.getByLabel('Time zone').fill('Europe/Berlin')
    await page.getByLabel('Name').fill('News')
    await page.getByRole('button', { name: 'Add schedule' }).click()
    await row('News').waitFor()
    expect(await said()).toMatch(/^“News” is scheduled\. It comes on \w{3} [-\d]+ 08:00 \(Europe\/Berlin\)\.$/)
    expect(await schedules()).toMatchObject([{ name: 'News', text: 'What is new?', cron: '0 8 * * 1-5' }])
    expect(await row('News').locator('time').first().textContent()).toMatch(/^(in|within) /)
  })

  test('schedules once, into a session that is chosen', async () => {
    const { sessionId } = await dashboard.client.request('session.create', {
      ...{ senderId: 'anna', channel: 'cli', title: 'Teeth' },
    })
    await go()
    await page.getByText('New schedule').click()
    await page.getByLabel('Message to the agent').fill('Remind me of the dentist.')
    await page.getByLabel('Once').check()
    expect(await page.getByLabel('Times').isVisible()).toBe(false)
    await page.getByLabel('Moment').fill('2099-01-02T09:30')
    await page.getByLabel('Where it goes').selectOption('Teeth')
    await page.getByRole('button', { name: 'Add schedule' }).click()
    await row('Remind me').waitFor()
    const onceAt = new Date('2099-01-02T09:30').getTime()
    expect((await schedules()).at(-1)).toMatchObject({
      name: 'Remind me of the dentist.',
      cron: null,
      onceAt,
      sessionId,
    })
  })

  test('keeps what was entered when its times cannot be read', async () => {
    await go()
    await page.getByText('New schedule').click()
    await page.getByLabel('Message to the agent').fill('Kept.')
    await page.getByLabel('Times').fill('soon')
    await page.getByRole('button', { name: 'Add schedule' }).click()
    expect(await page.getByRole('alert').first().textContent()).toContain('five fields')
    expect(await page.getByLabel('Message to the agent').inputValue()).toBe('Kept.')
    expect(await page.getByLabel('Times').inputValue()).toBe('soon')
    // The browser itself reports the status of the page.
    expect(dashboard.complaints.splice(0)).toEqual([expect.stringContaining('400')])
  })

  test('is not held up by half a moment that is hidden again', async () => {
    await go()
    await page.getByText('New schedule').click()
    await page.getByLabel('Message to the agent').fill('After all each day.')
    await page.getByLabel('Once').check()
    await page.getByLabel('Moment').click({ position: { x: 15, y: 15 } })
    await page.keyboard.type('12')
    await page.getByLabel('Again and again').check()
    await page.getByLabel('Times').fill('@daily')
    await page.getByRole('button', { name: 'Add schedule' }).click()
    await row('After all').waitFor()
    const [last] = (await schedules()).slice(-1)
    await dashboard.client.request('schedule.remove', { scheduleId: last?.id ?? '' })
  })

  test('runs one now, which leads to its session, and tells of the run', async () => {
    await go()
    await press('Run now: News')
    await page.waitForURL(/\/sessions\/[\w-]+$/)
    await page.getByText('offline: What is new?').first().waitFor()
    const sessionId = page.url().split('/').at(-1)
    const ended = async () => (await schedules())[0]?.lastRun?.state
    await expect.poll(ended, patience).toBe('done')
    await go()
    const text = await row('News').textContent()
    expect(text).toContain('done, just now in its session')
    const link = row('News').getByRole('link', { name: 'its session' })
    expect(await link.getAttribute('href')).toBe(`/sessions/${sessionId}`)
  })

  test('tells of the times that were missed, and of each run, when one is opened', async () => {
    const [news] = await schedules()
    const from = news?.nextAt ?? null
    const hourMs = 3_600_000
    const times = [Date.now() - 3 * hourMs, Date.now() - 2 * hourMs]
    await dashboard.gateway.app.store.passSchedule({
      ...{ id: news?.id ?? '', from, nextAt: from, missed: { count: 12, times } },
    })
    await go()
    expect(await row('News').textContent()).toContain('12 times were missed, the last 2 h ago')
    await row('News').getByRole('link', { name: 'News' }).click()
    const opened = page.getByRole('region', { name: 'News' })
    await opened.waitFor()
    await opened.getByText('12 times were missed').click()
    expect(await opened.getByRole('listitem').count()).toBe(2)
    expect(await opened.getByRole('row').nth(1).textContent()).toMatch(/by hand\s*done/)
    expect(await axeProblems(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await axeProblems(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    await page.setViewportSize({ width: 1280, height: 800 })
    await opened.getByRole('link', { name: 'Trace' }).click()
    await page.waitForURL(/\/trace\?run=/)
  })

  test('pauses one, lets it go on, and removes it after a second press', async () => {
    await go()
    await press('Pause News')
    await row('News').getByRole('button', { name: 'Resume News' }).waitFor()
    expect(await said()).toContain('“News” is paused')
    expect(await row('News').textContent()).toContain('A person paused it.')
    expect((await schedules())[0]?.paused).not.toBeNull()
    await press('Resume News')
    await row('News').getByRole('button', { name: 'Pause News' }).waitFor()
    expect(await said()).toContain('“News” goes on')
    expect((await schedules())[0]?.paused).toBeNull()
    await row('News').locator('summary', { hasText: 'Remove' }).click()
    expect(await schedules()).toHaveLength(2)
    await press('Remove for good')
    await row('News').waitFor({ state: 'detached' })
    expect(await said()).toContain('It is removed')
    expect((await schedules()).map(({ name }) => name)).toEqual(['Remind me of the dentist.'])
  })

  test('is reached by keys, and does without a script what it does with one', async () => {
    await go('/')
    await page.keyboard.press('g')
    await page.keyboard.press('c')
    await page.waitForURL('**/schedules')
    const plain = await dashboard.open({ javaScriptEnabled: false, baseURL: dashboard.gateway.url })
    await plain.goto('/login')
    await plain.getByLabel('Or paste a token').fill(dashboard.token)
    await plain.getByRole('button', { name: 'Sign in' }).click()
    await plain.goto('/schedules')
    await plain.getByRole('button', { name: 'Pause Remind me of the dentist.' }).click()
    await plain.getByRole('button', { name: 'Resume Remind me of the dentist.' }).waitFor()
    await plain.context().close()
  })
})
