import type { ComponentChild } from 'preact'
import type { ErrorPayload } from '../../protocol/errors.ts'
import type { RequestType } from '../../protocol/messages.ts'
import type { Scope } from '../../protocol/shapes.ts'
import type { Answer } from '../dispatch.ts'
import type { Actor, App, Identity } from '../record.ts'

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
  /**
   * What the page's forms do without JavaScript: `<form method="post">` to the page's own address, with the action's name in
   * the field `action`.
   */
  actions?: Readonly<Record<string, Action>>
}

/** What one form does. */
export interface Action {
  scope: Scope
  /** @throws TalonError which the page shows above the form, with what was entered in `context.sent` */
  run(app: App, context: ActionContext): Promise<ActionOutcome>
}

export interface ActionContext extends PageContext {
  form: URLSearchParams
  /** Who acts, for the audit trail. */
  actor: Actor
}

/** Leads to a page, by default the same, which says what was done once; or shows at once what may be shown only once. */
export type ActionOutcome = { to?: string; said?: string } | { shown: unknown }

/** A form that was sent: when it failed with what was entered, or with what it made. */
export interface Sent {
  action: string
  form: URLSearchParams
  problem?: ErrorPayload
  shown?: unknown
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
  /** Asks what a frame of this type would ask, as whoever looks at the page. @throws TalonError */
  ask<T extends RequestType>(type: T, payload: unknown): Promise<Answer<T>>
  /** False once this browser put the first steps away. */
  wantsWelcome: boolean
  /** The form that led here and was not answered with another page. */
  sent: Sent | undefined
}

/** A page whose data type is closed over, so that pages of all types fit in one list. */
export interface PageEntry extends Pick<Page<unknown>, 'path' | 'scope' | 'navigation' | 'actions'> {
  open(app: App, context: PageContext): Promise<{ title: string; body: ComponentChild }>
}

/** Declares a page. */
export function definePage<Data>(page: Page<Data>): PageEntry {
  const { path, scope, navigation, actions } = page
  return {
    path,
    scope,
    ...(navigation && { navigation }),
    ...(actions && { actions }),
    async open(app, context) {
      const data = await page.load(app, context)
      return { title: page.title(data), body: page.view(data) }
    },
  }
}
