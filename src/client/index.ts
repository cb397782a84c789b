import { GatewayClient } from './client.ts'
import { type ConnectOptions, settingsOf } from './settings.ts'
import type { Client } from './types.ts'

export type { Message, RunState, Session, SessionItem, ToolCall, ToolInfo, Usage } from '../protocol/shapes.ts'
export { TalonClientError } from './error.ts'
export { maxOpenRequests } from './requests.ts'
export { maxBufferedChars, maxBufferedEvents } from './session-iterator.ts'
export type { ConnectOptions } from './settings.ts'
export type {
  AnyEventFrame,
  AskType,
  Client,
  ClientState,
  EventFrame,
  RequestOptions,
  SessionEvent,
  SessionPosition,
  SubscribeOptions,
  Welcome,
} from './types.ts'

/** Connects to a gateway, and stays connected until `close()`. Throws `TypeError` if `url` is no address. */
export function connect(options: ConnectOptions): Client {
  return new GatewayClient(settingsOf(options))
}
