import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { TalonError } from '../../protocol/errors.ts'
import type { Change } from '../store.ts'
import type { CommandName, InputOf, ResultOf } from './commands.ts'
import type { Order, Settled } from './commit.ts'
import { readError, unavailableError } from './errors.ts'
import type { FromWriter, ToWriter } from './writer.ts'

/** What the writer has done since it was opened. */
export interface WriterStats {
  /** Transactions that were committed; many commands share one. */
  commits: number
  /** Commands that were answered, well or with an error. */
  commands: number
  /** Transactions that failed as a whole. */
  failedCommits: number
  /** Commands that wait for their commit now. */
  waiting: number
}

/** The main thread's side of the writer: commands go in, promises settle after their commit, in order. */
export interface WriteQueue {
  submit<Name extends CommandName>(name: Name, input: InputOf<Name>): Promise<ResultOf<Name>>
  stats(): WriterStats
  /** Refuses new commands, waits for those that were accepted, and ends the thread. */
  close(): Promise<void>
}

export interface WriteQueueOptions {
  file: string
  /** Over this many waiting commands a new one is refused with `OVERLOADED`. */
  maxWaiting: number
  /** The same by the text that they carry, in UTF-16 units. */
  maxWaitingChars: number
  /** After every commit, with what it changed for others to hear of, which may be nothing. */
  onCommit(changes: Change[]): void
  onError(error: unknown): void
}

const retryAfterMs = 250
// A file of ours runs as it is written or as it was built.
const entry = import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js'

export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  const waiting = createWaiting(options)
  const stats = { commits: 0, commands: 0, failedCommits: 0 }
  let outbox: Order[] = []
  let closing: Promise<void> | undefined
  let worker: Worker | undefined = start()

  function start(): Worker {
    return startWorker(options, settle, reason => {
      // The next command starts another, so that one that cannot start is not started in a loop. Nobody knows what
      // became of the last batch: a client asks again under the same request id.
      worker = undefined
      outbox = []
      waiting.rejectAll(unavailableError('Storage had to be restarted: try again.', reason))
    })
  }

  function submit(name: CommandName, input: unknown): Promise<unknown> {
    if (closing) return Promise.reject(unavailableError('Storage is closed.'))
    const promise = waiting.join(textLength(input))
    if (!promise) {
      const refusal = new TalonError('OVERLOADED', 'Too much waits to be stored: try again soon.', { retryAfterMs })
      return Promise.reject(refusal)
    }
    // What one turn of the loop brings goes as one message: a message costs more than most commands.
    if (outbox.length === 0) setImmediate(flush)
    outbox.push({ name, input })
    return promise
  }

  function flush(): void {
    if (outbox.length === 0) return
    const orders = outbox
    outbox = []
    try {
      worker ??= start()
      worker.postMessage({ orders } satisfies ToWriter)
    } catch (thrown) {
      // An input that cannot be cloned is a fault of ours, but its caller must not wait for ever.
      waiting.rejectNewest(orders.length, thrown)
    }
  }

  function settle({ settled, changes, committed }: FromWriter): void {
    stats.commands += settled.length
    if (committed) {
      stats.commits += 1
      options.onCommit(changes)
    } else {
      stats.failedCommits += 1
    }
    waiting.settle(settled)
  }

  async function finish(): Promise<void> {
    flush()
    await waiting.empty()
    const ending = worker
    if (!ending) return
    const exited = once(ending, 'exit')
    ending.postMessage('close' satisfies ToWriter)
    await exited
  }

  return {
    // The table of commands pairs each name with its result; the promise comes back through a message.
    submit: submit as WriteQueue['submit'],
    stats: () => ({ ...stats, waiting: waiting.count() }),
    close() {
      closing ??= finish()
      return closing
    },
  }
}

function startWorker(
  { file, onError }: WriteQueueOptions,
  onMessage: (message: FromWriter) => void,
  onExit: (reason: unknown) => void,
): Worker {
  const worker = new Worker(new URL(entry, import.meta.url), {
    name: 'writer',
    workerData: { file },
    // It needs nothing of the environment, so it holds no secret of it.
    env: {},
    // Flags of the process may not suit a thread: --input-type would end it at once.
    execArgv: [],
  })
  let reason: unknown
  worker.on('message', onMessage)
  worker.on('error', error => {
    reason = error
    onError(error)
  })
  worker.on('exit', () => onExit(reason))
  return worker
}

/** Those who wait for their commit, first come first served. */
function createWaiting({ maxWaiting, maxWaitingChars }: WriteQueueOptions) {
  const waiters: { chars: number; resolve(result: unknown): void; reject(error: unknown): void }[] = []
  let waitingChars = 0
  let onEmpty: (() => void) | undefined

  function leave(from: number, count: number) {
    const left = waiters.splice(from, count)
    for (const { chars } of left) waitingChars -= chars
    return left
  }

  return {
    count: () => waiters.length,
    /** Undefined if there is no room; one that alone is over the bound is let in when nobody else waits. */
    join(chars: number): Promise<unknown> | undefined {
      const full = waiters.length >= maxWaiting || (waiters.length > 0 && waitingChars + chars > maxWaitingChars)
      if (full) return undefined
      waitingChars += chars
      return new Promise((resolve, reject) => waiters.push({ chars, resolve, reject }))
    },
    settle(settled: readonly Settled[]): void {
      const served = leave(0, settled.length)
      for (const [index, outcome] of settled.entries()) {
        if (outcome.ok) served[index]?.resolve(outcome.result)
        else served[index]?.reject(readError(outcome.error))
      }
      if (waiters.length === 0) onEmpty?.()
    },
    rejectNewest(count: number, error: unknown): void {
      for (const { reject } of leave(waiters.length - count, count)) reject(error)
    },
    rejectAll(error: unknown): void {
      for (const { reject } of leave(0, waiters.length)) reject(error)
      onEmpty?.()
    },
    async empty(): Promise<void> {
      if (waiters.length === 0) return
      await new Promise<void>(resolve => {
        onEmpty = resolve
      })
    },
  }
}

/** The text that an input carries at its top level, which is where all that can be long is. */
function textLength(input: unknown): number {
  let length = 0
  if (typeof input === 'object' && input !== null) {
    for (const value of Object.values(input)) if (typeof value === 'string') length += value.length
  }
  return length
}
