import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createTools } from '../../src/server/tools/registry.ts'
import { toolThat } from '../server/tools/workbench.ts'
import { axeProblems } from '../support/axe.ts'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'
import { talkAt } from '../support/talk.ts'

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

describe.skipIf(whyNoBrowser() !== undefined)('a session', { timeout: 60_000 }, () => {
  let dashboard: Dashboard
  beforeAll(async () => {
    dashboard = await openDashboard()
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect(dashboard.complaints.splice(0)).toEqual([]))

  const { begin, open, say, answers, cards } = talkAt(() => dashboard)
  const tell = async (sessionId: string, text: string) => {
    const { app } = dashboard.gateway
    await dashboard.client.request('session.send_message', { sessionId, text })
    await expect.poll(async () => await app.store.activeRun(sessionId), patience).toBeUndefined()
  }
  const small = async (page: Page) => {
    await page.setViewportSize({ width: 360, height: 740 })
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
  }
  /** Sends the form, and waits until the page that answers it is there: one that still comes cannot be loaded anew. */
  const sendPlainly = async (page: Page): Promise<void> => {
    const answered = page.waitForEvent('load')
    await page.getByRole('button', { name: 'Send' }).click()
    await answered
  }

  const signInPlainly = async (token: string): Promise<Page> => {
    const page = await dashboard.open({ javaScriptEnabled: false, baseURL: dashboard.gateway.url })
    await page.goto('/login')
    await page.getByLabel('Or paste a token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    return page
  }

  test('shows what a tool asks for, lets a person answer where they are, and tells the decision', async () => {
    const { page, sessionId } = await open('Ask me', 'ask')
    const write = (path: string) => say(page, `/tool file_write {"path": "${path}", "content": "x"}`)
    await write('a.txt')
    const question = page.locator('[data-approval]')
    await question.getByText('a.txt').waitFor()
    await question.getByText(/workspace$/).waitFor()
    expect(await axeProblems(page)).toEqual([])
    await small(page)
    expect(await axeProblems(page)).toEqual([])
    const reader = await dashboard.open({ baseURL: dashboard.gateway.url })
    await reader.goto('/login')
    await reader.getByLabel('Or paste a token').fill(await dashboard.gateway.token('read', 'chat'))
    await reader.getByRole('button', { name: 'Sign in' }).click()
    await reader.goto(`/sessions/${sessionId}`)
    await reader.getByText('file_write waited for a person who allows it when this page was loaded.').waitFor()
    expect(await reader.getByRole('button', { name: 'Allow once' }).count()).toBe(0)
    await reader.context().close()
    await question.getByRole('button', { name: 'Allow once' }).click()
    await cards(page).first().getByText(/^done/).waitFor()
    await cards(page).first().locator('summary').click()
    await cards(page).first().getByText('granted.once').waitFor()
    await write('b.txt')
    await question.getByRole('button', { name: 'Deny' }).click()
    await cards(page)
      .nth(1)
      .getByText(/^not allowed/)
      .waitFor()
    await answers(page).nth(1).waitFor()
    // As the history of tools tells it, after a reload.
    await page.reload()
    await cards(page)
      .first()
      .getByText(/^done, \d/)
      .waitFor()
    await cards(page).nth(1).locator('summary').click()
    await cards(page).nth(1).getByText('approval.denied').waitFor()
    await page.context().close()
  })

  test('shows the output of a tool as it comes, changes as a diff, and files as pictures', async () => {
    const { gateway } = dashboard
    const { page, sessionId } = await open('Outputs', 'full')
    const gate = Promise.withResolvers<void>()
    const usual = gateway.app.tools
    const slow = toolThat(async context => {
      context.stream('stdout', 'the first line\n')
      await gate.promise
      return 'the first line\nthe last line'
    })
    gateway.app.tools = createTools(gateway.app, [slow])
    await say(page, '/tool test_tool {}')
    await cards(page).first().locator('summary').click()
    await cards(page).first().getByText('Output so far').waitFor()
    await cards(page).first().getByText('the first line').waitFor()
    gate.resolve()
    await cards(page).first().getByText('the last line').waitFor()
    await answers(page).first().waitFor()
    gateway.app.tools = usual
    await say(page, '/tool file_write {"path": "milk.txt", "content": "milk"}')
    await answers(page).nth(1).waitFor()
    await say(page, '/tool file_edit {"path": "milk.txt", "oldText": "milk", "newText": "oats"}')
    await cards(page).nth(2).locator('summary').click()
    expect(await cards(page).nth(2).locator('.diff-add').textContent()).toBe('+oats\n')
    await answers(page).nth(2).waitFor()
    const file = { sessionId, invocationId: 'x', name: 'shot.png', mime: 'image/png', content: png }
    const { id } = await gateway.app.attachments.add(file)
    const mention = `[attachment:${id} shot.png, image/png, 70 bytes]\\n[attachment:of-nobody b.png, image/png, 1 bytes]`
    await say(page, `/tool file_write {"path": "seen.txt", "content": "${mention}"}`)
    await answers(page).nth(3).waitFor()
    await say(page, '/tool file_read {"path": "seen.txt"}')
    await answers(page).nth(4).waitFor()
    await page.reload()
    const picture = page.getByRole('img', { name: 'shot.png' }).last()
    await expect.poll(() => picture.evaluate(img => (img as HTMLImageElement).naturalWidth), patience).toBe(1)
    expect(await page.getByRole('img', { name: 'b.png' }).count()).toBe(0)
    await page.getByText('1 file', { exact: true }).click()
    await page.locator('.panel-body').getByRole('link', { name: 'shot.png' }).waitFor()
    await page.context().close()
  })

  test('of ten thousand messages opens at once, holds a part of them, and finds any by its link', async () => {
    const { gateway } = dashboard
    const [line, at] = [(seq: number) => `message ${seq} ${'words '.repeat(seq % 40)}`, Date.now() - 20_000_000]
    const messages = Array.from({ length: 10_000 }, (_, index) => ({
      ...{ id: `long-${index}`, role: index % 2 === 0 ? 'user' : 'assistant', content: line(index + 1) },
      timestamp: at + index * 1_000,
    }))
    const about = {
      id: 'long',
      senderId: 'a',
      channel: 'cli',
      title: 'Long',
      createdAt: at,
      lastActiveAt: at,
      model: null,
    }
    const file = { format: 'talon.session', version: 1, session: about, epochs: [{ epoch: 1, messages }] }
    const answer = await gateway.fetch('/api/v1/sessions/import', { method: 'POST', body: JSON.stringify(file) })
    expect(answer.status).toBe(201)
    const { sessionId } = (await answer.json()) as { sessionId: string }
    const page = await dashboard.signedIn(`/sessions/${sessionId}`)
    const entries = page.locator('.log > li')
    const entry = (seq: number) => page.locator(`#m${seq}`)
    expect(await entries.count()).toBe(50)
    expect(await entry(10_000).isVisible()).toBe(true)
    // Scrolling up reads on, and what is read stays where it is.
    await page.evaluate(() => scrollTo({ top: 600 }))
    await entry(9_901).waitFor({ state: 'attached' })
    for (let turn = 0; turn < 7; turn++) {
      const count = await entries.first().getAttribute('id')
      await page.evaluate(() => scrollTo({ top: 300 }))
      await expect.poll(() => entries.first().getAttribute('id'), patience).not.toBe(count)
    }
    expect(await entries.count()).toBe(400)
    const placeOf = async () => {
      const seen = await page.evaluate(() => {
        const list = [...document.querySelectorAll('.log > li')]
        const first = list.find(li => li.getBoundingClientRect().bottom > 0)
        return { id: first?.id, top: first?.getBoundingClientRect().top }
      })
      return seen
    }
    // A link to an old message, in the page that is open and in a new one.
    await page.evaluate(() => {
      location.hash = '#m42'
    })
    await page.locator('#m42.is-target').waitFor()
    expect(await entry(42).evaluate(li => li === document.activeElement)).toBe(true)
    expect(await entries.count()).toBeLessThanOrEqual(150)
    await page.evaluate(() => document.querySelector('#m55')?.scrollIntoView())
    const before = await placeOf()
    await entry(117).waitFor({ state: 'attached' })
    expect(await placeOf()).toEqual(before)
    await page.getByRole('button', { name: 'Go to the newest' }).click()
    await entry(10_000).waitFor()
    await say(page, 'and one more')
    await answers(page).getByText('offline: and one more').waitFor()
    await page.goto(`/sessions/${sessionId}?at=5000#m5000`)
    await page.locator('#m5000.is-target').waitFor()
    await page.goto(`/sessions/${sessionId}#m777`)
    await page.locator('#m777.is-target').waitFor()
    await page.context().close()
  })

  test('is read, written to and allowed without JavaScript', async () => {
    const sessionId = await begin('Plain', 'ask')
    const page = await signInPlainly(dashboard.token)
    const written = page.getByRole('textbox', { name: 'Message' })
    await page.goto(`/sessions/${sessionId}`)
    await written.fill('hello without a script')
    await sendPlainly(page)
    await expect.poll(async () => await dashboard.gateway.app.store.activeRun(sessionId), patience).toBeUndefined()
    await page.reload()
    expect(await answers(page).getByText('offline: hello without a script').count()).toBe(1)
    await written.fill('/tool file_write {"path": "plain.txt", "content": "x"}')
    await sendPlainly(page)
    await expect.poll(() => dashboard.gateway.app.approvals.open().length, patience).toBe(1)
    await page.reload()
    await page.getByRole('button', { name: 'Allow once' }).click()
    await page.getByText('file_write was allowed once.').waitFor()
    await expect.poll(async () => await dashboard.gateway.app.store.activeRun(sessionId), patience).toBeUndefined()
    await page.getByText('Settings', { exact: true }).last().click()
    await page.getByLabel('Title').fill('Plainly renamed')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Plainly renamed' }).waitFor()
    await page.getByLabel('Message of a person').first().hover()
    await page.getByRole('button', { name: 'Edit in a fork' }).first().click()
    expect(await written.inputValue()).toBe('hello without a script')
    await page.context().close()
  })

  test('has a trace of each answer: its calls and tools with times, tokens, inputs and outputs', async () => {
    const sessionId = await begin('Traced')
    await tell(sessionId, 'just a question')
    await tell(sessionId, '/tool file_read {"path": "no-such-file.txt"}')
    const page = await dashboard.signedIn(`/sessions/${sessionId}`)
    await answers(page).nth(1).hover()
    await answers(page).nth(1).getByRole('link', { name: 'Trace' }).click()
    await page.getByRole('heading', { name: 'Trace' }).waitFor()
    const steps = page.locator('.trace-step')
    const names = await steps.locator('summary > :first-child').allTextContents()
    expect(names).toEqual(['Waited for its turn', 'Model call 1', 'file_read', 'Model call 2'])
    expect(await page.locator('.trace-bar rect').count()).toBe(8)
    const tool = steps.nth(2)
    await tool.locator('summary').focus()
    await page.keyboard.press('Enter')
    await tool.getByText('"path": "no-such-file.txt"').waitFor()
    await tool.getByText(/Error: "no-such-file.txt" does not exist/).waitFor()
    await tool.getByText('by the rule safe').waitFor()
    await steps.nth(3).locator('summary').click()
    await steps.nth(3).getByText('are not stored').waitFor()
    await steps.nth(3).getByText('Output (assistant)').waitFor()
    expect(await axeProblems(page)).toEqual([])
    await small(page)
    expect(await axeProblems(page)).toEqual([])
    await page.getByRole('link', { name: 'All answers' }).click()
    await page.getByRole('heading', { name: 'just a question' }).waitFor()
    expect(await page.getByRole('heading', { level: 2 }).count()).toBe(2)
    await page.getByRole('link', { name: 'In the conversation' }).last().click()
    await page.locator('#m1:target').waitFor()
    const empty = await begin('Nothing yet')
    await page.goto(`/sessions/${empty}/trace`)
    await page.getByText('Nothing was answered here yet').waitFor()
    await page.context().close()
  })
})
