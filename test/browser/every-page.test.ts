import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { places } from '../../src/islands/shell/places.ts'
import type { PageEntry } from '../../src/server/pages/page.ts'
import { axeProblems } from '../support/axe.ts'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'
import { samplePaths } from '../support/sample-pages.ts'

// Of the score of browsers, 0 to 1: what nobody notices.
const maxLayoutShift = 0.02
const wide = { width: 1280, height: 800 }
const small = { width: 360, height: 740 }
const views = [
  [wide, ['light', 'dark']],
  [small, ['dark', 'light']],
] as const

const pages = Object.values(
  import.meta.glob<PageEntry>('../../src/server/pages/*.page.tsx', { eager: true, import: 'default' }),
)

test('the command palette knows every page whose address does not vary', () => {
  const fixed = pages.map(page => page.path).filter(path => !path.includes(':'))
  expect(places.map(place => place.path).sort()).toEqual(fixed.sort())
})

const patterns = pages.map(page => page.path).sort()
// A large page has many elements to be looked at, on a machine that may be busy.
const pageMs = 60_000

describe.skipIf(whyNoBrowser() !== undefined)('every page', () => {
  let dashboard: Dashboard
  let paths: Record<string, string>
  let page: Page
  const said: string[] = []
  /** What each page says while there is nothing in it. */
  const empty = new Map<string, string>()
  beforeAll(async () => {
    dashboard = await openDashboard()
    paths = await samplePaths(dashboard.gateway, pages)
    page = await dashboard.signedIn('/', { viewport: wide, colorScheme: 'light' })
    page.on('console', message => said.push(message.text()))
    await page.addInitScript(observe)
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect([...said.splice(0), ...dashboard.complaints.splice(0)]).toEqual([]))

  const pathOf = (pattern: string) => paths[pattern] ?? ''
  const read = async (pattern: string) => (await dashboard.gateway.fetch(pathOf(pattern))).text()

  test.each(patterns)('%s is whole without JavaScript, and has nothing that its policy forbids', async pattern => {
    const html = await read(pattern)
    const main = mainOf(html)
    expect(main).toMatch(/<h1[ >]/)
    expect(textOf(main).length).toBeGreaterThan(40)
    expect(html).not.toMatch(/<[^>]+ style=/)
    expect(html).not.toMatch(/<script(?![^>]+src=)/)
    expect(html).not.toMatch(/<[^>]+ on[a-z]+="/)
    empty.set(pattern, shapeOf(main))
  })

  const looks = 'wide and small, each light and dark'
  test.each(patterns)(`%s is sound with nothing in it, ${looks}`, pattern => expectSound(page, pathOf(pattern)), pageMs)

  describe('with something in it', () => {
    let others: string[]
    beforeAll(async () => {
      await fill(dashboard, pathOf('/sessions/:id').split('/')[2] ?? '')
      const shapes = await Promise.all(patterns.map(async pattern => shapeOf(mainOf(await read(pattern)))))
      others = patterns.filter((pattern, at) => shapes[at] !== empty.get(pattern))
    }, pageMs)

    test('most of them show it', () => {
      expect(others).toEqual(expect.arrayContaining(['/', '/sessions', '/sessions/:id', '/sessions/:id/trace']))
      expect(others.length).toBeGreaterThan(patterns.length / 2)
    })

    const look = async (pattern: string) => {
      // One that did not become any different was looked at before.
      if (others.includes(pattern)) await expectSound(page, pathOf(pattern))
      else expect(empty.has(pattern)).toBe(true)
    }
    test.each(patterns)(`%s is sound, ${looks}`, look, pageMs)
  })

  test(
    `what is shown to nobody, and for no page, is sound too, ${looks}`,
    async () => {
      await expectSound(page, '/nowhere', 'main h1')
      // The browser itself reports the status of the page.
      const reported = Array(views.length).fill(expect.stringContaining('404'))
      expect([said.splice(0), dashboard.complaints.splice(0)]).toEqual([reported, reported])
      const stranger = await dashboard.open({ baseURL: dashboard.gateway.url })
      stranger.on('console', message => said.push(message.text()))
      await stranger.addInitScript(observe)
      for (const path of ['/login', '/offline']) await expectSound(stranger, path, 'main h1')
      await stranger.context().close()
    },
    pageMs,
  )

  test('leads through a day’s work by the keyboard alone', () => workByKeyboard(dashboard), pageMs)
})

/**
 * Opens a page wide, then small, and looks at it in each scheme. A page is laid out by its width while it loads; of the scheme
 * only colours are, so that it changes in place.
 */
async function expectSound(page: Page, path: string, ready = '[data-connection="open"]'): Promise<void> {
  const found: string[] = []
  for (const [viewport, schemes] of views) {
    await page.setViewportSize(viewport)
    await page.emulateMedia({ colorScheme: schemes[0] })
    await page.goto(path)
    await page.locator(ready).waitFor()
    const shift = await page.evaluate<number>('layoutShift()')
    const at = (scheme: string) => `${viewport.width} px, ${scheme}:`
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme })
      const problems = [...(await overflow(page)), ...(await axeProblems(page))]
      found.push(...problems.map(problem => `${at(colorScheme)} ${problem}`))
    }
    if (shift > maxLayoutShift) found.push(`${viewport.width} px: it shifts by ${shift}`)
  }
  expect(await page.title()).toMatch(/^\S.* · Talon$/)
  expect(await page.locator('h1').count()).toBe(1)
  expect(found).toEqual([])
}

