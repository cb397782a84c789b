import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'

describe.skipIf(whyNoBrowser() !== undefined)('the list of sessions', () => {
  let dashboard: Dashboard
  beforeAll(async () => {
    dashboard = await openDashboard()
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect(dashboard.complaints.splice(0)).toEqual([]))

  const create = (title: string, channel = 'cli') =>
    dashboard.client.request('session.create', { senderId: 'anna', channel, title })

  test('is empty at first and says what to do; what others begin appears by itself', async () => {
    const page = await dashboard.signedIn('/sessions')
    await page.getByText('No sessions yet').waitFor()
    await create('From a program')
    await page.getByRole('link', { name: 'From a program' }).waitFor()
    await page.context().close()
  })

  test('deletes after a question, and takes it back', async () => {
    await create('Precious')
    const page = await dashboard.signedIn('/sessions')
    const link = page.getByRole('link', { name: 'Precious' })
    await page.getByRole('button', { name: 'Delete “Precious”' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Delete this session?').waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    expect(await link.count()).toBe(1)
    await page.getByRole('button', { name: 'Delete “Precious”' }).click()
    await dialog.getByRole('button', { name: 'Delete session' }).click()
    await link.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).click()
    await link.waitFor()
    await page.reload()
    expect(await link.count()).toBe(1)
    await page.context().close()
  })

  test('filters by the address, and pages by the key of the last row', async () => {
    for (let at = 1; at <= 30; at++) await create(`Row ${at}`, 'paged')
    const page = await dashboard.signedIn('/sessions?channel=paged')
    const rows = page.locator('.row-link')
    expect(await rows.count()).toBe(25)
    const first = await rows.allTextContents()
    await page.getByRole('link', { name: 'Next page' }).click()
    await page.waitForURL('**cursor=**')
    const second = await rows.allTextContents()
    expect(new Set([...first, ...second]).size).toBe(30)
    await page.getByRole('link', { name: 'First page' }).click()
    await page.getByLabel('Search').fill('row 17')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.waitForURL('**query=row+17**')
    expect(await rows.allTextContents()).toEqual(['Row 17'])
    await page.getByLabel('Search').fill('there is no such thing')
    await page.keyboard.press('Enter')
    await page.getByText('No session matches').waitFor()
    await page.context().close()
  })

  test('times are relative, and exact on hover', async () => {
    await create('Timed')
    const page = await dashboard.signedIn('/sessions')
    const time = page.locator('.row', { hasText: 'Timed' }).locator('time')
    expect(await time.textContent()).toBe('just now')
    expect(await time.getAttribute('title')).toMatch(/\d{4}.*\d\d:\d\d/)
    await page.context().close()
  })
})
