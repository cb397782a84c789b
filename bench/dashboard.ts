import { setTimeout as after } from 'node:timers/promises'
import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import { type Client, connect } from '../src/client/index.ts'
import { launchBrowser } from '../test/support/browser.ts'
import { residentMiB, startTalon, token } from './support/servers.ts'
import type { Row } from './support/table.ts'

const paths = ['/', '/logs', '/sessions'] as const
const eventsPerSecond = 200
const burstPerSecond = 1_000
const burstMs = 5_000
// Until the rows of the log are as many as there ever are, and what runs often is compiled.
const warmUpMs = 15_000
const minuteMs = 60_000
const everyMs = 20
const megabyte = 1024 * 1024

interface Watched {
  path: string
  page: Page
  debug: CDPSession
  heapsMiB: number[]
}

/**
 * A day of a dashboard that is left open, in short: what its pages keep in memory while so many events come, after a full
 * collection of garbage each minute. Then whether the page of the log is still drawn while five times as many lines come.
 */
export async function dashboard({ minutes }: { minutes: number }): Promise<Row[]> {
  const talon = await startTalon({ TALON_LOG_LEVEL: 'debug' })
  const url = `http://127.0.0.1:${talon.port}`
  const browser = await launchBrowser()
  const client = connect({ url, token })
  try {
    const context = await signedIn(await browser.newContext(), url)
    const watched = await Promise.all(paths.map(path => watch(context, url, path)))
    const endTalk = await talk(client, eventsPerSecond)
    await after(warmUpMs)
    const residentBefore = residentMiB(talon.pid)
    for (const one of watched) await readHeap(one)
    for (let minute = 1; minute <= minutes; minute++) {
      await after(minuteMs)
      for (const one of watched) await readHeap(one)
      const heaps = watched.map(({ path, heapsMiB }) => `${path} ${heapsMiB.at(-1)?.toFixed(2)} MiB`)
      console.log(`minute ${minute}: ${heaps.join(', ')}; gateway ${Math.round(residentMiB(talon.pid))} MiB`)
    }
    endTalk()
    const residentAfter = residentMiB(talon.pid)
    const [, logs] = watched
    const shown = await logs?.page.locator('.log-bar').textContent()
    return [
      ...watched.map(heapRow),
      {
        what: `gateway, resident, ${eventsPerSecond} events/s for ${minutes} min`,
        figure: `${Math.round(residentBefore)} MiB at the start, ${Math.round(residentAfter)} MiB at the end`,
        ratio: `${(residentAfter / residentBefore).toFixed(2)} × start`,
      },
      { what: 'what /logs says of its lines', figure: /\d[\d,]* lines[^E]*/.exec(shown ?? '')?.[0] ?? 'nothing' },
      ...(logs ? await burst(logs.page, client) : []),
    ]
  } finally {
    client.close()
    await browser.close()
    await talon.stop()
  }
}

async function signedIn(context: BrowserContext, url: string): Promise<BrowserContext> {
  const answer = await context.request.post(`${url}/login`, { form: { token }, headers: { origin: url } })
  if (!answer.ok()) throw new Error(`The sign-in was answered with ${answer.status()}.`)
  return context
}

async function watch(context: BrowserContext, url: string, path: string): Promise<Watched> {
  const page = await context.newPage()
  await page.goto(`${url}${path}`)
  await page.locator('[data-connection="open"]').waitFor()
  return { path, page, debug: await context.newCDPSession(page), heapsMiB: [] }
}

/** What is reachable: a heap that was not collected tells how long ago that was. */
async function readHeap({ debug, heapsMiB }: Watched): Promise<void> {
  await debug.send('HeapProfiler.collectGarbage')
  const { usedSize } = await debug.send('Runtime.getHeapUsage')
  heapsMiB.push(usedSize / megabyte)
}

function heapRow({ path, heapsMiB }: Watched): Row {
  const [start = Number.NaN] = heapsMiB
  const end = heapsMiB.at(-1) ?? Number.NaN
  return {
    what: `${path}: heap at the start and after each minute`,
    figure: `${heapsMiB.map(heap => heap.toFixed(2)).join(', ')} MiB`,
    ratio: `${(end / start).toFixed(2)} × start`,
  }
}

/** Makes a line of the log for each of so many events a second, and changes a session with each hundredth. */
async function talk(client: Client, perSecond: number): Promise<() => void> {
  const { sessionId } = await client.request('session.create', { senderId: 'bench', channel: 'bench' })
  const startedAt = performance.now()
  let made = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) * perSecond) / 1_000
    for (; made < due; made++) {
      const request =
        made % 100 === 0
          ? client.request('session.update', { sessionId, title: `After ${made} events` })
          : client.request('ping', {})
      // One that is cut off at the end is none that matters.
      request.catch(() => undefined)
    }
  }, everyMs)
  return () => clearInterval(timer)
}

/** How long the page goes without being drawn while lines pour in. */
async function burst(page: Page, client: Client): Promise<Row[]> {
  await page.bringToFront()
  const frames = page.evaluate(`new Promise(resolve => {
    const gaps = []
    let last = performance.now()
    const until = last + ${burstMs}
    const frame = now => {
      gaps.push(now - last)
      last = now
      if (now < until) requestAnimationFrame(frame)
      else resolve(gaps.sort((a, b) => a - b))
    }
    requestAnimationFrame(frame)
  })`)
  const endTalk = await talk(client, burstPerSecond)
  const gaps = (await frames) as number[] // Of the script above.
  endTalk()
  const rows = await page.locator('.line').count()
  const at = (share: number) => `${Math.round(gaps[Math.floor(share * (gaps.length - 1))] ?? 0)} ms`
  return [
    {
      what: `/logs at ${burstPerSecond.toLocaleString('en')} lines/s: from one frame to the next`,
      figure: `p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}; ${rows} rows in the page`,
    },
  ]
}
