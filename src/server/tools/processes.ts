import type { Change } from '../../db/store.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../record.ts'
import { createOutputRing, type OutputRing } from './outputRing.ts'
import type { Sandbox } from './sandbox/sandbox.ts'

/** Processes that one session may have running. */
export const maxPerOwner = 8
/** Processes that all sessions together may have running. */
export const maxRunning = 32
/** Processes that have ended and whose last output is kept, of one session. */
const maxEnded = 8
const maxOutputBytes = 256 * 1_024
/** What one may write in its life: a flood would keep the gateway busy with reading it. */
const maxTotalBytes = 64 * 1_048_576
const minuteMs = 60_000

/** Who a process belongs to: a session, or a caller that named none. Nobody else sees it. */
export type Owner = string

export interface ProcessInput {
  command: string
  argv: readonly [string, ...string[]]
  /** An absolute path in the workspace. */
  cwd: string
  /** The same folder as people see it. */
  folder: string
  name: string | undefined
  network: boolean
}

/** A process as its session sees it. */
export interface ProcessView {
  id: string
  name: string | undefined
  command: string
  folder: string
  /** Unix ms. */
  startedAt: number
  running: boolean
  /** How it ended, in words; undefined while it runs. */
  ended: string | undefined
}

/** What a process has said from a place on. */
export interface ProcessOutput extends ProcessView {
  text: string
  /** Where the next reading begins. */
  next: number
  /** Output that was asked for and is no longer kept, in characters. */
  lostChars: number
}

/** Processes that tools leave running. They end with their session, at the latest with the gateway. */
export interface Processes {
  /** @throws TalonError `OVERLOADED` if there are too many */
  start(owner: Owner, input: ProcessInput): ProcessView
  /**
   * Reads what was written from `since` on; waits so long for something new where there is nothing yet.
   * @throws TalonError `NOT_FOUND`, or the reason of the signal
   */
  output(owner: Owner, id: string, read: { since: number; waitMs: number; signal: AbortSignal }): Promise<ProcessOutput>
  /** Ends one, and resolves when it and all that it started are gone. @throws TalonError `NOT_FOUND` */
  stop(owner: Owner, id: string): Promise<ProcessView>
  list(owner: Owner): ProcessView[]
  /** Ends those of sessions that were reset or deleted. */
  follow(changes: readonly Change[]): void
  /** Ends all, and resolves when there are none. */
  close(): Promise<void>
}

interface Entry {
  owner: Owner
  view: ProcessView
  output: OutputRing
  stop: AbortController
  done: Promise<void>
  /** Wakes those who wait for output. */
  news: PromiseWithResolvers<void>
  idle: NodeJS.Timeout
}

interface ProcessParts {
  sandbox: Sandbox
  config: Config
  log: Log
  clock: Clock
  newId: () => string
}

export function ownerOf({ sessionId, tokenId }: { sessionId: string | undefined; tokenId: string | null }): Owner {
  return sessionId === undefined ? `token ${tokenId ?? ''}` : `session ${sessionId}`
}

