import { ownerOf } from '../processes.ts'
import type { Asking, ToolContext } from '../tool.ts'
import { isOfWeb, noPage } from './address.ts'
import { explained } from './explained.ts'
import type { Tab } from './tab.ts'
import { refuseUnlessAt } from './visit.ts'

/** Time for one tool of the browser, its start included. */
export const browserTimeoutMs = 90_000
/** Characters of a page that come with each answer. */
export const excerptChars = 4_000

/** What a tool for the open page is decided about: its host and port. */
export function openHost(asking: Asking): string {
  return asking.app.browser.hostOf(ownerOf(asking)) ?? 'no page'
}

export function whyNoBrowser(app: Asking['app']): string | undefined {
  return app.browser.whyNot()
}

/** Works with the page that is open, where it was when that was allowed. @throws TalonError */
export async function onPage<T>(context: ToolContext, act: (tab: Tab) => Promise<T>): Promise<T> {
  const { browser, signal, subject } = context
  try {
    return await browser.use(ownerOf(context), { open: false, signal }, async tab => {
      // What could not be opened left nothing to work with.
      if (!isOfWeb(tab.page.url())) throw noPage()
      refuseUnlessAt(tab.page.url(), subject)
      tab.begin()
      return await act(tab)
    })
  } catch (error) {
    signal.throwIfAborted()
    throw explained(error)
  }
}

/** Works with the page of this session, which is opened if there is none. @throws TalonError */
export async function onAnyPage<T>(context: ToolContext, act: (tab: Tab) => Promise<T>): Promise<T> {
  const { browser, signal } = context
  try {
    return await browser.use(ownerOf(context), { open: true, signal }, act)
  } catch (error) {
    signal.throwIfAborted()
    throw explained(error)
  }
}

/** For a dry run: what would be done on which page. */
export async function onWhich(context: ToolContext, what: string): Promise<string> {
  const host = context.browser.hostOf(ownerOf(context))
  if (host === undefined) throw noPage()
  return `Would ${what} on the page that is open, at ${host}.`
}
