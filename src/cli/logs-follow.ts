import { setTimeout } from 'node:timers/promises'
import type { Client, ClientState } from '../client/index.ts'
import type { EventPayload, RequestPayload } from '../protocol/messages.ts'
import { type Opened, openConnection } from './connection.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { findGateway } from './gateway.ts'

export type Entry = EventPayload<'logs.entry'>
export type Filter = Pick<RequestPayload<'logs.subscribe'>, 'level' | 'text'>

export interface FollowOptions {
  filter: Filter
  /** The number after which it begins, and the start of the gateway that it is of. */
  from: { after: number; bootId: string }
  show: (entry: Entry) => void
}

const lookEveryMs = 500
// A start opens its port moments before it has written the token of the command line; more failed tries than these
// would lock out everybody at this address.
const maxTries = 5

/** Shows lines until Ctrl-C, also over restarts of the gateway. */
export async function followLogs(context: Context, options: FollowOptions): Promise<number> {
  const ended = new AbortController()
  const deafen = context.onStopSignal(() => ended.abort())
  const reader = createReader(context, options)
  try {
    let opened: Opened | undefined = await openConnection(context)
    while (opened) {
      const { client } = opened
      try {
        await read(context, opened, reader, ended.signal)
      } finally {
        client.close()
      }
      opened = await openAnew(context, ended.signal)
    }
    return exitCodes.ok
  } finally {
    ended.abort()
    deafen()
  }
}

/** Resolves when it was ended, or when another start of the gateway has the data folder. @throws CommandError */
async function read(context: Context, { client, gateway }: Opened, reader: Reader, ended: AbortSignal): Promise<void> {
  const failure = Promise.withResolvers<never>()
  const deafen = reader.listen(client)
  const hear = (state: ClientState) => {
    // To another start, which may have another port, this connection never comes back.
    if (state.status === 'closed' && !gateway.run) failure.reject(new CommandError(state.message))
    if (state.status !== 'open' || state.reason !== undefined) return
    reader.subscribe(client).catch(error => {
      // Without a connection it is tried again with the next.
      if (client.state.status === 'open') failure.reject(error)
    })
  }
  const stop = client.onState(hear)
  hear(client.state)
  try {
    await Promise.race([failure.promise, replaced(context, { client, gateway }, ended)])
  } finally {
    stop()
    deafen()
  }
}

/**
 * Resolves when the connection is lost and a later start of the gateway has the data folder: its port and the token of its
 * command line are others. The gateway of `TALON_URL` keeps both, so the client finds it again.
 * @throws CommandError if the same start does not let it in any more
 */
async function replaced(context: Context, { client, gateway }: Opened, ended: AbortSignal): Promise<void> {
  let told = false
  while (await waited(lookEveryMs, ended)) {
    const { state } = client
    if (!gateway.run || state.status === 'open') continue
    const bootId = bootIdOf(context)
    if (bootId === gateway.run.bootId && state.status === 'closed') throw new CommandError(state.message)
    if (bootId !== undefined && bootId !== gateway.run.bootId) return
    if (bootId === undefined && !told) context.stderr.write('… the gateway is gone; lines go on when it is back …\n')
    told ||= bootId === undefined
  }
}

/** Undefined if it was ended. */
async function openAnew(context: Context, ended: AbortSignal): Promise<Opened | undefined> {
  let tries = 0
  do {
    if (ended.aborted) return undefined
    try {
      return await openConnection(context)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      if (error.exitCode !== exitCodes.notRunning && ++tries >= maxTries) throw error
    }
  } while (await waited(lookEveryMs, ended))
  return undefined
}

/** Of the gateway that runs on the data folder now. */
function bootIdOf(context: Context): string | undefined {
  try {
    return findGateway(context).run?.bootId
  } catch (error) {
    if (error instanceof CommandError) return undefined
    throw error
  }
}

/** False if it was ended meanwhile. */
function waited(ms: number, ended: AbortSignal): Promise<boolean> {
  return setTimeout(ms, true, { signal: ended }).catch(() => false)
}

interface Reader {
  /** Shows what comes over this connection; the returned function ends it. */
  listen(client: Client): () => void
  /** Goes on where the last one ended. */
  subscribe(client: Client): Promise<void>
}

function createReader({ stderr }: Context, { filter: { level, text }, from, show }: FollowOptions): Reader {
  const say = (sentence: string) => stderr.write(`${sentence}\n`)
  const filter = { ...(level !== undefined && { level }), ...(text !== undefined && { text }) }
  let { after, bootId } = from
  // Lines that come with the answer, which tells of which start they are; as many as the gateway keeps.
  let early: Entry[] | undefined
  const take = (entry: Entry) => {
    // A request that was sent again, because its connection was lost, begins where it began.
    if (entry.seq <= after) return
    after = entry.seq
    show(entry)
  }
  return {
    listen(client) {
      const ends = [
        client.on('logs.entry', entry => (early ? void early.push(entry) : take(entry))),
        client.on('logs.dropped', ({ count }) => say(`… ${count} lines passed too fast to be shown …`)),
      ]
      return () => {
        for (const end of ends) end()
      }
    },
    async subscribe(client) {
      const own: Entry[] = []
      early = own
      const answer = await client.request('logs.subscribe', { ...filter, after, bootId })
      after = answer.bootId === bootId ? Math.max(after, answer.after) : answer.after
      bootId = answer.bootId
      if (answer.dropped > 0) say(`… ${answer.dropped} lines are not kept any more …`)
      for (const entry of own) take(entry)
      if (early === own) early = undefined
    },
  }
}
