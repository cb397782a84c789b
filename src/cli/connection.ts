import { type Client, type ClientState, connect } from '../client/index.ts'
import { reach } from './api.ts'
import { CommandError, type Context } from './context.ts'
import { findGateway, type Gateway } from './gateway.ts'

/** A connection that is signed in, and the gateway at its other end. */
export interface Opened {
  client: Client
  gateway: Gateway
}

/**
 * Connects to the gateway of this data folder (or of `TALON_URL`) and waits until it has let us in.
 * @throws CommandError which says why it did not
 */
export async function openConnection(context: Context): Promise<Opened> {
  const gateway = findGateway(context)
  const { url } = gateway
  // The next start of a gateway on this data folder may have another port, and has another token.
  const client = connect({
    url: () => findGateway(context).url,
    token: () => findGateway(context).token,
    client: { name: 'talon-cli', version: context.version },
  })
  const state = await firstResult(client)
  if (state.status === 'open') return { client, gateway }
  client.close()
  if (state.status === 'closed') throw new CommandError(withHint(state.message, state.reason, gateway))
  // A WebSocket does not tell why it failed; a plain request does.
  const { status } = await reach(context, gateway, '/livez')
  throw new CommandError(`${url} answers, but not over WebSocket (status ${status} of /livez). Is a proxy in between?`)
}

function firstResult(client: Client): Promise<Exclude<ClientState, { status: 'connecting' }>> {
  const result = Promise.withResolvers<Exclude<ClientState, { status: 'connecting' }>>()
  const stop = client.onState(hear)
  hear(client.state)
  return result.promise.finally(stop)

  function hear(state: ClientState): void {
    if (state.status !== 'connecting') result.resolve(state)
  }
}

function withHint(message: string, reason: string, gateway: Gateway): string {
  if (reason !== 'auth' || gateway.token !== undefined) return message
  return `${message} Set TALON_TOKEN to a token of that gateway.`
}
