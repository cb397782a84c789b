import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Config } from '../../../../src/server/settings.ts'
import { patience, whyNoBrowser } from '../../../support/browser.ts'
import { whyNoSandbox } from '../../../support/sandbox.ts'
import { openTcpServer, openWebServer } from '../../../support/web-server.ts'
import { walled } from '../sandbox/walled.ts'
import { surfing } from './surfing.ts'

const noSandbox = await whyNoSandbox()

/** What a page tries in order to reach a place behind the gateway, which is SECRET. An opaque answer is that of the proxy. */
const reaching: Record<string, string> = {
  fetch: `fetch('http://SECRET/').then(r => r.text()).then(found, lost)`,
  'fetch without CORS': `fetch('http://SECRET/', { mode: 'no-cors' }).then(r => (r.type === 'opaque' ? lost() : found()), lost)`,
  'another spelling': `fetch('http://2130706433:' + 'SECRET'.split(':')[1]).then(found, lost)`,
  localhost: `fetch('http://localhost:' + 'SECRET'.split(':')[1]).then(found, lost)`,
  metadata: `fetch('http://169.254.169.254/latest/meta-data/').then(r => r.text()).then(found, lost)`,
  https: `fetch('https://SECRET/').then(found, lost)`,
  XMLHttpRequest: `const x = new XMLHttpRequest(); x.open('GET', 'http://SECRET/'); x.onload = found; x.onerror = lost; x.send()`,
  WebSocket: `const s = new WebSocket('ws://SECRET/'); s.onopen = found; s.onerror = lost`,
  'secure WebSocket': `const s = new WebSocket('wss://SECRET/'); s.onopen = found; s.onerror = lost`,
  EventSource: `const e = new EventSource('http://SECRET/'); e.onopen = found; e.onerror = lost`,
  image: `const i = new Image(); i.onload = found; i.onerror = lost; i.src = 'http://SECRET/i.png'`,
  script: `const s = document.createElement('script'); s.onload = found; s.onerror = lost; s.src = 'http://SECRET/s.js'; document.head.append(s)`,
  frame: `const f = document.createElement('iframe'); f.src = 'http://SECRET/'; f.onload = lost; document.body.append(f)`,
  beacon: `navigator.sendBeacon('http://SECRET/', 'x'); setTimeout(lost, 300)`,
  preconnect: `document.head.innerHTML += '<link rel=preconnect href=http://SECRET><link rel=dns-prefetch href=http://SECRET>'; setTimeout(lost, 300)`,
  prefetch: `document.head.innerHTML += '<link rel=prefetch href=http://SECRET/p>'; setTimeout(lost, 300)`,
  worker: `const w = new Worker(URL.createObjectURL(new Blob(["fetch('http://SECRET/').then(() => postMessage(1), () => postMessage(0))"]))); w.onmessage = e => e.data ? found() : lost()`,
}

const tail = `<p id=result>waiting</p><script>
const found = () => { document.getElementById('result').textContent = 'FOUND' }
const lost = () => { document.getElementById('result').textContent = 'LOST' }
try { ATTEMPT } catch (error) { lost() }</script>`

// As it runs here, and without any wall of the sandbox: then the proxy and its flags alone have to hold.
const walls: [name: string, config: Partial<Config>, skip: string | undefined][] = [
  ['behind the wall of the sandbox', {}, noSandbox],
  ['without the sandbox', { 'sandbox.level': 'off', 'browser.allowUnsandboxed': true }, undefined],
]

