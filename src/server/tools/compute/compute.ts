import { Worker } from 'node:worker_threads'
import { TalonError } from '../../../protocol/errors.ts'
import { createSlots } from '../slots.ts'
import type { Report, Task } from './task.ts'

/** Calculates in a thread of its own, one task at a time: a short expression may take for ever, or all memory. */
export interface Compute {
  /** @throws TalonError `INVALID_MESSAGE` that says what is wrong, `TIMEOUT`, `TOO_LARGE`, `OVERLOADED`; the reason of `signal` */
  run(task: Task, signal: AbortSignal): Promise<string>
  /** Ends the thread. */
  close(): Promise<void>
}

export interface ComputeOptions {
  /** For one task, once its library is loaded. */
  timeLimitMs?: number
  /** The thread ends when nothing was asked of it for so long: with its libraries it holds some tens of MiB. */
  idleMs?: number
}

const defaultTimeLimitMs = 2_000
const defaultIdleMs = 30_000
const loadLimitMs = 20_000
const maxWaiting = 64
const maxWaitMs = 60_000
/** The largest document that is queried takes some 200 MiB as objects. */
const maxHeapMib = 384
// A file of ours runs as it is written or as it was built.
const entry = import.meta.url.endsWith('.ts') ? './compute-worker.ts' : './compute-worker.js'

/** No thread runs before the first task. */
export function createCompute(options: ComputeOptions = {}): Compute {
  const { timeLimitMs = defaultTimeLimitMs, idleMs = defaultIdleMs } = options
  const slots = createSlots(() => 1, maxWaiting)
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let closed = false

  async function end(): Promise<void> {
    clearTimeout(idle)
    const thread = worker
    worker = undefined
    await thread?.terminate()
  }
  return {
    async run(task, signal) {
      const release = await slots.acquire(signal, maxWaitMs)
      clearTimeout(idle)
      try {
        if (closed) throw new TalonError('DRAINING', 'Talon is stopping.')
        worker ??= start()
        const report = await reportOf(worker, task, timeLimitMs, signal).catch(async error => {
          await end() // It works on, or is gone.
          throw error
        })
        if ('text' in report) return report.text
        throw new TalonError('INVALID_MESSAGE', report.problem)
      } finally {
        idle = setTimeout(() => void end(), idleMs)
        idle.unref()
        release()
      }
    },
    close() {
      closed = true
      return end()
    },
  }
}

function start(): Worker {
  const thread = new Worker(new URL(entry, import.meta.url), {
    name: 'compute',
    // It needs nothing of the environment, so it holds no secret of it.
    env: {},
    // Flags of the process may not suit a thread: --input-type would end it at once.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMib },
  })
  thread.unref()
  thread.on('error', () => {}) // Without a listener it would end the gateway.
  return thread
}

/** @throws the signal's reason, TalonError `TIMEOUT`, or `TOO_LARGE` if it ran out of memory */
async function reportOf(
  thread: Worker,
  task: Task,
  timeLimitMs: number,
  signal: AbortSignal,
): Promise<Exclude<Report, { begun: true }>> {
  const { promise, resolve, reject } = Promise.withResolvers<Exclude<Report, { begun: true }>>()
  const late = () =>
    reject(new TalonError('TIMEOUT', `It did not end within ${timeLimitMs} ms and was stopped. Ask for less.`))
  let timer = setTimeout(late, loadLimitMs)
  const onMessage = (report: Report) => {
    if (!('begun' in report)) return resolve(report)
    clearTimeout(timer)
    timer = setTimeout(late, timeLimitMs)
  }
  const onError = (error: unknown) => reject(isOutOfMemory(error) ? tooMuch() : error)
  const onExit = () => reject(tooMuch())
  const onAbort = () => reject(signal.reason)
  thread.on('message', onMessage)
  thread.on('error', onError)
  thread.on('exit', onExit)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    thread.ref()
    thread.postMessage(task)
    return await promise
  } finally {
    clearTimeout(timer)
    thread.unref()
    thread.off('message', onMessage)
    thread.off('error', onError)
    thread.off('exit', onExit)
    signal.removeEventListener('abort', onAbort)
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
}

function tooMuch(): TalonError {
  return new TalonError('TOO_LARGE', `It needs more than ${maxHeapMib} MiB of memory and was stopped. Ask for less.`)
}
