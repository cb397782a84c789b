import type { ElementHandle } from 'playwright-core'
import { TalonError } from '../../../protocol/errors.ts'
import { type Handle, readHandles } from './reading.ts'
import type { Tab } from './tab.ts'
import { refuseUnlessAt, shownHandle } from './visit.ts'
import { within } from './within.ts'

/** A page may still be making what is asked for. */
const appearTimeoutMs = 3_000
const lookTimeoutMs = 10_000
const maxNear = 6

export type PageElement = ElementHandle<HTMLElement | SVGElement>

/**
 * The one element that a selector means. It is of the page that was approved: where that moves on, it is gone.
 * @throws TalonError `NOT_FOUND` with what comes near, `INVALID_MESSAGE` for several, `CONFLICT` if the page is elsewhere
 */
export async function findElement(tab: Tab, selector: string, subject: string | undefined): Promise<PageElement> {
  const all = tab.page.locator(selector)
  const count = await countOf(tab, selector)
  if (count === 0) throw await notFound(tab, selector)
  const visible = all.filter({ visible: true })
  const shown = count > 1 ? await within(lookTimeoutMs, visible.count()) : 1
  if (shown !== 1) throw several(selector, count)
  const found = await within(lookTimeoutMs, (count > 1 ? visible : all).elementHandle({ timeout: lookTimeoutMs }))
  // An element of a frame belongs to whoever the frame is of.
  const frame = await within(lookTimeoutMs, found.ownerFrame())
  refuseUnlessAt(frame?.url() ?? '', subject)
  // The locator gives any node; those that it finds are elements.
  return found as PageElement
}

async function countOf(tab: Tab, selector: string): Promise<number> {
  const locator = tab.page.locator(selector)
  try {
    const count = await within(lookTimeoutMs, locator.count())
    if (count > 0) return count
    await locator.first().waitFor({ state: 'attached', timeout: appearTimeoutMs })
    return await within(lookTimeoutMs, locator.count())
  } catch (error) {
    if (error instanceof TalonError) throw error
    const message = error instanceof Error ? error.message : String(error)
    const syntax = /(Unexpected token|Unknown engine|not a valid selector|while parsing)[^\n]*/.exec(message)
    if (!syntax) return 0
    const advice = 'Use CSS such as "#login" or "button[name=go]", or words of the element as in "text=Sign in".'
    throw new TalonError('INVALID_MESSAGE', `The selector cannot be read: ${syntax[0].slice(0, 200)}. ${advice}`)
  }
}

async function notFound(tab: Tab, selector: string): Promise<TalonError> {
  const near = nearTo(selector, await readHandles(tab.page))
  const shown = JSON.stringify(selector.slice(0, 200))
  const hint = near.length > 0 ? ` What comes near:\n${near.map(shownHandle).join('\n')}` : ''
  return new TalonError('NOT_FOUND', `Nothing on the page matches ${shown}.${hint}`)
}

function several(selector: string, count: number): TalonError {
  const shown = JSON.stringify(selector.slice(0, 200))
  const example = JSON.stringify(`${selector.slice(0, 100)} >> nth=0`)
  return new TalonError('INVALID_MESSAGE', `${count} elements match ${shown}. Say which, as in ${example}.`)
}

/** Those that share the most words with the selector, or the first ones if none does. */
function nearTo(selector: string, handles: readonly Handle[]): Handle[] {
  const wanted = wordsOf(selector)
  const score = (handle: Handle) => {
    const own = wordsOf(`${handle.selector} ${handle.label} ${handle.kind}`)
    return wanted.filter(word => own.some(other => other.includes(word) || word.includes(other))).length
  }
  return handles
    .map(handle => ({ handle, points: score(handle) }))
    .sort((a, b) => b.points - a.points)
    .slice(0, maxNear)
    .map(({ handle }) => handle)
}

function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(word => word.length > 1)
}
