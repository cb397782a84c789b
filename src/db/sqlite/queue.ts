import { Worker } from 'node:worker_threads'
import { TalonError } from '../../protocol/errors.ts'
import type { Change } from '../store.ts'
import type { CommandName, InputOf, ResultOf } from './commands.ts'
import type { Order } from './commit.ts'
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
  onChanges(changes: Change[]): void
  onError(error: unknown): void
}

interface Pending {
  chars: number
  resolve(result: unknown): void
  reject(error: unknown): void
}

const retryAfterMs = 250
// A file of ours runs as it is written or as it was built.
const entry = import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js'

export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  const pending: Pending[] = []
  const stats = { commits: 0, commands: 0, failedCommits: 0 }
  let outbox: Order[] = []
  let waitingChars = 0
  let closing: Promise<void> | undefined
  let idle: (() => void) | undefined
  let worker: Worker | undefined = start()

  function start(): Worker {
    const started = new Worker(new URL(entry, import.meta.url), {
      name: 'writer',
      workerData: { file: options.file },
      // It needs nothing of the environment, so it holds no secret of it.
      env: {},
      // Flags of the process may not suit a thread: --input-type would end it at once.
      execArgv: [],
    })
    started.on('message', settle)
    let reason: unknown
    started.on('error', error => {
      reason = error
      options.onError(error)
    })
    started.on('exit', () => lose(started, reason))
    return started
  }

  function submit(name: CommandName, input: unknown): Promise<unknown> {
    if (closing) return Promise.reject(unavailableError('Storage is closed.'))
    const chars = textLength(input)
    if (pending.length >= options.maxWaiting || (waitingChars > 0 && waitingChars + chars > options.maxWaitingChars)) {
      return Promise.reject(
        new TalonError('OVERLOADED', 'Too much waits to be stored: try again soon.', { retryAfterMs }),
      )
    }
    waitingChars += chars
    // What one turn of the loop brings goes as one message: a message costs more than most commands.
    if (outbox.length === 0) setImmediate(flush)
    outbox.push({ name, input })
    return new Promise((resolve, reject) => pending.push({ chars, resolve, reject }))
  }

  function flush(): void {
    if (outbox.length === 0) return
    const orders = outbox
    outbox = []
    worker ??= start()
    try {
      worker.postMessage({ orders } satisfies ToWriter)
    } catch (thrown) {
      // An input that cannot be cloned is a fault of ours, but its caller must not wait for ever.
      for (const { reject } of take(pending.length - orders.length, orders.length)) reject(thrown)
    }
  }

  function settle({ settled, changes, committed }: FromWriter): void {
    stats.commands += settled.length
    if (committed) stats.commits += 1
    else stats.failedCommits += 1
    if (changes.length > 0) options.onChanges(changes)
    const waiters = take(0, settled.length)
    for (const [index, outcome] of settled.entries()) {
      if (outcome.ok) waiters[index]?.resolve(outcome.result)
      else waiters[index]?.reject(readError(outcome.error))
    }
    if (pending.length === 0) idle?.()
  }

  /**
   * The thread ended; the next command starts another, so that one that cannot start is not started in a loop. Nobody
   * knows what became of its last batch: a client asks again under the same request id.
   */
  function lose(lost: Worker, reason: unknown): void {
    if (worker !== lost) return
    worker = undefined
    outbox = []
    const error = unavailableError('Storage had to be restarted: try again.', reason)
    for (const { reject } of take(0, pending.length)) reject(error)
    idle?.()
  }

  function take(from: number, count: number): Pending[] {
    const taken = pending.splice(from, count)
    for (const { chars } of taken) waitingChars -= chars
    return taken
  }

  async function finish(): Promise<void> {
    flush()
    if (pending.length > 0) {
      await new Promise<void>(resolve => {
        idle = resolve
      })
    }
    const ending = worker
    if (!ending) return
    const exited = new Promise(resolve => ending.once('exit', resolve))
    ending.postMessage('close' satisfies ToWriter)
    await exited
  }

  return {
    // The table of commands pairs each name with its result; the promise comes back through a message.
    submit: submit as WriteQueue['submit'],
    stats: () => ({ ...stats, waiting: pending.length }),
    close() {
      closing ??= finish()
      return closing
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