// Runs in the page before anything else of it.
const observe = `{
  let shift = 0
  const take = entries => {
    for (const entry of entries) if (!entry.hadRecentInput) shift += entry.value
  }
  const observer = new PerformanceObserver(list => take(list.getEntries()))
  observer.observe({ type: 'layout-shift', buffered: true })
  window.layoutShift = () => {
    take(observer.takeRecords())
    return shift
  }
}`

async function overflow(page: Page): Promise<string[]> {
  const [content, place] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  )
  return content > place ? [`is ${content} px wide in a place of ${place}`] : []
}

function mainOf(html: string): string {
  return html.slice(html.indexOf('<main'), html.indexOf('</main>'))
}

/** The same for two pages that differ in numbers and ids alone. */
function shapeOf(html: string): string {
  return html.replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, '0')
}

function textOf(html: string): string {
  return html
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

/** Something of everything: conversations, runs of tools of each outcome, a call that waits, a token, a backup. */
async function fill({ client, gateway }: Dashboard, sessionId: string): Promise<void> {
  const said = [
    '# A heading\n\nSome `code`, a [link](https://example.org), **bold**.\n\n```ts\nconst a: number = 1\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |',
    `/tool calculate {"expression":"${'1+'.repeat(200)}1"}`,
    '/tool file_read {"path":"missing.txt"}',
    `A word that is long: ${'w'.repeat(300)}`,
  ]
  for (const text of said) {
    const { runId } = await client.request('session.send_message', { sessionId, text })
    await vi.waitFor(async () => expect((await gateway.app.store.getRun(runId))?.state).toMatch(/done|error/), patience)
  }
  for (let at = 0; at < 30; at++) {
    await client.request('session.create', {
      senderId: 'anna',
      channel: 'cli',
      title: at % 3 ? `Session ${at}` : 'x'.repeat(150),
    })
  }
  const asking = await client.request('session.create', {
    senderId: 'anna',
    channel: 'cli',
    title: 'Asks',
    profile: 'ask',
  })
  await client.request('session.send_message', {
    sessionId: asking.sessionId,
    text: '/tool file_write {"path":"note.txt","content":"hello"}',
  })
  await vi.waitFor(() => expect(gateway.app.approvals.open()).toHaveLength(1), patience)
  await client.request('tools.invoke', { toolName: 'file_read', args: { path: 'missing.txt' } }).catch(() => undefined)
  await gateway.token('read', 'chat')
  const daily = { text: 'What is new?', cron: '0 8 * * *', timezone: 'Europe/Berlin' }
  await client.request('schedule.add', { ...daily, name: 'News' })
  const cron = `${Array.from({ length: 60 }, (_, minute) => minute).join()} * * * *`
  const { schedule } = await client.request('schedule.add', { ...daily, cron, text: 'w'.repeat(300), sessionId })
  await client.request('schedule.run', { scheduleId: schedule.id })
  await gateway.app.store.pauseSchedule({ id: schedule.id, paused: `It was refused: ${'w'.repeat(300)}` })
  const backup = await gateway.fetch('/api/v1/backups', { method: 'POST' })
  expect(backup.status).toBeLessThan(300)
}

async function workByKeyboard(dashboard: Dashboard): Promise<void> {
  const page = await dashboard.open({ baseURL: dashboard.gateway.url, viewport: wide })
  const { keyboard } = page
  const ready = () => page.locator('[data-connection="open"]').waitFor()
  const palette = async (words: string, found: string) => {
    await keyboard.press('Control+k')
    await page.locator('.palette-field').waitFor()
    await keyboard.type(words)
    await page.locator('.palette-option[aria-selected="true"]', { hasText: found }).waitFor()
    await keyboard.press('Enter')
  }
  await page.goto('/login')
  await tabTo(page, 'Or paste a token')
  await keyboard.type(dashboard.token)
  await keyboard.press('Enter')
  await page.waitForURL(`${dashboard.gateway.url}/`)
  await ready()
  await palette('sessions', 'Sessions')
  await page.waitForURL('**/sessions')
  await ready()
  await palette('new session', 'New session')
  await page.waitForURL(/\/sessions\/sess_[\w-]+$/)
  await ready()
  await tabTo(page, 'Message')
  await keyboard.type('/slow 400')
  await keyboard.press('Enter')
  await page
    .locator('.streaming')
    .getByText(/(\S+\s+){3}/)
    .waitFor()
  await tabTo(page, 'Stop')
  await keyboard.press('Enter')
  await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' })
  // From a field no key leads away.
  await page.evaluate('document.activeElement.blur()')
  await keyboard.press('g')
  await keyboard.press('t')
  await page.waitForURL('**/tools')
  await ready()
  await tabTo(page, 'calculate')
  await keyboard.press('Enter')
  await page.waitForURL('**/tools/calculate')
  await ready()
  await tabTo(page, 'expression')
  await keyboard.type('6 * 7')
  await tabTo(page, 'Run')
  await keyboard.press('Enter')
  await page.getByText('42', { exact: true }).first().waitFor()
  await palette('sign out', 'Sign out')
  await page.waitForURL('**/login')
  await page.context().close()
  expect(dashboard.complaints.splice(0)).toEqual([])
}

// More than any page has controls before what is looked for.
const maxTabs = 120

/** Presses Tab until what has the focus is called so. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let pressed = 0; pressed < maxTabs; pressed++) {
    await page.keyboard.press('Tab')
    if ((await page.evaluate<string>(focusedName)).startsWith(name)) return
  }
  throw new Error(`Tab does not lead to “${name}” at ${page.url()}.`)
}

const focusedName = `(() => {
  const element = document.activeElement
  const label = element.labels?.[0]?.textContent ?? element.getAttribute('aria-label') ?? element.textContent
  return label.trim()
})()`
