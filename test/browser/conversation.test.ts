import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'

describe.skipIf(whyNoBrowser() !== undefined)('a conversation', () => {
  let dashboard: Dashboard
  beforeAll(async () => {
    dashboard = await openDashboard()
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect(dashboard.complaints.splice(0)).toEqual([]))

  const newSession = async (title: string) => {
    const made = await dashboard.client.request('session.create', { senderId: 'anna', channel: 'cli', title })
    return made.sessionId
  }
  const openSession = async (title: string): Promise<{ page: Page; sessionId: string }> => {
    const sessionId = await newSession(title)
    return { sessionId, page: await dashboard.signedIn(`/sessions/${sessionId}`) }
  }
  const say = async (page: Page, text: string) => {
    await page.getByLabel('Message', { exact: true }).fill(text)
    await page.keyboard.press('Enter')
  }
  const answers = (page: Page) => page.getByRole('log').getByLabel('Message of the assistant')

  test('begins with the dialog, and is answered as it is written', async () => {
    const page = await dashboard.signedIn()
    await page.getByRole('button', { name: 'New session' }).click()
    await page.getByLabel('Title').fill('A first talk')
    await page.getByRole('button', { name: 'Create session' }).click()
    await page.getByRole('heading', { name: 'A first talk' }).waitFor()
    await page.getByText('Nothing was said here yet').waitFor()
    await say(page, 'good morning')
    await answers(page).getByText('offline: good morning').waitFor()
    expect(await page.getByText('good morning', { exact: true }).count()).toBe(1)
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('')
    await page.reload()
    expect(await answers(page).count()).toBe(1)
    await page.context().close()
  })

  test('Shift and Enter breaks the line, Enter sends', async () => {
    const { page } = await openSession('Lines')
    await page.getByLabel('Message', { exact: true }).fill('one')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('two')
    await page.keyboard.press('Enter')
    await answers(page).first().waitFor()
    expect(await page.getByLabel('Message of a person').first().textContent()).toContain('one\ntwo')
    await page.context().close()
  })

  test('an answer survives a reload in the middle, and is shown once', async () => {
    const { page, sessionId } = await openSession('Reload')
    await say(page, '/slow 120')
    await page
      .locator('.streaming')
      .getByText(/(\S+\s+){8}/)
      .waitFor()
    await page.reload()
    // Served by the server, before any script ran again or with the first frame.
    await page
      .locator('.streaming')
      .getByText(/(\S+\s+){8}/)
      .waitFor()
    await answers(page).first().waitFor()
    await page.locator('.streaming').waitFor({ state: 'detached' })
    const { messages } = await dashboard.client.request('session.history', { sessionId })
    expect(await answers(page).count()).toBe(1)
    expect(await answers(page).locator('.prose').textContent()).toBe(messages[1]?.content.trim())
    await page.context().close()
  })

  test('stop ends the answer and keeps what was said', async () => {
    const { page } = await openSession('Stop')
    await say(page, '/slow 2000')
    await page
      .locator('.streaming')
      .getByText(/(\S+\s+){4}/)
      .waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await answers(page).getByText('Incomplete').waitFor()
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' })
    await say(page, 'and on')
    await answers(page).getByText('offline: and on').waitFor()
    await page.context().close()
  })

  test('a tool call is a card that unfolds to arguments and output', async () => {
    const { page } = await openSession('Tools')
    await say(page, '/tool file_write {"path": "notes.txt", "content": "remember the milk"}')
    const written = page.locator('details.tool').first()
    await written.getByText(/^done, \d/).waitFor()
    await say(page, '/tool file_read {"path": "notes.txt"}')
    const read = page.locator('details.tool').nth(1)
    await read.getByText(/^done, \d/).waitFor()
    await read.locator('summary').click()
    await read.getByText('"path": "notes.txt"').waitFor()
    await read.locator('.tool-body').getByText('remember the milk').waitFor()
    await say(page, '/tool file_read {"path": "nowhere.txt"}')
    await page
      .locator('details.tool')
      .nth(2)
      .getByText(/^failed/)
      .waitFor()
    await answers(page).nth(2).waitFor()
    await page.reload()
    expect(await page.locator('details.tool').count()).toBe(3)
    expect(await answers(page).count()).toBe(3)
    await page.context().close()
  })

  test('what others say appears, and a reset begins the page anew', async () => {
    const { page, sessionId } = await openSession('Together')
    await dashboard.client.request('session.send_message', { sessionId, text: 'from elsewhere', senderName: 'Bea' })
    await answers(page).getByText('offline: from elsewhere').waitFor()
    await page.getByText('Bea').waitFor()
    await dashboard.client.request('session.reset', { sessionId })
    await page.getByText('Nothing was said here yet').waitFor()
    await say(page, 'again')
    await answers(page).getByText('offline: again').waitFor()
    expect(await answers(page).count()).toBe(1)
    await page.context().close()
  })

  test('a message that is refused comes back to the writer', async () => {
    const sessionId = await newSession('Refused')
    const page = await dashboard.signedIn()
    // The gateway itself refuses: on its way the message is addressed to a session that does not exist.
    await page.routeWebSocket('**/ws', socket => {
      const server = socket.connectToServer()
      socket.onMessage(frame => {
        const text = String(frame)
        server.send(text.includes('"session.send_message"') ? text.replace(sessionId, 'no-such-session') : text)
      })
    })
    await page.goto(`/sessions/${sessionId}`)
    await page.locator('[data-connection="open"]').waitFor()
    await say(page, 'precious words')
    await page.getByRole('alert').getByText('The message was not sent.').waitFor()
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('precious words')
    expect(await page.getByLabel('Message of a person').count()).toBe(0)
    await page.context().close()
  })

  test('a session that is deleted elsewhere says so', async () => {
    const { page, sessionId } = await openSession('Gone')
    await dashboard.client.request('session.delete', { sessionId })
    await page.getByText('This session was deleted.').waitFor()
    expect(await page.getByLabel('Message', { exact: true }).count()).toBe(0)
    await page.context().close()
  })

  test('older messages come on demand, and the newest are shown first', async () => {
    const sessionId = await newSession('Long')
    for (let at = 1; at <= 40; at++) {
      await dashboard.client.request('session.send_message', { sessionId, text: `message number ${at}` })
    }
    await expect.poll(async () => (await dashboard.gateway.app.store.getHead(sessionId))?.seq, patience).toBe(80)
    const page = await dashboard.signedIn(`/sessions/${sessionId}`)
    expect(await answers(page).getByText('offline: message number 40').isVisible()).toBe(true)
    expect(await page.getByText('message number 1', { exact: true }).count()).toBe(0)
    await page.getByRole('link', { name: 'Show older messages' }).click()
    await page.getByText('message number 1', { exact: true }).waitFor()
    await page.getByRole('link', { name: 'Show older messages' }).waitFor({ state: 'detached' })
    expect(await answers(page).count()).toBe(40)
    await page.context().close()
  })

  test('the page follows the answer at its end, and stays where the reader scrolled to', async () => {
    const sessionId = await newSession('Scrolling')
    await dashboard.client.request('session.send_message', { sessionId, text: 'line\n'.repeat(200) })
    await expect.poll(async () => (await dashboard.gateway.app.store.getHead(sessionId))?.seq, patience).toBe(2)
    const page = await dashboard.signedIn(`/sessions/${sessionId}`)
    const toEnd = () =>
      page.evaluate(() => document.documentElement.scrollHeight - document.documentElement.clientHeight - scrollY)
    await expect.poll(toEnd, patience).toBeLessThan(5)
    await say(page, '/slow 300')
    await page
      .locator('.streaming')
      .getByText(/(\S+\s+){30}/)
      .waitFor()
    expect(await toEnd()).toBeLessThan(30)
    await page.evaluate(() => scrollTo({ top: 200 }))
    const words = (await page.locator('.streaming').textContent())?.length ?? 0
    await expect
      .poll(async () => (await page.locator('.streaming').textContent())?.length, patience)
      .toBeGreaterThan(words + 50)
    expect(await page.evaluate(() => scrollY)).toBe(200)
    await page.getByRole('button', { name: 'Go to the newest' }).click()
    await expect.poll(toEnd, patience).toBeLessThan(30)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.context().close()
  })
})
