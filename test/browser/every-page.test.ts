import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { places } from '../../src/islands/shell/places.ts'
import type { PageEntry } from '../../src/server/pages/page.ts'
import { axeContrast, axeProblems } from '../support/axe.ts'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'
import { samplePaths } from '../support/sample-pages.ts'

const maxLayoutShift = 0.02
const wide = { width: 1280, height: 800 }
const small = { width: 360, height: 740 }

const pages = Object.values(
  import.meta.glob<PageEntry>('../../src/server/pages/*.page.tsx', { eager: true, import: 'default' }),
)

test('the command palette knows every page whose address does not vary', () => {
  const fixed = pages.map(page => page.path).filter(path => !path.includes(':'))
  expect(places.map(place => place.path).sort()).toEqual(fixed.sort())
})

describe.skipIf(whyNoBrowser() !== undefined)('every page', () => {
  let dashboard: Dashboard
  let paths: Record<string, string>
  beforeAll(async () => {
    dashboard = await openDashboard()
    paths = await samplePaths(dashboard.gateway, pages)
  })
  afterAll(() => dashboard?.close())

  test('is whole without JavaScript, and has nothing in it that its policy forbids', async () => {
    for (const [pattern, path] of Object.entries(paths)) {
      const answer = await dashboard.gateway.fetch(path)
      expect(answer.status, pattern).toBe(200)
      const html = await answer.text()
      const main = html.slice(html.indexOf('<main'), html.indexOf('</main>'))
      expect(main, pattern).toMatch(/<h1[ >]/)
      expect(textOf(main).length, pattern).toBeGreaterThan(40)
      expect(html, pattern).not.toMatch(/<[^>]+ style=/)
      expect(html, pattern).not.toMatch(/<script(?![^>]+src=)/)
      expect(html, pattern).not.toMatch(/ on[a-z]+="/)
    }
  })

  test('is sound with nothing in it, light and dark, wide and small', async () => {
    await expectSound(dashboard, paths)
  }, 120_000)

  test('is sound with something in it, light and dark, wide and small', async () => {
    await fill(dashboard, paths['/sessions/:id']?.split('/')[2] ?? '')
    await expectSound(dashboard, paths)
  }, 120_000)

  test('leads through a day’s work by the keyboard alone', async () => {
    await workByKeyboard(dashboard)
  }, 60_000)
})

/** Opens each page once, and looks at it in both schemes and both widths. */
async function expectSound(dashboard: Dashboard, paths: Record<string, string>): Promise<void> {
  const page = await dashboard.signedIn('/', { viewport: wide, colorScheme: 'light' })
  const problems: string[] = []
  let slowest = { pattern: '', paintedMs: 0 }
  page.on('console', message => problems.push(`console: ${message.text()}`))
  await page.addInitScript(observe)
  for (const [pattern, path] of Object.entries(paths)) {
    const add = (state: string, found: readonly string[]) =>
      problems.push(...found.map(text => `${pattern} ${state}: ${text}`))
    await page.setViewportSize(wide)
    await page.emulateMedia({ colorScheme: 'light' })
    await page.goto(path)
    await page.locator('[data-connection="open"]').waitFor()
    const seen = await page.evaluate<{ shift: number; paintedMs: number }>('observed()')
    if (seen.paintedMs > slowest.paintedMs) slowest = { pattern, paintedMs: seen.paintedMs }
    if (seen.shift > maxLayoutShift) add('wide', [`moves by ${seen.shift.toFixed(3)}`])
    if (!/^\S.* · Talon$/.test(await page.title())) add('', ['has no title'])
    if ((await page.locator('h1').count()) !== 1) add('', ['has not one h1'])
    add('wide and light', [...(await overflow(page)), ...(await axeProblems(page))])
    await page.emulateMedia({ colorScheme: 'dark' })
    add('wide and dark', await axeContrast(page))
    await page.setViewportSize(small)
    add('small and dark', [...(await overflow(page)), ...(await axeProblems(page))])
    await page.emulateMedia({ colorScheme: 'light' })
    add('small and light', await axeContrast(page))
  }
  await page.context().close()
  console.info('largest paint', slowest)
  expect([...problems, ...dashboard.complaints.splice(0)]).toEqual([])
}

// Runs in the page before anything else of it.
const observe = `{
  let shift = 0
  let painted = 0
  const take = entries => {
    for (const entry of entries) {
      if (entry.entryType === 'largest-contentful-paint') painted = entry.startTime
      else if (!entry.hadRecentInput) shift += entry.value
    }
  }
  const observers = ['layout-shift', 'largest-contentful-paint'].map(type => {
    const observer = new PerformanceObserver(list => take(list.getEntries()))
    observer.observe({ type, buffered: true })
    return observer
  })
  window.observed = () => {
    for (const observer of observers) take(observer.takeRecords())
    return { shift, paintedMs: Math.round(painted) }
  }
}`

async function overflow(page: Page): Promise<string[]> {
  const [content, place] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  )
  return content > place ? [`is ${content} px wide in a place of ${place}`] : []
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
    await expect.poll(async () => (await gateway.app.store.getRun(runId))?.state, patience).toMatch(/done|error/)
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
  await expect.poll(() => gateway.app.approvals.open().length, patience).toBe(1)
  await client.request('tools.invoke', { toolName: 'file_read', args: { path: 'missing.txt' } }).catch(() => undefined)
  await gateway.token('read', 'chat')
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
  await page.waitForURL(/\/sessions\/[\w-]{36}$/)
  await ready()
  await tabTo(page, 'Message')
  await keyboard.type('/slow 400')
  await keyboard.press('Enter')
  await page
    .getByText(/(word\S*\s+){3}|(\S+\s+){8}/)
    .first()
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
