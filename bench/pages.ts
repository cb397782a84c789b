import type { Browser, BrowserContextOptions } from 'playwright-core'
import { type Client, connect } from '../src/client/index.ts'
import { places } from '../src/islands/shell/places.ts'
import { launchBrowser } from '../test/support/browser.ts'
import { percentile } from './support/measure.ts'
import { startTalon, token } from './support/servers.ts'
import type { Row } from './support/table.ts'

const loads = 7
const widths = [1280, 360] as const
const sessions = 30
// What a page may take on this machine itself, and what nobody notices of its movements.
const maxPaintMs = 1_000
const maxShift = 0.02
// Late movements count as well: charts, and what the connection brings.
const settleMs = 300

interface Load {
  /** From the request to the largest element that is painted. */
  paintMs: number
  shift: number
}

/** How soon each page of a gateway that was used a little shows its largest element, and how much moves meanwhile. */
export async function pages(): Promise<Row[]> {
  const talon = await startTalon()
  const url = `http://127.0.0.1:${talon.port}`
  const browser = await launchBrowser()
  const client = connect({ url, token })
  try {
    const sessionId = await use(client)
    const storageState = await signedIn(browser, url)
    const session = `/sessions/${sessionId}`
    const paths = [...places.map(({ path }) => path), session, `${session}/trace`, '/tools/file_write']
    const rows: Row[] = []
    const all: Load[] = []
    for (const path of paths) {
      for (const width of widths) {
        const measured = await loadOften(browser, `${url}${path}`, {
          storageState,
          viewport: { width, height: 800 },
        })
        all.push(...measured)
        rows.push(rowOf(`${path.replace(sessionId, ':id')} at ${width} px`, measured))
      }
    }
    return [...rows, rowOf(`all ${paths.length} pages, ${all.length} loads`, all)]
  } finally {
    client.close()
    await browser.close()
    await talon.stop()
  }
}

/** Conversations, and a run of a tool in the last of them. */
async function use(client: Client): Promise<string> {
  let last = ''
  for (let at = 0; at < sessions; at++) {
    const title = `Session ${at}`
    last = (await client.request('session.create', { senderId: 'bench', channel: 'bench', title })).sessionId
  }
  const finished = Promise.withResolvers<void>()
  client.subscribe(last, { after: 0 }, event => {
    if (event.type === 'run.finished') finished.resolve()
  })
  await client.request('session.send_message', {
    sessionId: last,
    text: '/tool file_write {"path": "note.md", "content": "# A note\\n\\nOf two lines.\\n"}',
  })
  await finished.promise
  return last
}

async function signedIn(browser: Browser, url: string): Promise<NonNullable<BrowserContextOptions['storageState']>> {
  const context = await browser.newContext()
  const answer = await context.request.post(`${url}/login`, { form: { token }, headers: { origin: url } })
  if (!answer.ok()) throw new Error(`The sign-in was answered with ${answer.status()}.`)
  const state = await context.storageState()
  await context.close()
  return state
}

/** In a browser profile of its own: the first load is that of a first visit, with nothing cached, and counts like the others. */
async function loadOften(browser: Browser, address: string, options: BrowserContextOptions): Promise<Load[]> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  await page.addInitScript(observe)
  const measured: Load[] = []
  for (let count = 0; count < loads; count++) {
    await page.goto(address)
    await page.locator('[data-connection="open"]').waitFor({ state: 'attached' })
    await page.waitForTimeout(settleMs)
    measured.push((await page.evaluate('measured()')) as Load) // Of the script below.
  }
  await context.close()
  return measured
}

// Runs in the page before anything else of it.
const observe = `{
  const seen = { paintMs: 0, shift: 0 }
  const observe = (type, take) => {
    const observer = new PerformanceObserver(list => list.getEntries().forEach(take))
    observer.observe({ type, buffered: true })
    return () => observer.takeRecords().forEach(take)
  }
  const paints = observe('largest-contentful-paint', entry => { seen.paintMs = entry.startTime })
  const shifts = observe('layout-shift', entry => { if (!entry.hadRecentInput) seen.shift += entry.value })
  window.measured = () => {
    paints()
    shifts()
    return seen
  }
}`

function rowOf(what: string, measured: readonly Load[]): Row {
  const paints = measured.map(({ paintMs }) => paintMs).toSorted((a, b) => a - b)
  const worst = paints.at(-1) ?? Number.NaN
  const shift = Math.max(...measured.map(load => load.shift))
  return {
    what,
    figure: `largest paint p50 ${Math.round(percentile(paints, 0.5))} ms, worst ${Math.round(worst)} ms; shift ${shift.toFixed(4)}`,
    ratio: `${(worst / maxPaintMs).toFixed(2)} × ${maxPaintMs / 1_000} s, ${(shift / maxShift).toFixed(2)} × ${maxShift}`,
  }
}
