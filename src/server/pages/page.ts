import type { ComponentChild } from 'preact'
import type { Scope } from '../../protocol/shapes.ts'
import type { App, Identity } from '../record.ts'

/** One page of the dashboard. Its file `<name>.page.tsx` in this folder is all it takes: the folder is the registry. */
export interface Page<Data> {
  /** A route pattern such as `/sessions/:id`. */
  path: string
  scope: Scope
  /** Set for pages that the navigation links to; lower `order` first. */
  navigation?: { label: string; order: number }
  title(data: Data): string
  /** Reads what the page shows. @throws TalonError which becomes an error page with its status */
  load(app: App, context: PageContext): Promise<Data>
  view(data: Data): ComponentChild
}

/** What a page may know of the request. */
export interface PageContext {
  identity: Identity
  /** Unix ms; the one "now" of everything on the page. */
  now: number
  /** A part of the path, decoded; empty if the pattern has none of this name. */
  param(name: string): string
  /** A query parameter, undefined if it is absent or empty. */
  query(name: string): string | undefined
}

/** A page whose data type is closed over, so that pages of all types fit in one list. */
export interface PageEntry extends Pick<Page<unknown>, 'path' | 'scope' | 'navigation'> {
  open(app: App, context: PageContext): Promise<{ title: string; body: ComponentChild }>
}

/** Declares a page. */
export function definePage<Data>(page: Page<Data>): PageEntry {
  const { path, scope, navigation } = page
  return {
    path,
    scope,
    ...(navigation && { navigation }),
    async open(app, context) {
      const data = await page.load(app, context)
      return { title: page.title(data), body: page.view(data) }
    },
  }
}
