import type { Page } from 'playwright-core'
import { TalonError } from '../../../protocol/errors.ts'
import { subjectOf } from '../network/foresee.ts'
import type { Network } from '../network/network.ts'
import { isOfWeb } from './address.ts'
import { explained, isTimeout } from './explained.ts'
import { type Handle, maxElements, readHandles, readText } from './reading.ts'
import type { Tab } from './tab.ts'

const loadTimeoutMs = 25_000
/** For pictures, styles and what scripts do at first; a page that takes longer is read as it is. */
const settleTimeoutMs = 5_000
/** Refused places that are named. */
const maxPlaces = 5

/** A URL as a browser is told to open it. @throws TalonError that says why it may not be opened */
export async function allowedUrl(
  url: string,
  { network, signal }: { network: Network; signal: AbortSignal },
): Promise<string> {
  // The proxy would refuse it as well, in words that only a browser hears.
  const { url: target } = await network.resolve(url, { signal })
  return `${target}${new URL(url).hash}`
}

/** Opens a URL. What a page says about itself comes from `describe`. @throws TalonError that says why not */
export async function visit(tab: Tab, url: string): Promise<{ status: number | undefined; loading: boolean }> {
  tab.begin()
  let response: Awaited<ReturnType<Page['goto']>> = null
  let loading = false
  try {
    response = await tab.page.goto(url, { waitUntil: 'domcontentloaded', timeout: loadTimeoutMs })
  } catch (error) {
    // What never ends can be read as far as it came.
    if (!isTimeout(error) || tab.page.url() === 'about:blank') throw refusalIn(tab) ?? explained(error)
    loading = true
  }
  await settle(tab)
  const refusal = refusalAt(tab)
  if (refusal) throw refusal
  return { status: response?.status(), loading }
}

/** Waits for what follows from something that was done, for a moment. @throws TalonError if the page left the web */
export async function settle(tab: Tab): Promise<void> {
  await tab.page.waitForLoadState('load', { timeout: settleTimeoutMs }).catch(() => {})
  await refuseOther(tab)
}

/** Nothing but the web is looked at, wherever a page leads. */
async function refuseOther(tab: Tab): Promise<void> {
  const url = tab.page.url()
  if (url === 'about:blank' || url.startsWith('chrome-error:') || isOfWeb(url)) return
  const scheme = url.slice(0, url.indexOf(':') + 1)
  await tab.end(`The page led to an address that begins with "${scheme}", and was closed.`)
  throw new TalonError('FORBIDDEN', `The page led to an address that begins with "${scheme}", and was closed.`)
}

/** What was approved is one host; a page that moved elsewhere meanwhile is not it. @throws TalonError `CONFLICT` */
export function refuseUnlessAt(url: string, subject: string | undefined): void {
  const now = subjectOf(url)
  if (now === subject) return
  const advice = 'Look where it is with browser_extract.'
  throw new TalonError('CONFLICT', `The page is at ${now} and not at ${subject ?? 'no host'} any more. ${advice}`)
}

/** Title, address, text and what can be clicked, for a model. */
export async function describe(
  tab: Tab,
  { maxChars, status, loading = false }: { maxChars: number; status?: number | undefined; loading?: boolean },
): Promise<string> {
  const { page } = tab
  const { title, text, totalChars } = await readText(page, maxChars)
  const handles = await readHandles(page)
  const notes = [...tab.notes(), ...refusals(tab)]
  if (loading) notes.unshift('The page is still loading; this is what there is so far.')
  const head = [
    title === '' ? undefined : `# ${title}`,
    `URL: ${page.url().slice(0, 2_000)}${status === undefined ? '' : ` (status ${status})`}`,
    ...notes.map(note => `Note: ${note}`),
  ]
  const left = totalChars - text.length
  const more = left > 0 ? `\n[… ${left} more characters; browser_extract returns more …]` : ''
  const shown = text === '' ? '[There is no text.]' : text
  return `${head.filter(line => line !== undefined).join('\n')}\n\n${shown}${more}\n\n${shownHandles(handles)}`
}

function shownHandles(handles: readonly Handle[]): string {
  if (handles.length === 0) return 'Nothing on it can be clicked or typed into.'
  const most = handles.length === maxElements ? `, the first ${maxElements}` : ''
  return `What can be clicked or typed into${most}:\n${handles.map(shownHandle).join('\n')}`
}

export function shownHandle({ selector, kind, label }: Handle): string {
  return `- ${kind} ${JSON.stringify(label)}: ${selector}`
}

/** Hosts that the page asked for and may not reach. */
function refusals(tab: Tab): string[] {
  const places = tab.refusedPlaces()
  if (places.length === 0) return []
  const more = places.length > maxPlaces ? ` and ${places.length - maxPlaces} more` : ''
  const shown = places.slice(0, maxPlaces).join(', ')
  return [`The page asked for places that tools may not reach: ${shown}${more}.`]
}

/** Why the page that is shown now is none: what the guard said of its host. */
function refusalAt(tab: Tab): TalonError | undefined {
  const url = tab.page.url()
  return isOfWeb(url) ? tab.refusalOf(subjectOf(url)) : refusalIn(tab)
}

/** After a failure: the last place that was refused, which a redirect may have led to. */
function refusalIn(tab: Tab): TalonError | undefined {
  const place = tab.refusedPlaces().at(-1)
  return place === undefined ? undefined : tab.refusalOf(place)
}
