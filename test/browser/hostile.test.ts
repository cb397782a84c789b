import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'

const payloads = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  "'-alert(1)-'",
  '</script><script>alert(1)</script>',
  '<iframe srcdoc="<script>alert(1)</script>">',
  '[click](javascript:alert(1))',
  '[x](https://example.org/"onmouseover="alert(1))',
  '![x](https://example.org/leak.png)',
  '<a href="javascript:alert(1)">x</a>',
  '`<img src=x onerror=alert(1)>`',
  '```html\n<script>alert(1)</script>\n```',
  '{"__html": "<img src=x onerror=alert(1)>"}',
]

describe.skipIf(whyNoBrowser() !== undefined)('hostile text', () => {
  let dashboard: Dashboard
  beforeAll(async () => {
    dashboard = await openDashboard()
  })
  afterAll(() => dashboard?.close())

  test.each([
    { name: 'with the content security policy', bypassCSP: false },
    { name: 'even without the content security policy', bypassCSP: true },
  ])(
    'in titles, names, messages, tools and answers runs nothing, $name',
    async ({ bypassCSP }) => {
      const { client, complaints } = dashboard
      const inert =
        'script:not([src]), iframe, img:not([src="/favicon.svg"]), a[href^="javascript:" i], [onerror], [onload], [onmouseover]'
      const sessionIds: string[] = []
      for (const payload of payloads) {
        const named = { senderId: payload, channel: payload, title: payload, senderName: payload }
        sessionIds.push((await client.request('session.create', named)).sessionId)
      }
      const page = await dashboard.signedIn(`/sessions/${sessionIds[0]}`, { bypassCSP })
      const [sessionId = ''] = sessionIds
      for (const payload of payloads) {
        await client.request('session.send_message', { sessionId, text: payload, senderName: payload })
        const text = `/tool file_read ${JSON.stringify({ path: payload })}`
        await client.request('session.send_message', { sessionId, text })
      }
      // Live first, with every card unfolded, then as the server renders it.
      const cards = page.locator('details.tool')
      const answers = page.getByRole('log').getByLabel('Message of the assistant')
      await expect.poll(() => answers.count(), patience).toBe(2 * payloads.length)
      for (const card of await cards.all()) await card.locator('summary').click()
      expect(await page.locator(inert).count()).toBe(0)
      const search = `/sessions?query=${encodeURIComponent(payloads[2] ?? '')}`
      const titles = sessionIds.slice(1, 4).map(id => `/sessions/${id}`)
      const logs = [`/sessions/${sessionId}`, `/sessions/${sessionId}?before=30`]
      for (const path of [...logs, '/', '/sessions', search, ...titles, '/sessions/%3Cscript%3E']) {
        await page.goto(path)
        await page.locator('[data-connection="open"]').waitFor()
        expect(await page.locator(inert).count(), path).toBe(0)
      }
      // The last address is of no session, which the browser reports as it does every 404.
      expect(complaints.splice(0)).toEqual([expect.stringContaining('404')])
      await page.context().close()
    },
    60_000,
  )
})
