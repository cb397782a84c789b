import type * as z from 'zod'
import { events } from './events.ts'
import { requests } from './requests.ts'

export { events, requests }

export type RequestType = keyof typeof requests
export type EventType = keyof typeof events

/** What a client may write into a request (defaults not yet filled in). */
export type RequestPayload<T extends RequestType> = z.input<(typeof requests)[T]['payload']>
/** What a handler gets (validated, defaults filled in). */
export type ParsedPayload<T extends RequestType> = z.output<(typeof requests)[T]['payload']>
export type ReplyType<T extends RequestType> = (typeof requests)[T]['reply']
export type ReplyPayload<T extends RequestType> = z.output<(typeof requests)[T]['result']>
export type EventPayload<T extends EventType> = z.output<(typeof events)[T]['payload']>

/** Whether this is the name of a request; `hasOwn`, because a client chooses the name. */
export function isRequestType(type: string): type is RequestType {
  return Object.hasOwn(requests, type)
}
