import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { settingKeys } from '../../src/server/config.ts'
import { limitRules } from '../../src/server/limit-rules.ts'
import { axeProblems } from '../support/axe.ts'
import { whyNoBrowser } from '../support/browser.ts'
import { type Dashboard, openDashboard } from '../support/dashboard.ts'

// Axe looks at every element, which a busy machine takes its time for.
const slow = { timeout: 90_000 }
const small = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' } as const

describe.skipIf(whyNoBrowser() !== undefined)('the settings pages', () => {
  let dashboard: Dashboard
  let page: Page
  beforeAll(async () => {
    dashboard = await openDashboard()
    page = await dashboard.signedIn('/settings')
  })
  afterAll(() => dashboard?.close())

  const config = async () => dashboard.client.request('config.get', {})
  const settingOf = async (key: string) => (await config()).settings.find(row => row.key === key)?.value
  /** Changes settings as another program does. */
  const change = async (changes: Record<string, unknown>, reset: string[] = []) =>
    dashboard.client.request('config.update', { hash: (await config()).hash, changes, reset })

  /** Loads a page as a browser without JavaScript does. */
  const read = async (path: string, token?: string) => {
    const answer = await dashboard.gateway.fetch(path, token === undefined ? {} : { token })
    return { status: answer.status, html: await answer.text() }
  }
  /** Sends a form as such a browser does; it follows where that leads to. */
  const send = async (fields: Record<string, string>, path = '/settings') => {
    const answer = await dashboard.gateway.fetch(path, {
      method: 'POST',
      body: new URLSearchParams(fields),
      redirect: 'manual',
    })
    const html = await answer.text()
    const said = decodeURIComponent(/talon_said=([^;]*)/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? '')
    return { status: answer.status, html, said }
  }
  /** What the form of the settings holds before anything was entered, with these texts. */
  const form = async (entered: Record<string, string>, base: Record<string, unknown> = {}) => {
    const { hash } = await config()
    const fields = Object.entries(entered).map(([key, text]) => [`set.${key}`, text])
    return { action: 'review', hash, base: JSON.stringify(base), ...Object.fromEntries(fields) }
  }
  const goto = async (path: string) => {
    await page.goto(path)
    await page.locator('[data-connection="open"]').waitFor()
  }
  const field = (key: string) => page.getByLabel(`New value of ${key}`)
  const axe = async () => expect(await axeProblems(page)).toEqual([])

  test('show every setting with its value, where that comes from and what it does, and no secret', async () => {
    await change({ 'search.braveKey': 'brave-key-that-nobody-sees' })
    const { html } = await read('/settings')
    for (const key of settingKeys) expect(html).toContain(`id="${key}"`)
    expect(html).toContain('Address to listen on.')
    expect(html).toContain('A change takes effect after a restart.')
    expect(html).toContain('the environment variable TALON_PORT')
    expect(html).not.toContain('name="set.server.port"')
    expect(html).not.toContain('name="set.search.braveKey"')
    expect(html).toContain('set, not shown')
    expect(html).not.toContain('brave-key-that-nobody-sees')
    const found = (await read('/settings?q=log.level')).html
    expect(found).toMatch(/<details class="setting" id="server.host" hidden/)
    expect(found).not.toMatch(/<details class="setting" id="log.level" hidden/)
  })

  test('tell whoever is no admin what it takes, and show limits and versions all the same', async () => {
    const reader = await dashboard.gateway.token('read')
    expect((await read('/settings', reader)).html).toContain('need a token with the scope “admin”')
    const about = await read('/settings/about', reader)
    expect(about.html).toContain(dashboard.gateway.app.version)
    expect(about.html).not.toContain(dashboard.gateway.home)
    const limits = await read('/settings/limits', reader)
    expect(limits.html).not.toContain('Who is near a limit')
    const answer = await dashboard.gateway.fetch('/settings', {
      method: 'POST',
      token: reader,
      body: new URLSearchParams(await form({ 'log.level': 'debug' }, { 'log.level': 'info' })),
    })
    expect(answer.status).toBe(403)
    expect(await settingOf('log.level')).toBe('info')
  })

  test('review and save without JavaScript, and say of each value that is wrong why', async () => {
    const base = { 'agent.retries': 2, 'server.allowedHosts': [], 'agent.maxSteps': 25 }
    const wrong = await send(await form({ 'agent.retries': '99', 'agent.maxSteps': 'many' }, base))
    expect(wrong.html).toContain('2 values cannot be used')
    expect(wrong.html).toContain('(got 99)')
    expect(wrong.html).toContain('This is not a number.')
    expect(wrong.html).toContain('value="99"')
    expect(await settingOf('agent.retries')).toBe(2)
    const review = await form({ 'agent.retries': '5', 'server.allowedHosts': 'a.example\r\nb.example' }, base)
    const reviewed = await send(review)
    expect(reviewed.html).toContain('2 settings change')
    expect(reviewed.html).toContain('a.example, b.example')
    expect(await settingOf('agent.retries')).toBe(2)
    const again = await send({ ...review, action: 'edit' })
    expect(again.html).toContain('value="5"')
    const saved = await send({ ...review, action: 'save' })
    expect(saved.status).toBe(303)
    expect(saved.said).toContain('Changed server.allowedHosts, agent.retries.')
    expect(await settingOf('server.allowedHosts')).toEqual(['a.example', 'b.example'])
    const file = JSON.parse(readFileSync(join(dashboard.gateway.home, 'talon.json'), 'utf8'))
    expect(file.agent.retries).toBe(5)
    const reset = await form({}, { 'agent.retries': 5, 'server.allowedHosts': ['a.example', 'b.example'] })
    expect((await send({ ...reset, reset: 'agent.retries' })).html).toContain('goes back to its default')
    await send({ ...reset, reset: 'agent.retries', action: 'save' })
    expect(await settingOf('agent.retries')).toBe(2)
    await change({}, ['server.allowedHosts'])
  })

  test('do not let a form change what the environment fixes, or what does not go together', async () => {
    const fixed = await send(await form({ 'server.port': '4000' }, { 'server.port': 0 }))
    expect(fixed.said).toContain('Nothing was changed')
    await change({ 'auth.mode': 'none' })
    const open = await send(await form({ 'server.host': '0.0.0.0' }, { 'server.host': '127.0.0.1' }))
    expect(open.status).toBe(400)
    expect(open.html).toContain('auth.mode &quot;none&quot; works on a loopback address only')
    expect(open.html).toContain('value="0.0.0.0"')
    await change({}, ['auth.mode'])
    expect((await send({ action: 'review', base: 'nonsense' })).status).toBe(400)
  })

  test('compare with what somebody else saved meanwhile, and let one choose', async () => {
    const mine = await form(
      { 'agent.retries': '7', 'log.level': 'info' },
      { 'agent.retries': 2, 'log.level': 'info', 'agent.maxSteps': 25 },
    )
    await change({ 'agent.retries': 4, 'agent.maxSteps': 30 })
    const reviewed = await send(mine)
    expect(reviewed.html).toContain('The settings were changed meanwhile')
    expect(reviewed.html).toContain('<code>agent.maxSteps</code> was 25 and is now 30')
    expect(reviewed.html).toContain('Mine: 7')
    expect(reviewed.html).toContain('Theirs, as it is now: 4')
    // Saved with what was reviewed before the other change: shown again instead.
    const stale = await send({ ...mine, action: 'save' })
    expect(stale.html).toContain('The settings were changed meanwhile')
    expect(await settingOf('agent.retries')).toBe(4)
    const { hash } = await config()
    const theirs = await send({ ...mine, hash, action: 'save', 'take.agent.retries': 'theirs' })
    expect(theirs.said).toBe('Nothing was changed.')
    await send({ ...mine, hash, action: 'save', 'take.agent.retries': 'mine' })
    expect([await settingOf('agent.retries'), await settingOf('agent.maxSteps')]).toEqual([7, 30])
    await change({}, ['agent.retries', 'agent.maxSteps'])
  })

  test('replace and remove a secret without ever showing it', async () => {
    const secret = { action: 'secret', key: 'search.tavilyKey' }
    expect((await send({ ...secret, value: '' })).html).toContain('Enter the new value of search.tavilyKey')
    const wrong = await send({ ...secret, value: 'has spaces in it' })
    expect(wrong.status).toBe(400)
    expect(wrong.html).not.toContain('has spaces in it')
    expect((await send({ ...secret, value: 'tavily-key' })).said).toContain('Changed search.tavilyKey.')
    expect(await settingOf('search.tavilyKey')).toBe('[set]')
    await send({ ...secret, remove: 'yes' })
    expect(await settingOf('search.tavilyKey')).toBe(null)
    expect((await send({ action: 'secret', key: 'log.level', value: 'debug' })).status).toBe(404)
  })

  test('keep or take back a trial without JavaScript', async () => {
    const base = { 'agent.retries': 2 }
    const trial = { ...(await form({ 'agent.retries': '6' }, base)), action: 'save', confirmWithinMs: '600000' }
    expect((await send(trial)).said).toContain('on trial')
    expect((await read('/settings')).html).toContain('On trial: keep this change?')
    const { hash } = await config()
    expect((await send({ action: 'take-back', hash })).said).toContain('The change was taken back.')
    expect(await settingOf('agent.retries')).toBe(2)
    expect((await send({ action: 'take-back', hash })).said).toContain('No change waits any more')
    await send({ ...trial, hash: (await config()).hash })
    expect((await send({ action: 'keep', hash: (await config()).hash })).said).toBe('The change is confirmed.')
    expect([await settingOf('agent.retries'), (await config()).waiting]).toEqual([6, null])
    expect((await send({ action: 'keep', hash: (await config()).hash })).said).toContain('nothing to keep')
    await change({}, ['agent.retries'])
  })

  test('find, check, review and try a change in the browser, with a countdown', slow, async () => {
    await goto('/settings')
    await page.getByRole('searchbox', { name: 'Search' }).fill('retries')
    await page.getByText('1 of ').waitFor()
    expect(new URL(page.url()).search).toBe('?q=retries')
    await page.locator('details[id="agent.retries"] > summary').click()
    await field('agent.retries').fill('11')
    await field('agent.retries').blur()
    await page.getByText('(got 11)').waitFor()
    expect(await field('agent.retries').getAttribute('aria-invalid')).toBe('true')
    await axe()
    await field('agent.retries').fill('3')
    await page.getByText('1 change', { exact: true }).waitFor()
    await page.getByRole('searchbox', { name: 'Search' }).fill('log.level')
    await page.getByText('2 of ').waitFor()
    await page.getByRole('button', { name: 'Review changes' }).click()
    await page.getByRole('heading', { name: 'Review changes' }).waitFor()
    await axe()
    await page.getByLabel('How to save').selectOption('Try it for 10 minutes')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('timer').waitFor()
    expect(await page.getByRole('timer').textContent()).toMatch(/^(10:00|[89]:\d\d)$/)
    expect(await settingOf('agent.retries')).toBe(3)
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.getByText('The change is confirmed.').waitFor()
    expect((await config()).waiting).toBe(null)
    await change({}, ['agent.retries'])
  })

  test('tell at once that a trial is over, or that somebody else changed the settings', async () => {
    const { hash } = await config()
    await dashboard.client.request('config.update', { hash, changes: { 'agent.retries': 1 }, confirmWithinMs: 600_000 })
    await goto('/settings')
    await page.getByRole('timer').waitFor()
    await dashboard.client.request('config.update', { hash: (await config()).hash, changes: {}, takeBack: true })
    await page.getByText('The change was taken back.').waitFor()
    expect(await page.getByRole('timer').count()).toBe(0)
    await page.getByRole('link', { name: 'Show them now' }).click()
    await page.locator('details[id="agent.retries"] .setting-value', { hasText: '2' }).waitFor()
    await page.locator('[data-connection="open"]').waitFor()
    await change({ 'agent.maxSteps': 31 })
    await page.getByText('The settings are no longer as shown here.').waitFor()
    await change({}, ['agent.retries', 'agent.maxSteps'])
  })

  test('open at the setting that the address names, on a small screen too', slow, async () => {
    const phone = await dashboard.signedIn('/settings?q=log#log.level', small)
    await phone.locator('details[id="log.level"][open]').waitFor()
    for (const path of ['/settings?q=log#log.level', '/settings/limits', '/settings/about']) {
      await phone.goto(path)
      expect(await phone.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
      expect(await axeProblems(phone)).toEqual([])
    }
    await phone.context().close()
  })

  test('show each limit with its rule, what is left, who is near it and what a refused client sees', slow, async () => {
    const { app } = dashboard.gateway
    await goto('/settings/limits')
    for (const { setting } of limitRules()) await page.locator('code', { hasText: setting }).first().waitFor()
    await page.getByText('Nobody has used more than half of a limit.').waitFor()
    // The buckets of this connection are known to it alone.
    await page.locator('#limit-frames meter').waitFor()
    const session = 'session 019c6f3a-6000-7abc-8def-0123456789ab'
    // Nearly all of it, so that it stays below its half for most of a minute.
    const take = () => app.limits.tryTake('toolExecutions', session).state
    for (let state = take(); state.remaining > state.limit / 20; ) state = take()
    await page.getByText(session).waitFor()
    await axe()
    await page.locator('#limit-messages summary').click()
    await page.getByText('over HTTP 429 with Retry-After').first().waitFor()
  })

  test('tell what this is, what the doctor found with its fix, and show the documentation', slow, async () => {
    await goto('/settings/about')
    await page.getByText(process.versions.node, { exact: true }).waitFor()
    await page.getByText('What to do:').first().waitFor()
    await page.getByRole('heading', { name: 'Licences' }).waitFor()
    await axe()
    await page.getByLabel('Ask the providers').uncheck()
    await page.getByRole('button', { name: 'Run again' }).click()
    await page.getByText(/checks are well\. Examined/).waitFor()
    await page.getByRole('link', { name: 'Limits', exact: true }).last().click()
    await page.getByRole('heading', { level: 1, name: 'Limits' }).waitFor()
    await page.getByText('What one limit refuses takes nothing from another').waitFor()
    expect((await read('/docs?name=../package')).status).toBe(404)
    expect((await read('/docs?name=protocol')).html).toContain('<h2')
  })

  test('complain of nothing', () => expect(dashboard.complaints.splice(0)).toEqual([]))
})
