import { Worker } from 'node:worker_threads'
import { TalonError } from '../../../protocol/errors.ts'
import { createSlots } from '../slots.ts'
import type { Answer, Reading, ResultsPage, Source, Task, TaskResult } from './reading.ts'

/** Makes documents readable in a thread of its own, one at a time: a page may be made so that this takes for ever. */
export interface Reader {
  /** @throws TalonError `INVALID_MESSAGE` for what cannot be read, `TIMEOUT`, `OVERLOADED`; the reason of `signal` */
  read(source: Source, signal: AbortSignal): Promise<Reading>
  /** A search engine's page of results. @throws as `read` */
  results(html: string, maxHits: number, signal: AbortSignal): Promise<ResultsPage>
  /** Ends the thread. */
  close(): Promise<void>
}

export interface ReaderOptions {
  /** For one document; then its bare text is made instead. */
  timeLimitMs?: number
  /** The thread ends when nothing was asked of it for so long: with its libraries it holds some tens of MiB. */
  idleMs?: number
}

const defaultTimeLimitMs = 15_000
const defaultIdleMs = 30_000
const maxWaiting = 64
const maxWaitMs = 60_000
/** The largest page that is read takes some 300 MiB as a document. */
const maxHeapMib = 512
// A file of ours runs as it is written or as it was built.
const entry = import.meta.url.endsWith('.ts') ? './reading-worker.ts' : './reading-worker.js'

/** No thread runs before the first document. */
export function createReader(options: ReaderOptions = {}): Reader {
  const { timeLimitMs = defaultTimeLimitMs, idleMs = defaultIdleMs } = options
  const slots = createSlots(() => 1, maxWaiting)
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let closed = false

  async function ask(task: Task, signal: AbortSignal): Promise<TaskResult['result'] | 'late'> {
    const release = await slots.acquire(signal, maxWaitMs)
    clearTimeout(idle)
    try {
      if (closed) throw new TalonError('DRAINING', 'Talon is stopping.')
      worker ??= start()
      const thread = worker
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeLimitMs)])
      const answer = await answerOf(thread, task, limit).catch(() => undefined)
      if (answer !== undefined) return resultOf(answer)
      // It works on, so that nothing else could be asked of it.
      if (worker === thread) worker = undefined
      await thread.terminate()
      signal.throwIfAborted()
      return 'late'
    } finally {
      idle = setTimeout(() => void end(), idleMs)
      idle.unref()
      release()
    }
  }

  function start(): Worker {
    const thread = new Worker(new URL(entry, import.meta.url), {
      name: 'reading',
      // It needs nothing of the environment, so it holds no secret of it.
      env: {},
      // Flags of the process may not suit a thread: --input-type would end it at once.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMib },
    })
    thread.unref()
    thread.on('error', () => {})
    thread.on('exit', () => {
      if (worker === thread) worker = undefined
    })
    return thread
  }

  async function end(): Promise<void> {
    clearTimeout(idle)
    const thread = worker
    worker = undefined
    await thread?.terminate()
  }

  return {
    async read(input, signal) {
      const first = await ask({ name: 'read', input, plain: false }, signal)
      const answer = first === 'late' ? await ask({ name: 'read', input, plain: true }, signal) : first
      if (answer === 'late') throw late(timeLimitMs)
      return answer as Reading // The answer to a task has the type of its row, which a message cannot say.
    },
    async results(html, maxHits, signal) {
      const answer = await ask({ name: 'results', input: { html, maxHits } }, signal)
      if (answer === 'late') throw late(timeLimitMs)
      return answer as ResultsPage // As above.
    },
    close() {
      closed = true
      return end()
    },
  }
}

function resultOf(answer: Answer): TaskResult['result'] {
  if ('result' in answer) return answer.result
  throw new TalonError('INVALID_MESSAGE', `The document cannot be read: ${answer.problem}.`)
}

/** @throws the signal's reason, or what ended the thread */
async function answerOf(thread: Worker, task: Task, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const onAbort = () => reject(signal.reason)
  const onExit = () => reject(new Error('The thread ended.'))
  thread.on('message', resolve)
  thread.on('error', reject)
  thread.on('exit', onExit)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    thread.ref()
    thread.postMessage(task)
    return await promise
  } finally {
    thread.unref()
    thread.off('message', resolve)
    thread.off('error', reject)
    thread.off('exit', onExit)
    signal.removeEventListener('abort', onAbort)
  }
}

function late(timeLimitMs: number): TalonError {
  return new TalonError('TIMEOUT', `The document could not be read within ${timeLimitMs} ms.`)
}
