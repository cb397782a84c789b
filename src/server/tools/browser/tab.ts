import type { Browser, BrowserContext, Dialog, Page } from 'playwright-core'
import { TalonError } from '../../../protocol/errors.ts'
import type { Clock } from '../../record.ts'
import { subjectOf } from '../network/foresee.ts'
import { isOfWeb } from './address.ts'
import type { Launched } from './launch.ts'

/** The one page that a session has open, in a context that shares nothing with any other. */
export interface Tab {
  page: Page
  /** Never resolves; rejects when the page is gone, with the reason. */
  gone: Promise<never>
  /** What happened since it was asked last, in sentences. */
  notes(): string[]
  /** Begins something: what was refused before does not count any more. */
  begin(): void
  /** Why a host with its port may not be reached, if the guard has refused it since then. */
  refusalOf(place: string): TalonError | undefined
  /** Hosts with their ports that the page asked for since then and that were refused, the newest last. */
  refusedPlaces(): string[]
  /** Closes it; whoever works with it hears the reason. */
  end(reason: string): Promise<void>
}

export const viewport = { width: 1_280, height: 800 }

/** A page that asks so often does nothing else. */
const maxDialogs = 20
const maxNotes = 8
const maxPlaces = 500
const maxShown = 200
const closeTimeoutMs = 5_000
const openTimeoutMs = 15_000

/** @throws what the browser throws if it cannot open one */
export async function openTab({ browser, refusalOf }: Launched, clock: Pick<Clock, 'monotonic'>): Promise<Tab> {
  const context = await contextOf(browser)
  try {
    const page = await context.newPage()
    return watched(context, page, { refusalOf, clock })
  } catch (error) {
    await context.close().catch(() => {})
    throw error
  }
}

async function contextOf(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport,
    acceptDownloads: false,
    serviceWorkers: 'block',
    permissions: [],
    locale: 'en-US',
    timezoneId: 'UTC',
  })
  context.setDefaultTimeout(openTimeoutMs)
  // What a page writes there would all come through the gateway, and nobody reads it.
  await context.addInitScript(silenceConsole)
  return context
}

/** Runs in the page. */
function silenceConsole(): void {
  for (const name of Object.keys(console)) Object.assign(console, { [name]: () => undefined })
}

interface Guarded {
  refusalOf: Launched['refusalOf']
  clock: Pick<Clock, 'monotonic'>
}

function watched(context: BrowserContext, page: Page, { refusalOf, clock }: Guarded): Tab {
  let since = clock.monotonic()
  // Whom the page asked, until something new begins.
  const places = new Set<string>()
  page.on('request', request => {
    const place = placeIn(request.url())
    if (place !== undefined && places.size < maxPlaces) places.add(place)
  })
  page.on('websocket', socket => {
    const place = placeIn(socket.url().replace(/^ws/, 'http'))
    if (place !== undefined && places.size < maxPlaces) places.add(place)
  })
  const gone = Promise.withResolvers<never>()
  gone.promise.catch(() => {})
  let notes: string[] = []
  let left = 0
  const note = (text: string) => {
    if (notes.length < maxNotes) notes.push(text)
    else left += 1
  }
  const end = async (reason: string) => {
    gone.reject(new TalonError('TOOL_FAILED', reason))
    const timer = new Promise<void>(resolve => setTimeout(resolve, closeTimeoutMs).unref())
    await Promise.race([context.close().catch(() => {}), timer])
  }
  let dialogs = 0
  page.on('dialog', (dialog: Dialog) => {
    dialogs += 1
    note(`The page showed a dialog (${dialog.type()}), which was dismissed: ${JSON.stringify(cut(dialog.message()))}`)
    void dialog.dismiss().catch(() => {})
    if (dialogs > maxDialogs) void end(`The page showed dialog after dialog (${dialogs}) and was closed.`)
  })
  page.on('download', download => {
    note(`The page offered a file to download, which was refused: ${JSON.stringify(cut(download.suggestedFilename()))}`)
  })
  context.on('page', popup => {
    if (popup === page) return
    note(`The page opened another window, which was closed: ${cut(popup.url())}. Open its address if you want it.`)
    void popup.close().catch(() => {})
  })
  page.on('crash', () => {
    void end('The page crashed; it may have used too much memory. Open a page with browser_navigate.')
  })
  page.on('close', () => gone.reject(new TalonError('TOOL_FAILED', 'The page closed itself.')))
  context.on('close', () => gone.reject(new TalonError('TOOL_FAILED', 'The browser has ended.')))
  return {
    page,
    gone: gone.promise,
    begin() {
      since = clock.monotonic()
      places.clear()
    },
    refusalOf: place => refusalOf(place, since),
    refusedPlaces: () => [...places].filter(place => refusalOf(place, since) !== undefined),
    end,
    notes() {
      const told = left > 0 ? [...notes, `And ${left} more of this kind.`] : notes
      notes = []
      left = 0
      dialogs = 0
      return told
    },
  }
}

function placeIn(url: string): string | undefined {
  return isOfWeb(url) ? subjectOf(url) : undefined // What is no address of the web asks nobody.
}

function cut(text: string): string {
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}
