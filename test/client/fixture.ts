import { onTestFinished } from 'vitest'
import {
  type Client,
  type ClientState,
  type ConnectOptions,
  connect,
  type SessionEvent,
} from '../../src/client/index.ts'
import { type ScriptedConnection, type ScriptedGateway, scriptedGateway } from '../support/scripted-gateway.ts'

/** A scripted gateway that ends with the test. */
export async function gatewayForTest(): Promise<ScriptedGateway> {
  const gateway = await scriptedGateway()
  onTestFinished(() => gateway.close())
  return gateway
}

/** A client that ends with the test and tries again without delay, unless told otherwise. */
export function clientForTest(url: string, options: Partial<ConnectOptions> = {}): Client {
  const client = connect({ url, token: 'tln_test_secret', random: () => 0, ...options })
  onTestFinished(() => client.close())
  return client
}

/** A gateway and a client that is connected to it. */
export async function connected(
  options: Partial<ConnectOptions> = {},
): Promise<{ gateway: ScriptedGateway; client: Client; connection: ScriptedConnection }> {
  const gateway = await gatewayForTest()
  const client = clientForTest(gateway.url, options)
  const connection = await gateway.connection()
  await connection.welcome()
  await stateOf(client, 'open')
  return { gateway, client, connection }
}

/** The state, once it has this status. */
export function stateOf<S extends ClientState['status']>(
  client: Client,
  status: S,
  matches: (state: Extract<ClientState, { status: S }>) => boolean = () => true,
): Promise<Extract<ClientState, { status: S }>> {
  return new Promise(resolve => {
    const check = (state: ClientState) => {
      // The comparison makes it this member of the union, which the compiler does not see through a type parameter.
      if (state.status === status && matches(state as Extract<ClientState, { status: S }>)) {
        stop()
        resolve(state as Extract<ClientState, { status: S }>)
      }
    }
    const stop = client.onState(check)
    check(client.state)
  })
}

/** The payload of `session.resumed`. */
export function resumed(sessionId: string, changes: object = {}) {
  return { sessionId, epoch: 1, seq: 0, reset: false, replayed: 0, run: null, ...changes }
}

/** Takes events from an iterator until there are this many. */
export async function take(events: AsyncIterableIterator<SessionEvent>, count: number): Promise<SessionEvent[]> {
  const taken: SessionEvent[] = []
  while (taken.length < count) {
    const { done, value } = await events.next()
    if (done) throw new Error(`The session ended after ${taken.length} events.`)
    taken.push(value)
  }
  return taken
}

/** An event in short: its place in the log, or its type. */
export function brief(event: SessionEvent): string {
  if ('seq' in event) return `${event.epoch}.${event.seq}`
  return event.type === 'reset' ? `reset ${event.epoch}` : event.type
}
