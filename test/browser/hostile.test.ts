import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'
import { harm, payloads } from '../support/payloads.ts'

// What goes the whole way, through the agent and its tools; the rest is imported.
const live = payloads.filter((_, at) => at % 18 === 0)
/** Entries of the imported session. */
const perPayload = 3

describe.skipIf(whyNoBrowser() !== undefined)('hostile text', { timeout: 180_000 }, () => {
  let dashboard: Dashboard
  let imported: string
  beforeAll(async () => {
    dashboard = await openDashboard()
    imported = await importAll()
  })
  afterAll(() => dashboard?.close())

  /** A session in which each text is said by a person, by the assistant, to a tool and by a tool. */
  async function importAll(): Promise<string> {
    const at = Date.now() - 10_000_000
    const messages = payloads.flatMap((payload, index) => {
      const [runId, id] = [`run-${index}`, `call-${index}`]
      const call = { toolCalls: [{ id, name: payload.slice(0, 100), args: { [payload.slice(0, 50)]: payload } }] }
      return [
        { role: 'user', content: payload, senderName: payload.slice(0, 200) },
        { role: 'assistant', content: payload, runId, model: payload.slice(0, 200), ...call },
        { role: 'tool', content: payload, runId, toolCallId: id },
      ].map((message, part) => ({
        id: `hostile-${index}-${part}`,
        timestamp: at + index * perPayload + part,
        ...message,
      }))
    })
    const who = { senderId: payloads[0], channel: payloads[2], title: payloads[5], model: null }
    const session = { id: 'hostile', createdAt: at, lastActiveAt: at, ...who }
    const file = { format: 'talon.session', version: 1, session, epochs: [{ epoch: 1, messages }] }
    const answer = await dashboard.gateway.fetch('/api/v1/sessions/import', {
      method: 'POST',
      body: JSON.stringify(file),
    })
    expect(answer.status).toBe(201)
    const { sessionId } = (await answer.json()) as { sessionId: string }
    for (const name of payloads.slice(0, 40)) {
      const content = Buffer.from(name)
      await dashboard.gateway.app.attachments.add({ sessionId, invocationId: 'x', name, mime: 'image/png', content })
    }
    return sessionId
  }

  test('there are enough of them, and none is a copy', () => {
    expect(new Set(payloads).size).toBeGreaterThanOrEqual(200)
  })

  test.each([
    { name: 'with the content security policy', bypassCSP: false },
    { name: 'even without the content security policy', bypassCSP: true },
  ])('in titles, names, messages, files, tools and answers runs and loads nothing, $name', async ({ bypassCSP }) => {
    const { client, complaints } = dashboard
    const sessionIds: string[] = []
    for (const payload of live) {
      const short = payload.slice(0, 128)
      const named = { senderId: short, channel: short, title: payload, senderName: short }
      sessionIds.push((await client.request('session.create', named)).sessionId)
    }
    const page = await dashboard.signedIn(`/sessions/${sessionIds[0]}`, { bypassCSP })
    const isInert = async (where: string) => {
      expect(await page.locator(harm).count(), where).toBe(0)
      expect(new URL(page.url()).hostname).toBe('127.0.0.1')
    }
    const [sessionId = ''] = sessionIds
    for (const payload of live) {
      await client.request('session.send_message', { sessionId, text: payload, senderName: payload.slice(0, 200) })
      const text = `/tool file_read ${JSON.stringify({ path: payload })}`
      await client.request('session.send_message', { sessionId, text })
    }
    // Live first, with every card unfolded, then as the server renders it.
    const answers = page.getByRole('log').getByLabel('Message of the assistant')
    await expect.poll(() => answers.count(), patience).toBe(2 * live.length)
    await unfold(page)
    await isInert('live')
    const search = `/sessions?query=${encodeURIComponent(live[2] ?? '')}`
    const paths = ['/', '/sessions', search, `/sessions/${sessionId}/trace`, '/sessions/%3Cscript%3E']
    for (const path of [`/sessions/${sessionId}`, `/sessions/${sessionIds[1]}`, ...paths]) {
      await page.goto(path)
      await page.locator('[data-connection="open"]').waitFor()
      await isInert(path)
    }
    // The last address is of no session, which the browser reports as it does every 404.
    expect(complaints.splice(0)).toEqual([expect.stringContaining('404')])
    await page.context().close()
  })

  test.each([
    { name: 'with the content security policy', bypassCSP: false },
    { name: 'even without the content security policy', bypassCSP: true },
  ])('in a long session stays text, as the server renders it and as it is read on, $name', async ({ bypassCSP }) => {
    const page = await dashboard.signedIn('/', { bypassCSP })
    const entries = page.locator('.log > li')
    const last = perPayload * payloads.length
    const withCode = perPayload * (payloads.findIndex(payload => payload.startsWith('```')) + 1)
    // A page holds four hundred entries: each of these is the end of one.
    for (let end = last; end > 0; end -= 400) {
      await page.goto(`/sessions/${imported}${end === last ? '' : `?before=${end + 1}`}`)
      await page.locator('[data-connection="open"]').waitFor()
      const first = Math.max(1, end - 399)
      await expect
        .poll(async () => {
          await page.evaluate(() => scrollTo({ top: 0 }))
          return await page.locator(`#m${first}`).count()
        }, patience)
        .toBe(1)
      await unfold(page)
      if (first <= withCode && withCode <= end) await page.locator('.prose .code-keyword').first().waitFor()
      expect(await entries.count()).toBeGreaterThan(20)
      expect(await page.locator(harm).count(), `up to ${end}`).toBe(0)
      expect(new URL(page.url()).hostname).toBe('127.0.0.1')
    }
    await page.getByText('40 files').click()
    expect(await page.locator('.panel-body .file').count()).toBe(40)
    expect(await page.locator(harm).count()).toBe(0)
    expect(dashboard.complaints.splice(0)).toEqual([])
    await page.context().close()
  })
})

/** Opens every card at once. */
async function unfold(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const card of document.querySelectorAll('details')) card.open = true
  })
}
