import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { patience, whyNoBrowser } from '../../../support/browser.ts'
import { surfing } from './surfing.ts'

const form = `<title>Form</title><h1>Sign in</h1>
<form action="/done"><input name="user" placeholder="Your name"><button id="go">Go on</button></form>
<a href="/other">Another page</a><a href="/window" target="_blank">New window</a>
<button onclick="document.title='Clicked'; this.innerText='Thanks'">Press me</button>`

// Chromium is Debian's package "chromium".
describe.skipIf(whyNoBrowser())('the browser', { timeout: 120_000 }, () => {
  test('opens a page with its scripts, and names what can be clicked or typed into', async () => {
    await using web = await surfing({
      '/': `${form}<p id=made></p><p id=log></p><script>document.getElementById('made').textContent = 'Made by ' + 'a script.'
        document.getElementById('log').textContent = 'Its console is ' + (/native code/.test(console.log) ? 'heard.' : 'silent.')</script>`,
    })
    const { success, output, error } = await web.open('/')
    expect({ success, error }).toEqual({ success: true, error: undefined })
    expect(output).toContain('# Form')
    expect(output).toContain(`URL: ${web.site.url}/ (status 200)`)
    expect(output).toContain('Made by a script.')
    // All that a page writes there would come through the gateway.
    expect(output).toContain('Its console is silent.')
    expect(output).toContain('- input text "Your name": input[name="user"]')
    expect(output).toContain('- button "Go on": #go')
    expect(output).toContain('- a "Another page": a[href="/other"]')
  })

  test('types, submits and clicks', async () => {
    await using web = await surfing({
      '/': form,
      '/done': (request, response) => response.end(`Hello from ${request.url}`),
      '/other': '<title>Other</title>',
    })
    await web.open('/')
    const pressed = await web.run('browser_click', { selector: 'text=Press me' })
    expect(pressed.output).toContain('# Clicked')
    expect(pressed.output).toContain('Thanks')
    const typed = await web.run('browser_type', { selector: 'input[name="user"]', text: 'Zoë', submit: true })
    expect(typed.output).toContain('Hello from /done?user=Zo%C3%AB')
    await web.open('/')
    expect((await web.run('browser_click', { selector: 'a[href="/other"]' })).output).toContain('# Other')
  })

  test('reads all of a page, or one element of it, with its links', async () => {
    await using web = await surfing({ '/': `${form}<main>${'word '.repeat(2_000)}<b>the end</b></main>` })
    expect((await web.open('/')).output).toContain('more characters; browser_extract returns more')
    const all = await web.run('browser_extract')
    expect(all.output).toContain('the end')
    expect(all.output).toContain(`- "Another page": ${web.site.url}/other`)
    expect((await web.run('browser_extract', { selector: 'b' })).output).toBe('the end')
  })

  test('takes a picture, which is kept as an attachment of the session', async () => {
    await using web = await surfing({ '/': `${form}<div style="height: 3000px; background: teal"></div>` })
    const session = await web.session('pictures')
    await web.open('/', session)
    const { output, attachments = [] } = await web.run('browser_screenshot', { fullPage: true }, session)
    const [kept] = attachments
    expect(kept).toMatchObject({ mime: 'image/png', name: expect.stringMatching(/^127\.0\.0\.1-\d+ .*Z\.png$/) })
    expect(output).toContain(`attachment:${kept?.id}`)
    const [row] = await web.bench.store.listAttachments(session)
    expect(row).toMatchObject({ id: kept?.id, bytes: kept?.bytes })
    const small = await web.run('browser_screenshot', {}, session)
    expect(small.success).toBe(true)
  })

  test('a selector that means nothing, several or no selector is explained, with what comes near', async () => {
    await using web = await surfing({ '/': `${form}<p>one</p><p>two</p>` })
    await web.open('/')
    const missing = await web.run('browser_click', { selector: '#going' })
    expect(missing).toMatchObject({ success: false, code: 'NOT_FOUND' })
    expect(missing.error).toContain('What comes near:\n- button "Go on": #go')
    const several = await web.run('browser_click', { selector: 'p' })
    expect(several.error).toContain('2 elements match "p". Say which, as in "p >> nth=0".')
    const broken = await web.run('browser_click', { selector: 'p[[' })
    expect(broken).toMatchObject({ success: false, code: 'INVALID_MESSAGE' })
    expect(broken.error).toContain('The selector cannot be read')
  })

  test('without a page there is nothing to click, and the error says what to do', async () => {
    await using web = await surfing({
      '/': form,
      '/file': (_request, response) => response.setHeader('content-disposition', 'attachment').end('A file.'),
    })
    const none = { success: false, code: 'NOT_FOUND', error: 'There is no page open. Open one with browser_navigate.' }
    expect(await web.run('browser_click', { selector: 'p' })).toMatchObject(none)
    // What was refused before a browser was even started left nothing, and neither did what is no page.
    expect(await web.run('browser_navigate', { url: 'no address' })).toMatchObject({ code: 'INVALID_MESSAGE' })
    expect(await web.run('browser_extract')).toMatchObject(none)
    expect(await web.open('/file')).toMatchObject({ success: false })
    expect(await web.run('browser_screenshot')).toMatchObject(none)
  })

  test('sessions share neither pages nor cookies, and a page ends with its session', async () => {
    await using web = await surfing({
      '/': (request, response) => {
        response.setHeader('set-cookie', 'who=first; Max-Age=1000')
        response.end(`Cookie: ${request.headers.cookie ?? 'none'}`)
      },
    })
    const [first, second] = [await web.session('first'), await web.session('second')]
    expect((await web.open('/', first)).output).toContain('Cookie: none')
    expect((await web.open('/', first)).output).toContain('Cookie: who=first')
    expect((await web.open('/', second)).output).toContain('Cookie: none')
    web.bench.browser.follow([{ type: 'session.deleted', sessionId: first }])
    expect(web.bench.browser.hostOf(`session ${first}`)).toBeUndefined()
    expect(web.bench.browser.hostOf(`session ${second}`)).toBe(`127.0.0.1:${web.site.port}`)
  })

  test('no more sessions than the setting says have a page: the one that was idle for longest loses it', async () => {
    await using web = await surfing({ '/': form }, { 'browser.maxSessions': 1 })
    const [first, second] = [await web.session('first'), await web.session('second')]
    await web.open('/', first)
    expect((await web.open('/', second)).success).toBe(true)
    expect((await web.run('browser_extract', {}, first)).code).toBe('NOT_FOUND')
    // Those who come at once are no way around it.
    const many = await Promise.all(['a', 'b', 'c', 'd'].map(id => web.session(id)))
    const results = await Promise.all(many.map(id => web.open('/', id)))
    for (const { success, code } of results) expect(success ? 'served' : code).toMatch(/^(served|OVERLOADED)$/)
    const hosts = many.map(id => web.bench.browser.hostOf(`session ${id}`)).filter(host => host !== undefined)
    expect(hosts).toHaveLength(1)
  })

  test('a page may speak over a WebSocket with a host that is listed', async () => {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => void sockets.close())
    await once(sockets, 'listening')
    sockets.on('connection', socket => socket.on('message', data => socket.send(`${data} yourself`)))
    const address = sockets.address()
    const place = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
    const script = `const socket = new WebSocket('ws://${place}')
      socket.onopen = () => socket.send('hello')
      socket.onmessage = event => { document.getElementById('said').textContent = event.data }`
    await using web = await surfing(
      { '/': `<p id=said></p><script>${script}</script>` },
      { 'network.allowHosts': [place] },
    )
    await web.open('/')
    const said = async () => (await web.run('browser_extract', { selector: '#said' })).output
    await expect.poll(said, patience).toBe('hello yourself')
  })

  test('a dry run says what would be done, and opens nothing', async () => {
    await using web = await surfing({ '/': form })
    const args = { url: `${web.site.url}/` }
    const { output } = await web.bench.run('browser_navigate', args, { dryRun: true })
    expect(output).toContain('Allowed by: network.allowHosts')
    expect(web.site.asked).toEqual([])
  })
})

describe('where there is no browser', () => {
  test('the tools say why they are not available, and what to do', async () => {
    await using web = await surfing({}, { 'browser.executable': '/nowhere/chromium' })
    const tools = web.bench.tools.list().filter(({ group }) => group === 'browser')
    const reason = 'The setting browser.executable names /nowhere/chromium, which is no program that can be started.'
    expect(tools.map(({ name, available }) => [name, available])).toEqual(
      ['click', 'extract', 'navigate', 'screenshot', 'type'].map(verb => [`browser_${verb}`, false]),
    )
    for (const tool of tools) expect(tool.reason).toBe(reason)
    expect(await web.open('/')).toMatchObject({ success: false, code: 'FORBIDDEN', error: reason })
  })

  test.skipIf(whyNoBrowser() || process.getuid?.() !== 0)('as root without a sandbox none runs', async () => {
    await using web = await surfing({}, { 'sandbox.level': 'off' })
    const { success, error } = await web.open('/')
    expect({ success, error }).toEqual({ success: false, error: expect.stringContaining('the gateway runs as root') })
    // The fix is that of what is missing, which need not be bubblewrap.
    expect(error).toContain('The setting sandbox.level is "off".')
    expect(error).not.toContain('install bubblewrap')
  })
})
