import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { axeProblems } from '../support/axe.ts'
import { patience, whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'

// A page takes a second here and many on a machine that is busy.
const patient = { timeout: 60_000 }

describe.skipIf(whyNoBrowser() !== undefined)('the pages about tools', patient, () => {
  let dashboard: Dashboard
  let page: Page
  /** A session in which everything that changes something asks first, whatever walls commands in here. */
  let asking = ''
  beforeAll(async () => {
    dashboard = await openDashboard()
    const session = { senderId: 'anna', channel: 'cli', title: 'Asks first', profile: 'ask' } as const
    asking = (await dashboard.client.request('session.create', session)).sessionId
    page = await dashboard.signedIn('/tools', { permissions: ['clipboard-read', 'clipboard-write'] })
  })
  afterAll(() => dashboard?.close())
  afterEach(() => expect(dashboard?.complaints.splice(0)).toEqual([]))

  const invoke = (toolName: string, args: Record<string, unknown>, more: { sessionId?: string } = {}) => {
    const outcome = dashboard.client.request('tools.invoke', { toolName, args, ...more })
    // One that nobody answers ends with the gateway.
    outcome.catch(() => undefined)
    return outcome
  }
  const card = (on: Page, text: string) => on.locator('[data-approval]', { hasText: text })
  const go = async (path: string) => {
    await page.goto(path)
    await page.locator('[data-connection="open"]').waitFor()
  }

  test('list every tool with its permission, say why one cannot be used, and filter by the address', async () => {
    expect(await page.locator('.row-link').count()).toBeGreaterThan(25)
    const row = page.locator('.row', { hasText: 'http_request' })
    expect(await row.innerText()).toMatch(/Not available/)
    expect(await row.innerText()).toContain('list some in the setting tools.httpHosts')
    expect(await page.locator('.row', { hasText: 'calculate' }).innerText()).toMatch(/safe\s+Allowed/)
    await page.getByLabel('Search').fill('workspace trash')
    await page.keyboard.press('Enter')
    await page.waitForURL('**query=workspace+trash**')
    expect(await page.locator('.row-link').allTextContents()).toEqual(['file_delete'])
    await go('/tools?query=no+such+thing')
    await page.getByText('No tool matches').waitFor()
  })

  test('check a form beside its fields, explain a dry run, run, and keep the run in the history', async () => {
    await invoke('file_write', { path: 'list.txt', content: 'Buy milk\n' })
    await go('/tools/file_edit')
    await page.getByRole('button', { name: 'Dry run' }).click()
    const oldText = page.getByLabel('oldText')
    await page.getByText('This is needed.').first().waitFor()
    expect(await page.getByText('This is needed.').count()).toBe(2)
    expect(await oldText.getAttribute('aria-invalid')).toBe('true')
    expect(await page.getByLabel('path').evaluate(field => field.ownerDocument.activeElement === field)).toBe(true)
    await page.getByLabel('path').fill('list.txt')
    await oldText.fill('Buy milk')
    await page.getByLabel('newText').fill(`Buy "oat" milk, it's better`)
    await page.keyboard.press('Shift+Tab')
    await page.getByLabel('path').press('Enter')
    await page.getByRole('heading', { name: 'What would happen' }).waitFor()
    expect(await page.getByText('This is needed.').count()).toBe(0)
    expect(await page.locator('.diff-del').textContent()).toBe('-Buy milk\n')
    expect(await page.locator('.diff-add').first().textContent()).toContain(`+Buy "oat" milk`)
    expect(await page.locator('section', { hasText: 'What would happen' }).innerText()).toContain('workspace.write')
    const runs = page.locator('details.tool')
    await expect.poll(() => runs.allInnerTexts(), patience).toEqual([expect.stringContaining('Dry run')])
    await page.getByLabel('newText').press('Control+Enter')
    await page.getByRole('heading', { name: 'Result' }).waitFor()
    await expect.poll(() => runs.count(), patience).toBe(2)
    expect(await runs.first().innerText()).toMatch(/Done.*Allowed.*TALON_TOKEN/s)
    await runs.first().locator('summary').click()
    await runs.first().getByText('Output').waitFor()
    await expect.poll(() => runs.first().locator('.diff-add').count(), patience).toBe(1)
    expect(await axeProblems(page)).toEqual([])
  })

  test('copy the call for a program, without a token, and take arguments as JSON', async () => {
    await page.getByText('Call it from a program').click()
    await page.getByRole('button', { name: 'Copy curl' }).click()
    const copied = () => page.evaluate(() => navigator.clipboard.readText())
    await expect.poll(copied, patience).toContain(`--data-raw '{"args":{"path":"list.txt","oldText":"Buy milk"`)
    expect(await copied()).toContain(`${dashboard.gateway.url}/api/v1/tools/file_edit`)
    expect(await copied()).not.toContain(dashboard.token)
    await page.getByRole('link', { name: 'Write JSON' }).click()
    const json = page.getByLabel('All arguments as a JSON object')
    expect(JSON.parse(await json.inputValue())).toMatchObject({ path: 'list.txt', oldText: 'Buy milk' })
    await json.fill('{"path": "list.txt", ')
    await page.getByRole('button', { name: 'Dry run' }).click()
    await page.getByText('This is not JSON').waitFor()
    await json.fill('{"path": "list.txt", "more": 1}')
    await page.getByRole('link', { name: 'Fill in a form' }).click()
    await page.getByText('The form has no place for all of this').waitFor()
    await json.fill('{"path": "other.txt"}')
    await page.getByRole('button', { name: 'Copy WebSocket frame' }).click()
    await expect.poll(copied, patience).toContain('"path": "other.txt"')
    await page.getByRole('link', { name: 'Fill in a form' }).click()
    expect(await page.getByLabel('path').inputValue()).toBe('other.txt')
  })

  test('fill the form with a run of the past, and show what the gateway finds wrong with arguments', async () => {
    await go('/tools/history?tool=file_write')
    await page.locator('details.tool summary').first().click()
    await page.getByRole('link', { name: 'Fill in the form with this' }).click()
    await page.getByText('as the history keeps them').waitFor()
    expect(await page.getByLabel('content').inputValue()).toBe('Buy milk\n')
    await go('/tools/file_info?fill=example')
    await page.getByLabel('path').fill('no/such/file')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await page.getByRole('heading', { name: 'Result' }).waitFor()
    expect(await page.locator('section', { hasText: 'Result' }).innerText()).toContain('Failed')
  })

  test('ask in place for a run that has to be allowed, show its output while it runs, and cancel it', async () => {
    await go(`/tools/shell_execute?session=${asking}`)
    await page.getByText('Asks first in this session').waitFor()
    await page.getByLabel('command').fill('echo begun; sleep 600')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await card(page, 'sleep 600').getByRole('button', { name: 'Allow once' }).click()
    const live = page.getByLabel('Output so far')
    await live.getByText('begun').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('heading', { name: 'Result' }).waitFor()
    expect(await page.locator('section', { hasText: 'Result' }).innerText()).toMatch(/Cancelled.*granted\.once/s)
    expect(await live.count()).toBe(0)
  })

  test('bring what waits to the inbox by itself, and answer it by key', async () => {
    await go('/tools/approvals')
    await page.getByText('Nothing waits for an answer').waitFor()
    expect(await axeProblems(page)).toEqual([])
    const first = invoke('file_write', { path: 'a.txt', content: 'A\u202Ecod' }, { sessionId: asking })
    await card(page, 'a.txt').waitFor()
    const shown = await card(page, 'a.txt').innerText()
    expect(shown).toContain('A\\u{202e}cod')
    expect(shown).toContain(dashboard.gateway.app.tools.workspace)
    expect(shown).toContain('TALON_TOKEN')
    expect(shown).toMatch(/[12]:\d\d left/)
    expect(await axeProblems(page)).toEqual([])
    await page.keyboard.press('a')
    expect(await card(page, 'a.txt').count(), 'a key for no card in particular').toBe(1)
    await page.keyboard.press('j')
    await page.keyboard.press('a')
    expect(await first).toMatchObject({ success: true, decision: { rule: 'granted.once' } })
    await card(page, 'a.txt').waitFor({ state: 'detached' })
    await page.locator('section', { hasText: 'Decided' }).getByText('file_write').first().waitFor()
    const second = invoke('file_write', { path: 'b.txt', content: 'B' }, { sessionId: asking })
    await card(page, 'b.txt').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('d')
    expect(await second).toMatchObject({ success: false, decision: { rule: 'approval.denied' } })
    await page.getByText('file_write was denied.').waitFor()
  })

  test('remember an answer for good, list it, and take it back with a way to undo that', async () => {
    const args = { path: 'c.txt', content: 'C' }
    const first = invoke('file_write', args, { sessionId: asking })
    await card(page, 'c.txt').getByRole('button', { name: 'Always for exactly this' }).click()
    await first
    const revoke = page.getByRole('button', { name: 'Revoke file_write, always' })
    await revoke.click()
    await revoke.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).click()
    await revoke.waitFor()
    expect((await invoke('file_write', args, { sessionId: asking })).decision?.rule).toBe('granted.always')
    const second = invoke('file_write', { path: 'd.txt', content: 'D' }, { sessionId: asking })
    await card(page, 'd.txt').getByRole('button', { name: 'For this session' }).click()
    expect((await second).decision).toMatchObject({ allowed: true })
    await page.getByRole('button', { name: 'Revoke file_write, one session' }).waitFor()
    await page.reload()
    expect(await page.locator('section', { hasText: 'Decided' }).innerText()).toContain('Allowed always')
  })

  test('work without JavaScript: a form is checked, kept, run, and answered; of two who decide the second is told', async () => {
    const plain = await dashboard.open({ javaScriptEnabled: false, baseURL: dashboard.gateway.url })
    await plain.goto('/login?next=/tools/file_write')
    await plain.getByLabel('Or paste a token').fill(dashboard.token)
    await plain.getByRole('button', { name: 'Sign in' }).click()
    await plain.getByLabel('path').fill('plain.txt')
    await plain.getByLabel('content').fill('one\ntwo\n')
    await plain.getByLabel('Session').selectOption('Asks first')
    await plain.getByRole('button', { name: 'Dry run' }).click()
    expect(await plain.locator('section', { hasText: 'What would happen' }).innerText()).toMatch(
      /Would ask a person first/,
    )
    expect(await plain.getByLabel('content').inputValue()).toBe('one\ntwo\n')
    await plain.goto('/tools/tasks_list')
    // What a browser would check itself, somebody else may send.
    const sent = await dashboard.gateway.fetch('/tools/tasks_list', {
      method: 'POST',
      body: new URLSearchParams({ action: 'run', '/limit': '1000', '/status': '"all"' }),
      headers: { accept: 'text/html' },
    })
    expect(sent.status).toBe(400)
    const html = await sent.text()
    expect([html.includes('At most 500.'), /<input[^>]*value="1000"/.test(html)]).toEqual([true, true])
    await plain.getByLabel('status').selectOption('all')
    await plain.getByRole('button', { name: 'Run', exact: true }).click()
    expect(await plain.locator('section', { hasText: 'Result' }).innerText()).toContain('Done')

    const waits = invoke('file_write', { path: 'e.txt', content: 'E' }, { sessionId: asking })
    await card(page, 'e.txt').waitFor()
    await plain.goto('/tools/approvals')
    await card(page, 'e.txt').getByRole('button', { name: 'Deny' }).click()
    expect(await waits).toMatchObject({ decision: { rule: 'approval.denied' } })
    await card(plain, 'e.txt').getByRole('button', { name: 'Allow once' }).click()
    await plain.getByText('This call was denied already.').waitFor()
    expect(await plain.locator('section', { hasText: 'Decided' }).textContent()).toContain('e.txt')

    const again = invoke('file_write', { path: 'f.txt', content: 'F' }, { sessionId: asking })
    await card(page, 'f.txt').waitFor()
    await plain.goto('/tools/approvals')
    await card(plain, 'f.txt').getByRole('button', { name: 'Allow once' }).click()
    await plain.getByText('file_write was allowed once.').waitFor()
    expect(await again).toMatchObject({ success: true })
    await card(page, 'f.txt').waitFor({ state: 'detached' })
    await plain.getByRole('button', { name: 'Revoke file_write, always' }).click()
    await plain.getByText('It was revoked').waitFor()
    await plain.goto('/tools/history?outcome=refused&tool=file_write')
    await plain.locator('details.tool summary').first().click()
    await plain.getByRole('link', { name: 'Show all of it' }).first().click()
    await plain.waitForURL('**run=**')
    expect(await plain.locator('section', { hasText: 'A run of' }).innerText()).toContain('approval.denied')
    // The refusal of the second answer.
    expect(dashboard.complaints.splice(0)).toEqual([expect.stringContaining('409')])
    await plain.context().close()
  })

  test('filter the history of all tools by the address, page by page, and fit a small dark screen', async () => {
    await go('/tools/history?outcome=failed')
    expect(await page.locator('details.tool').allInnerTexts()).toEqual(
      expect.arrayContaining([expect.stringContaining('file_info')]),
    )
    await page.getByLabel('Session').fill(asking)
    await page.getByLabel('Outcome').selectOption('refused')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.waitForURL('**outcome=refused**')
    expect(await page.locator('details.tool').count()).toBe(2)
    await Promise.all(Array.from({ length: 31 }, (_, at) => invoke('memory_search', { query: `word${at}` })))
    await go('/tools/history?tool=memory_search&outcome=succeeded')
    expect(await page.locator('details.tool').count()).toBe(30)
    await page.getByRole('link', { name: 'Older' }).click()
    await page.waitForURL('**before=**')
    expect(await page.locator('details.tool').count()).toBe(1)
    const small = await dashboard.signedIn('/tools', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' })
    for (const path of ['/tools/http_request?mode=json', '/tools/history?tool=file_edit']) {
      await small.goto(path)
      expect(await small.evaluate(() => document.documentElement.scrollWidth <= innerWidth), path).toBe(true)
      expect(await axeProblems(small), path).toEqual([])
    }
    await small.context().close()
  })

  test('tell who may not decide or run who can, and what does not exist', async () => {
    const token = await dashboard.gateway.token('read')
    const read = async (path: string) => {
      const answer = await dashboard.gateway.fetch(path, { token, headers: { accept: 'text/html' } })
      return { status: answer.status, html: await answer.text() }
    }
    expect((await read('/tools/approvals')).html.includes('needs a token with the scope “approve”')).toBe(true)
    const tool = await read('/tools/file_write')
    expect(tool.html.includes('Running tools needs a token with the scope “tools”.')).toBe(true)
    expect(tool.html.includes('&quot;names&quot;:{}')).toBe(true)
    expect(await read('/tools/none_such')).toMatchObject({ status: 404 })
    expect(await read('/tools/history?run=none&outcome=odd')).toMatchObject({ status: 200 })
  })
})