export function createProcesses(parts: ProcessParts): Processes {
  const { config, clock } = parts
  const entries = new Map<string, Entry>()
  let count = 0
  let closed = false
  const running = () => [...entries.values()].filter(entry => entry.view.running)
  const find = (owner: Owner, id: string): Entry => {
    const entry = entries.get(id)
    if (entry?.owner === owner) return entry
    throw new TalonError(
      'NOT_FOUND',
      `There is no process ${JSON.stringify(id)} here. process_list shows those there are.`,
    )
  }
  const touch = (entry: Entry) => {
    clearTimeout(entry.idle)
    const minutes = config['tools.processIdleMinutes']
    const reason = `Nobody asked for its output for ${minutes} minutes (tools.processIdleMinutes).`
    entry.idle = setTimeout(() => end(entry, reason), minutes * minuteMs).unref()
  }
  const forget = (owner: Owner) => {
    const ended = [...entries.values()].filter(entry => entry.owner === owner && !entry.view.running)
    for (const entry of ended.slice(0, -maxEnded)) entries.delete(entry.view.id)
  }
  return {
    start(owner, input) {
      if (closed) throw new TalonError('DRAINING', 'The gateway stops, and starts no more processes.')
      refuseTooMany(running(), owner)
      const entry = launch(parts, owner, input, `p${++count}`)
      entries.set(entry.view.id, entry)
      touch(entry)
      void entry.done.then(() => forget(owner))
      return { ...entry.view }
    },
    async output(owner, id, { since, waitMs, signal }) {
      const entry = find(owner, id)
      touch(entry)
      if (entry.output.end() <= since && entry.view.running) await newsOf(entry, waitMs, signal)
      return { ...entry.view, ...entry.output.from(since) }
    },
    async stop(owner, id) {
      const entry = find(owner, id)
      end(entry, 'It was stopped by process_stop.')
      await entry.done
      return { ...entry.view }
    },
    list: owner => [...entries.values()].filter(entry => entry.owner === owner).map(entry => ({ ...entry.view })),
    follow(changes) {
      for (const change of changes) {
        if (change.type !== 'session.deleted' && change.type !== 'session.reset') continue
        const owner = ownerOf({ sessionId: change.sessionId, tokenId: null })
        for (const entry of entries.values()) {
          if (entry.owner !== owner) continue
          end(entry, 'Its session was reset or deleted.')
          entries.delete(entry.view.id)
        }
      }
    },
    async close() {
      closed = true
      const left = running()
      for (const entry of left) end(entry, 'The gateway stops.')
      await Promise.all(left.map(entry => entry.done))
    },
  }

  function end(entry: Entry, reason: string): void {
    entry.stop.abort(new TalonError('CANCELLED', reason))
  }

  function launch({ sandbox, newId, log }: ProcessParts, owner: Owner, input: ProcessInput, id: string): Entry {
    const { command, argv, cwd, folder, name, network } = input
    const stop = new AbortController()
    const output = createOutputRing(maxOutputBytes)
    const view: ProcessView = { id, name, command, folder, startedAt: clock.now(), running: true, ended: undefined }
    const entry: Entry = {
      owner,
      view,
      output,
      stop,
      done: Promise.resolve(),
      news: Promise.withResolvers(),
      idle: never(),
    }
    const minutes = config['tools.processMaxMinutes']
    const life = setTimeout(() => {
      end(entry, `It ran for ${minutes} minutes (tools.processMaxMinutes).`)
    }, minutes * minuteMs).unref()
    const wake = () => {
      entry.news.resolve()
      entry.news = Promise.withResolvers()
    }
    const onOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => {
      output.add(stream, chunk)
      wake()
    }
    const bounds = { maxOutputBytes: 1_024, maxTotalBytes }
    const ended = sandbox.run({ argv, cwd, network, signal: stop.signal, id: newId(), ...bounds, onOutput }).then(
      ({ exitCode, signal, stopped }) => {
        const how = signal === null ? `Exit code ${exitCode}.` : `Ended by ${signal}.`
        return stopped ? `${how} ${stopped.reason}` : how
      },
      error => {
        if (error instanceof TalonError) return error.message
        log.error({ err: error }, 'a process of a tool could not be run')
        return 'It could not be run.'
      },
    )
    entry.done = ended.then(how => {
      clearTimeout(life)
      clearTimeout(entry.idle)
      view.running = false
      view.ended = how
      wake()
    })
    return entry
  }
}

/** A timer that is over. */
function never(): NodeJS.Timeout {
  const timer = setTimeout(() => {}, 0)
  clearTimeout(timer)
  return timer
}

function refuseTooMany(running: readonly Entry[], owner: Owner): void {
  const own = running.filter(entry => entry.owner === owner).length
  if (own >= maxPerOwner) {
    throw new TalonError('OVERLOADED', `${own} processes run here already, and no more may. End one with process_stop.`)
  }
  if (running.length >= maxRunning) {
    throw new TalonError('OVERLOADED', `${running.length} processes of all sessions run already, and no more may.`)
  }
}

/** Resolves when something was written, the process has ended, or the time is over. */
async function newsOf(entry: Entry, waitMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, waitMs)
  const onAbort = () => over.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([entry.news.promise, over.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
