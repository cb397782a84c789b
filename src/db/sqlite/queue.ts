import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { TalonError } from '../../protocol/errors.ts'
import { batchBounds, createRecorder, durationBoundsMs, type Recorder } from '../histogram.ts'
import type { Change, WriterStats } from '../store.ts'
import type { CommandName, InputOf, ResultOf } from './commands.ts'
import type { Order, Settled } from './commit.ts'
import { readError, unavailableError, type WireError } from './errors.ts'
import type { FromWriter, ToWriter, WriterData } from './writer.ts'

/** The main thread's side of the writer: commands go in, promises settle after their commit, in order. */
export interface WriteQueue {
  submit<Name extends CommandName>(name: Name, input: InputOf<Name>): Promise<ResultOf<Name>>
  stats(): WriterStats
  /** Folds the log into the database and gives its space back. */
  cutLog(): void
  /** While space is low, what nobody waits for is left undone. */
  noteSpace(low: boolean): void
  /** Refuses new commands, waits for those that were accepted, and ends the thread. */
  close(): Promise<void>
}

export interface WriteQueueOptions {
  file: string
  checkpointPages?: number | undefined
  /** Over this many waiting commands a new one is refused with `OVERLOADED`. */
  maxWaiting: number
  /** The same by the text that they carry, in UTF-16 units. */
  maxWaitingChars: number
  /** After every commit, with what it changed for others to hear of, which may be nothing. */
  onCommit(changes: Change[]): void
  onError(error: unknown): void
  /** Why a command is not taken now; undefined if it is. */
  refusal(name: CommandName): TalonError | undefined
  /** Every error that a command is answered with, before its caller hears of it. */
  onRefused(error: WireError): void
}

const retryAfterMs = 250
// A file of ours runs as it is written or as it was built.
const entry = import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js'

export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  const waiting = createWaiting(options)
  const figures = createFigures()
  let outbox: Order[] = []
  let closing: Promise<void> | undefined
  let low = false
  let worker: Worker | undefined = start()

  function start(): Worker {
    const started = startWorker(options, settle, reason => {
      // The next command starts another, so that one that cannot start is not started in a loop. Nobody knows what
      // became of the last batch: a client asks again under the same request id.
      worker = undefined
      outbox = []
      waiting.rejectAll(unavailableError('Storage had to be restarted: try again.', reason))
    })
    if (low) started.postMessage({ low } satisfies ToWriter)
    return started
  }

  function submit(name: CommandName, input: unknown): Promise<unknown> {
    if (closing) return Promise.reject(unavailableError('Storage is closed.'))
    const refused = options.refusal(name)
    if (refused) return Promise.reject(refused)
    const promise = waiting.join(textLength(input))
    if (!promise) {
      figures.refuse()
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

  function settle(receipt: FromWriter): void {
    figures.record(receipt)
    for (const each of receipt.settled) if (!each.ok) options.onRefused(each.error)
    if (receipt.committed) options.onCommit(receipt.changes)
    waiting.settle(receipt.settled, figures.waitMs)
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
    stats: () => ({ ...figures.read(), ...waiting.size() }),
    cutLog: () => worker?.postMessage('cut log' satisfies ToWriter),
    noteSpace(isLow) {
      low = isLow
      worker?.postMessage({ low } satisfies ToWriter)
    },
    close() {
      closing ??= finish()
      return closing
    },
  }
}

function startWorker(
  { file, checkpointPages, onError }: WriteQueueOptions,
  onMessage: (message: FromWriter) => void,
  onExit: (reason: unknown) => void,
): Worker {
  const worker = new Worker(new URL(entry, import.meta.url), {
    name: 'writer',
    workerData: { file, checkpointPages } satisfies WriterData,
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
  const waiters: { chars: number; since: number; resolve(result: unknown): void; reject(error: unknown): void }[] = []
  let waitingChars = 0
  let onEmpty: (() => void) | undefined

  function leave(from: number, count: number) {
    const left = waiters.splice(from, count)
    for (const { chars } of left) waitingChars -= chars
    return left
  }

  return {
    size: () => ({ waiting: waiters.length, waitingChars }),
    /** Undefined if there is no room; one that alone is over the bound is let in when nobody else waits. */
    join(chars: number): Promise<unknown> | undefined {
      const full = waiters.length >= maxWaiting || (waiters.length > 0 && waitingChars + chars > maxWaitingChars)
      if (full) return undefined
      waitingChars += chars
      const since = performance.now()
      return new Promise((resolve, reject) => waiters.push({ chars, since, resolve, reject }))
    },
    settle(settled: readonly Settled[], waitMs: Recorder): void {
      const served = leave(0, settled.length)
      const now = performance.now()
      for (const { since } of served) waitMs.add(now - since)
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

function createFigures() {
  const counts = { commits: 0, commands: 0, failedCommits: 0, refused: 0 }
  const commandsPerCommit = createRecorder(batchBounds)
  const [commitMs, waitMs] = [createRecorder(durationBoundsMs), createRecorder(durationBoundsMs)]
  return {
    waitMs,
    refuse() {
      counts.refused += 1
    },
    record({ settled, committed, durationMs }: FromWriter): void {
      counts.commands += settled.length
      if (!committed) {
        counts.failedCommits += 1
        return
      }
      counts.commits += 1
      commandsPerCommit.add(settled.length)
      commitMs.add(durationMs)
    },
    read: () => ({
      ...counts,
      commandsPerCommit: commandsPerCommit.read(),
      commitMs: commitMs.read(),
      waitMs: waitMs.read(),
    }),
  }
}

// A session's config may be nested as a frame may be; what lies deeper is short, as it had to fit into a frame.
const maxDepth = 16

/** The text that an input carries, in lists and objects too: an import hands over many messages at once. */
function textLength(input: unknown, depth = 0): number {
  if (typeof input === 'string') return input.length
  if (typeof input !== 'object' || input === null || depth > maxDepth) return 0
  let length = 0
  // Over keys: `for in` looks up each name anew where objects of many shapes come.
  for (const value of Object.values(input)) length += textLength(value, depth + 1)
  return length
}