// Chromium is Debian's package "chromium".
describe.skipIf(whyNoBrowser())('a page that attacks', { timeout: 240_000 }, () => {
  for (const [name, config, skip] of walls) {
    test.skipIf(skip)(`reaches nothing behind the gateway ${name}`, async () => {
      await using secret = await openWebServer((_request, response) => {
        response.setHeader('access-control-allow-origin', '*')
        response.end('secret')
      })
      const place = `127.0.0.1:${secret.port}`
      const pages = Object.entries(reaching).map(([kind, attempt]) => [
        `/${encodeURIComponent(kind)}`,
        `<body>${tail.replace('ATTEMPT', () => attempt.replaceAll('SECRET', place))}`,
      ])
      await using web = await surfing(Object.fromEntries(pages), config)
      const results: Record<string, string | undefined> = {}
      for (const kind of Object.keys(reaching)) {
        const opened = await web.open(`/${encodeURIComponent(kind)}`)
        expect([kind, opened.success, opened.error]).toEqual([kind, true, undefined])
        let text = ''
        for (let look = 0; look < 50 && !/LOST|FOUND/.test(text); look++) {
          text = (await web.run('browser_extract', { selector: '#result' })).output
        }
        results[kind] = text
      }
      console.log(`browser attacks ${name}: ${Object.keys(results).length} tried`)
      expect(results).toEqual(Object.fromEntries(Object.keys(reaching).map(kind => [kind, 'LOST'])))
      expect(secret.connections()).toBe(0)
    })

    test.skipIf(skip)(`sends no datagram past the proxy ${name}`, async () => {
      const socket = createSocket('udp4')
      let datagrams = 0
      socket.on('message', () => {
        datagrams += 1
      })
      socket.bind(0, '127.0.0.1')
      await once(socket, 'listening')
      const { port } = socket.address()
      const script = `const pc = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:${port}' }] })
        const shown = []
        pc.onicecandidate = e => { if (e.candidate) shown.push(e.candidate.candidate); else done() }
        const done = () => { document.getElementById('result').textContent = 'done ' + shown.length }
        pc.createDataChannel('x'); pc.createOffer().then(o => pc.setLocalDescription(o)); setTimeout(done, 3000)`
      await using web = await surfing({ '/': tail.replace('ATTEMPT', () => script) }, config)
      await web.open('/')
      let text = ''
      for (let look = 0; look < 200 && !text.startsWith('done'); look++) {
        text = (await web.run('browser_extract', { selector: '#result' })).output
      }
      socket.close()
      expect({ text, datagrams }).toEqual({ text: expect.stringMatching(/^done/), datagrams: 0 })
    })
  }

  test('is not followed to a refused place, by whatever redirect', async () => {
    await using secret = await openWebServer((_request, response) => response.end('secret'))
    const place = `http://127.0.0.1:${secret.port}/`
    const to = (location: string) => (_request: unknown, response: import('node:http').ServerResponse) =>
      response.writeHead(302, { location }).end()
    await using web = await surfing({
      '/loopback': to(place),
      '/metadata': to('http://169.254.169.254/latest/meta-data/'),
      '/secure': to('https://169.254.169.254/'),
      '/file': to('file:///etc/passwd'),
      '/chrome': to('chrome://settings'),
      '/meta': `<meta http-equiv=refresh content="0; url=${place}">`,
      '/script': `<script>location = '${place}'</script>`,
      '/local': `<script>location = 'file:///etc/passwd'</script><p>still here`,
    })
    for (const path of ['/loopback', '/metadata', '/secure', '/file', '/chrome', '/meta', '/script', '/local']) {
      const outcome = await web.open(path)
      const after = await web.run('browser_extract')
      const said = `${outcome.output}${outcome.error}${after.output}`
      expect([path, /secret|root:x/.test(said)]).toEqual([path, false])
      if (/loopback|metadata|secure/.test(path)) {
        expect([path, outcome.success, outcome.code]).toEqual([path, false, 'FORBIDDEN'])
      }
    }
    expect(secret.connections()).toBe(0)
  })

  test('only http and https are opened, and nothing private', async () => {
    await using web = await surfing({ '/': 'fine' })
    const urls = ['file:///etc/passwd', 'chrome://crash', 'chrome://version', 'view-source:http://a.test/', 'data:,x']
    const more = [
      'javascript:alert(1)',
      'about:blank',
      'http://127.0.0.1:1/',
      'http://169.254.169.254/',
      'ftp://a.test/',
    ]
    for (const url of [...urls, ...more, 'http://user:password@a.test/']) {
      const { success, code } = await web.run('browser_navigate', { url })
      expect([url, success, code]).toEqual([url, false, 'FORBIDDEN'])
    }
    expect((await web.open('/')).success).toBe(true)
  })

  test('stores no download, and says that there was one', async () => {
    await using web = await surfing({
      '/': '<a href="/file" id="load">Load</a>',
      '/file': (_request, response) => {
        response.writeHead(200, { 'content-disposition': 'attachment; filename="evil.sh"' }).end('echo')
      },
    })
    const direct = await web.open('/file')
    expect(direct).toMatchObject({ success: false, code: 'INVALID_MESSAGE' })
    expect(direct.error).toContain('a file to download')
    await web.open('/')
    const clicked = await web.run('browser_click', { selector: '#load' })
    const later = await web.run('browser_extract')
    expect(`${clicked.output}${later.output}`).toContain('which was refused: "evil.sh"')
    expect(readdirSync(web.bench.home, { recursive: true }).filter(name => String(name).includes('evil'))).toEqual([])
  })

  test('gets nowhere with dialogs, windows, loops or a page without end', async () => {
    await using web = await surfing({
      '/good': '<p>good',
      '/alerts': '<p>text</p><script>setTimeout(() => { for (;;) alert("again") }, 0)</script>',
      '/asks': '<p>text</p><script>onload = () => { confirm("Really?"); prompt("Name?") }</script>',
      '/windows': '<p>text</p><script>for (let i = 0; i < 100; i++) window.open("/good?" + i)</script>',
      '/click': '<button onclick="for (let i = 0; i < 100; i++) window.open(`/good`)">Go</button>',
      '/busy': '<p>text</p><script>onload = () => setTimeout(() => { for (;;); }, 0)</script>',
      '/endless': (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).write('<title>Endless</title>')
        const timer = setInterval(() => response.write('<p>more and more</p>'), 20)
        response.on('close', () => clearInterval(timer))
      },
    })
    const asks = await web.open('/asks')
    expect(asks.output).toContain('dialog (confirm), which was dismissed: "Really?"')
    const alerts = await web.open('/alerts')
    expect(`${alerts.error}${alerts.output}`).toMatch(/dialog/)
    expect((await web.open('/good')).output).toContain('good')
    expect((await web.open('/windows')).output).toContain('text')
    await web.open('/click')
    expect((await web.run('browser_click', { selector: 'button' })).output).toMatch(/another window, which was closed/)
    const busy = await web.open('/busy')
    if (!busy.success) expect(busy.code).toMatch(/TIMEOUT|TOOL_FAILED/)
    expect((await web.open('/good')).output).toContain('good')
    const endless = await web.open('/endless')
    expect(endless).toMatchObject({ success: true, output: expect.stringContaining('still loading') })
    expect((await web.open('/good')).output).toContain('good')
  })

  test.skipIf(noSandbox)('that eats memory ends, and the next page opens', async () => {
    await using web = await surfing(
      {
        '/good': '<p>good',
        '/': `<p>eats</p><script>onload = () => setTimeout(() => { const all = []; for (;;) all.push(new Uint8Array(16e6).fill(1)) }, 0)</script>`,
      },
      { 'browser.memoryMegabytes': 768 },
    )
    const sessions = [await web.session('first'), await web.session('second'), await web.session('third')]
    for (const session of sessions) await web.open('/', session)
    // Each renderer stops at the half, and all of them together at the whole.
    await expect.poll(() => usedBytes(web.bench.home), patience).toBeLessThan(800e6)
    for (const session of sessions) await web.run('browser_extract', {}, session)
    expect(usedBytes(web.bench.home)).toBeLessThan(800e6)
    expect((await web.open('/good')).output).toContain('good')
  })

  test('that ends the browser is told of, and there is a new one the next time', async () => {
    await using web = await surfing({ '/': '<p>good' })
    await web.open('/')
    const looking = web.run('browser_type', { selector: '#none', text: 'x' })
    const killed = killBrowser(web.bench.home)
    const outcome = await looking
    expect(killed).toBeGreaterThan(0)
    expect(outcome).toMatchObject({ success: false })
    expect((await web.open('/')).output).toContain('good')
  })

  test('a page that moved to another host while a click waited to be allowed is not clicked', async () => {
    await using other = await openWebServer((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end('<button onclick="document.title=`pressed`">Go</button>')
    })
    const host = `127.0.0.1:${other.port}`
    await using web = await surfing(
      { '/': '<button onclick="document.title=`pressed`">Go</button>' },
      { 'network.allowHosts': [host] },
      { person: 'nobody', profileOf: (token: string | null) => (token === 'careful' ? 'ask' : 'full') },
    )
    const sessionId = await web.session('moving')
    await web.open('/', sessionId)
    const asked = Promise.withResolvers<Record<string, unknown>>()
    web.bench.bus.onBroadcast(({ type, payload }) => type === 'approval.requested' && asked.resolve(payload))
    const click = web.bench.run('browser_click', { selector: 'button' }, { tokenId: 'careful', sessionId })
    const { approvalId, subject } = await asked.promise
    expect(subject).toBe(`127.0.0.1:${web.site.port}`)
    await web.run('browser_navigate', { url: `${other.url}/` }, sessionId)
    const by = { tokenId: 'person', channel: 'ws', address: undefined, userAgent: undefined } as const
    await web.bench.approvals.resolve({ approvalId: String(approvalId), decision: 'allow', by })
    expect(await click).toMatchObject({ success: false, code: 'CONFLICT' })
    expect((await web.run('browser_extract', {}, sessionId)).output).not.toContain('pressed')
  })

  test.skipIf(noSandbox)('what breaks out of the browser sees neither the data folder nor a network', async () => {
    await using bench = await walled()
    const folder = mkdtempSync(join(tmpdir(), 'talon-enclosed-'))
    const limits = { memoryBytes: 512 * 1_048_576, cpuSeconds: 60, fileBytes: 1_048_576, processes: 64 }
    const script = `ls ${bench.home}/run; grep -c : /proc/net/dev; touch /x /usr/x ${folder}/x; id -u; grep CapEff /proc/self/status`
    const plan = await bench.sandbox.enclose({
      starter: [],
      argv: ['/bin/sh', '-c', `(${script}) 2>&1`],
      readable: [folder],
      limits,
      filtered: true,
    })
    const [program = '', ...args] = plan?.argv ?? []
    const said = execFileSync(program, args, { env: plan?.env, encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    const lines = said.trim().split('\n')
    expect(lines[0]).toMatch(/No such file/)
    expect(lines[1]).toBe('1')
    expect(lines.slice(2, 5).every(line => /Read-only file system|Permission denied/.test(line))).toBe(true)
    expect(lines.slice(5)).toEqual(['1000', 'CapEff:\t0000000000000000'])
  })

  test('a server that speaks no HTTP is named', async () => {
    await using rude = await openTcpServer(socket => socket.end('nonsense\r\n\r\n'))
    await using web = await surfing({}, { 'network.allowHosts': [`127.0.0.1:${rude.port}`] })
    const { output, error } = await web.run('browser_navigate', { url: rude.url })
    expect(`${output}${error}`).toMatch(/status 502|could not be/)
  })
})

/** Kills what was started for this data folder; how many processes. */
function killBrowser(home: string): number {
  const pids = startedFor(home)
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  return pids.length
}

/** Memory of all that was started for this data folder, and of what that started. */
function usedBytes(home: string): number {
  const members = new Set(startedFor(home))
  const parents = numbers().map(pid => [pid, Number(/^PPid:\s*(\d+)/m.exec(statusOf(pid))?.[1])] as const)
  for (let before = 0; before < members.size; ) {
    before = members.size
    for (const [pid, parent] of parents) if (members.has(parent)) members.add(pid)
  }
  const kibibytes = [...members].map(pid => Number(/^RssAnon:\s*(\d+)/m.exec(statusOf(pid))?.[1] ?? 0))
  return kibibytes.reduce((sum, each) => sum + each, 0) * 1_024
}

function startedFor(home: string): number[] {
  return numbers().filter(pid => textOf(`/proc/${pid}/cmdline`).includes(join(home, 'run', 'browser')))
}

function numbers(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

function statusOf(pid: number): string {
  return textOf(`/proc/${pid}/status`)
}

/** Of a process that may have ended meanwhile. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
