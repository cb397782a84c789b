import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Change } from '../../../db/store.ts'
import { TalonError } from '../../../protocol/errors.ts'
import { subjectOf } from '../network/foresee.ts'
import { type Owner, ownerOf } from '../processes.ts'
import { isOfWeb, noPage } from './address.ts'
import { type ChromiumParts, createChromium } from './chromium.ts'
import { openTab, type Tab } from './tab.ts'
import { PageHangs } from './within.ts'

/** A browser for tools: started at its first use, with one page for each session, ended when no session has one. */
export interface Browser {
  /** Why there is none on this machine, with the fix; undefined if there is. */
  whyNot(): string | undefined
  /** Host and port of the page that is open; undefined if none is. */
  hostOf(owner: Owner): string | undefined
  /**
   * Lets somebody work with the page of an owner, one after another. Where `open` is set it is opened if there is none.
   * @throws TalonError `NOT_FOUND` without a page, `OVERLOADED`, `TOOL_FAILED` if the page ends meanwhile; the reason of
   * `signal`, and then the page is closed
   */
  use<T>(owner: Owner, options: { open: boolean; signal: AbortSignal }, work: (tab: Tab) => Promise<T>): Promise<T>
  /** Ends the pages of sessions that were reset or deleted. */
  follow(changes: readonly Change[]): void
  /** Ends everything. */
  close(): Promise<void>
}

export type BrowserParts = ChromiumParts

interface Seat {
  /** Resolves once a page is there. */
  tab: Promise<Tab>
  /** The page itself, once it is there. */
  opened: Tab | undefined
  working: number
  usedAt: number
  idle: NodeJS.Timeout | undefined
}

const minuteMs = 60_000

export function createBrowser(parts: BrowserParts): Browser {
  const { config, clock } = parts
  rmSync(join(parts.home, 'run', 'browser'), { recursive: true, force: true }) // What a crash left there.
  // Bounded by browser.maxSessions.
  const seats = new Map<Owner, Seat>()
  // Who works with a page, one behind another; bounded by the slots of tools.
  const turns = new Map<Owner, Promise<unknown>>()
  let closed = false
  const chromium = createChromium(parts, () => {
    for (const owner of [...seats.keys()]) void leave(owner, 'The browser has ended. Open the page again.')
  })
  const leave = async (owner: Owner, reason: string) => {
    const seat = seats.get(owner)
    if (!seat) return
    seats.delete(owner)
    clearTimeout(seat.idle)
    await seat.tab.then(
      tab => tab.end(reason),
      () => {},
    )
    if (seats.size === 0) await chromium.end()
  }
  const rest = (owner: Owner, seat: Seat) => {
    const minutes = config['browser.idleMinutes']
    const reason = `Nothing was done with the page for ${minutes} minutes, and it was closed.`
    seat.idle = setTimeout(() => void leave(owner, reason), minutes * minuteMs).unref()
  }
  const idleForLongest = (): Owner => {
    const [longest] = [...seats].filter(([, seat]) => seat.working === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt)
    if (longest) return longest[0]
    const used = `${seats.size} sessions use the browser (browser.maxSessions). Try again later.`
    throw new TalonError('OVERLOADED', used)
  }
  /** A new seat, at which somebody works already. */
  const sit = async (owner: Owner): Promise<Seat> => {
    // Nothing is waited for between the last look and the place that is taken: others come at the same moment.
    while (seats.size >= config['browser.maxSessions']) {
      await leave(idleForLongest(), 'Another session needed the browser, and this page was idle for longest.')
    }
    if (closed) throw new TalonError('DRAINING', 'Talon is stopping.')
    const tab = chromium.get().then(launched => openTab(launched, parts.clock))
    const seat: Seat = { tab, opened: undefined, working: 1, usedAt: clock.monotonic(), idle: undefined }
    seats.set(owner, seat)
    tab.then(
      opened => {
        seat.opened = opened
        // A page that ended by itself frees its place.
        opened.gone.catch(() => void (seats.get(owner) === seat && leave(owner, noPage().message)))
      },
      () => seats.get(owner) === seat && seats.delete(owner),
    )
    return seat
  }
  const work = async <T>(
    owner: Owner,
    { open, signal }: { open: boolean; signal: AbortSignal },
    act: (tab: Tab) => Promise<T>,
  ): Promise<T> => {
    signal.throwIfAborted()
    const known = seats.get(owner)
    if (known) known.working += 1
    const seat = known ?? (open ? await sit(owner) : undefined)
    if (!seat) throw noPage()
    clearTimeout(seat.idle)
    const stopped = abortOf(signal)
    try {
      const tab = await Promise.race([seat.tab, stopped.promise])
      return await Promise.race([act(tab), tab.gone, stopped.promise])
    } catch (error) {
      // What it was doing cannot be taken back, and would go on.
      if (signal.aborted || error instanceof PageHangs)
        void leave(owner, 'The page was closed, because what was done with it was stopped.')
      throw error
    } finally {
      stopped.forget()
      seat.working -= 1
      seat.usedAt = clock.monotonic()
      if (seat.working === 0 && seats.get(owner) === seat) rest(owner, seat)
    }
  }
  return {
    whyNot: chromium.whyNot,
    hostOf(owner) {
      const url = seats.get(owner)?.opened?.page.url()
      return url !== undefined && isOfWeb(url) ? subjectOf(url) : undefined
    },
    async use(owner, options, act) {
      const before = turns.get(owner) ?? Promise.resolve()
      const mine = before.then(() => work(owner, options, act))
      const settled = mine.then(
        () => {},
        () => {},
      )
      turns.set(owner, settled)
      void settled.then(() => turns.get(owner) === settled && turns.delete(owner))
      return await mine
    },
    follow(changes) {
      for (const change of changes) {
        if (change.type !== 'session.deleted' && change.type !== 'session.reset') continue
        const owner = ownerOf({ sessionId: change.sessionId, tokenId: null })
        void leave(owner, 'Its session was reset or deleted.')
      }
    },
    async close() {
      closed = true
      await Promise.all([...seats.keys()].map(owner => leave(owner, 'Talon is stopping.')))
      await chromium.end()
    },
  }
}

/** A promise that rejects with the reason of the signal. */
function abortOf(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {})
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) }
}
