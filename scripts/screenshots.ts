import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { type Client, connect } from '../src/client/index.ts'
import { launchBrowser } from '../test/support/browser.ts'

// Pictures of every page of a gateway that was used a little, for the README and the docs: node scripts/screenshots.ts

const root = join(import.meta.dirname, '..')
const folder = join(root, 'docs', 'screenshots')
const token = 'screenshots-screenshots-screenshots'
const wide = { width: 1280, height: 800 }
const narrow = { width: 360, height: 740 }

interface Shot {
  name: string
  path: string
  scheme?: 'dark'
  viewport?: { width: number; height: number }
  /** What is there when the page is as it shall be shown. */
  ready?: string
}

const home = mkdtempSync(join(tmpdir(), 'talon-screenshots-'))
const port = await freePort()
const gateway = spawn(process.execPath, [join(root, 'bin', 'talon.mjs'), 'start'], {
  env: { ...process.env, TALON_HOME: home, TALON_PORT: String(port), TALON_TOKEN: token },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const link = await signInLink(gateway)
  const client = connect({ url: `http://127.0.0.1:${port}`, token })
  const sessionId = await use(client)
  const browser = await launchBrowser()
  await take(browser, link, shotsOf(sessionId))
  await browser.close()
  client.close()
} finally {
  gateway.kill('SIGTERM')
  await once(gateway, 'exit')
  rmSync(home, { recursive: true, force: true })
}

function shotsOf(sessionId: string): Shot[] {
  const session = `/sessions/${sessionId}`
  const writable = '[placeholder="Write a message"]'
  return [
    { name: 'dashboard', path: '/', ready: '.uplot' },
    { name: 'dashboard-dark', path: '/', scheme: 'dark', ready: '.uplot' },
    { name: 'sessions', path: '/sessions' },
    { name: 'conversation', path: session, ready: writable },
    { name: 'conversation-phone', path: session, viewport: narrow, scheme: 'dark', ready: writable },
    { name: 'trace', path: `${session}/trace` },
    { name: 'schedules', path: '/schedules' },
    { name: 'tools', path: '/tools' },
    { name: 'tool', path: '/tools/file_write' },
    { name: 'approvals', path: '/tools/approvals' },
    { name: 'logs', path: '/logs' },
    { name: 'settings', path: '/settings' },
    { name: 'settings-budgets', path: '/settings/budgets' },
    { name: 'settings-about', path: '/settings/about' },
  ]
}

async function take(browser: Browser, link: string, shots: Shot[]): Promise<void> {
  const context = await browser.newContext({ viewport: wide })
  const page = await context.newPage()
  await page.goto(link)
  await page.waitForURL(url => url.pathname === '/')
  for (const { name, path, scheme = 'light', viewport = wide, ready } of shots) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await page.setViewportSize(viewport)
    await page.goto(new URL(path, link).href)
    await page.locator('[data-connection="open"]').waitFor({ state: 'attached' })
    if (ready) await page.locator(ready).first().waitFor()
    await page.screenshot({ path: join(folder, `${name}.png`) })
  }
}

/** What a person may have done on a first day. */
async function use(client: Client): Promise<string> {
  const titles = ['Plan the garden', 'Weekly report', 'Why is the build slow?', 'Notes on kingfishers']
  const ids: string[] = []
  for (const title of titles) {
    const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'webchat', title })
    ids.push(sessionId)
    await say(client, sessionId, `Let us talk about this: ${title.toLowerCase()}`)
  }
  const last = ids.at(-1) ?? ''
  await say(
    client,
    last,
    '/tool file_write {"path": "birds/kingfisher.md", "content": "# Kingfisher\\n\\nSeen at the river, twice.\\n"}',
  )
  await say(client, last, '/tool calculate {"expression": "7 days * 3 / day"}')
  await say(client, last, 'Thank you. What do we know now?')
  await schedule(client)
  return last
}

async function schedule(client: Client): Promise<void> {
  const timezone = 'Europe/Berlin'
  const daily = { text: 'Summarize what is new in birds/.', cron: '0 8 * * 1-5', timezone, name: 'News of the birds' }
  await client.request('schedule.add', { text: 'Is the backup there?', cron: '0 20 * * *', timezone })
  const { schedule } = await client.request('schedule.add', daily)
  await client.request('schedule.run', { scheduleId: schedule.id })
}

async function say(client: Client, sessionId: string, text: string): Promise<void> {
  const finished = new Set<string>()
  const changed = Promise.withResolvers<void>()
  let runId: string | undefined
  const stop = client.subscribe(sessionId, { after: 0 }, event => {
    if (event.type !== 'run.finished') return
    finished.add(event.payload.runId)
    if (event.payload.runId === runId) changed.resolve()
  })
  runId = (await client.request('session.send_message', { sessionId, text })).runId
  if (!finished.has(runId)) await changed.promise
  stop()
}

function signInLink(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  child.stdout?.on('data', chunk => {
    text += String(chunk)
    const link = /http:\S+\/login#code=\S+/.exec(text)?.[0]
    if (link) resolve(link)
  })
  child.once('exit', () => reject(new Error(`The gateway ended: ${text}`)))
  return promise
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('The port has no number.')
  return address.port
}
