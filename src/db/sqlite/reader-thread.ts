import { Worker } from 'node:worker_threads'
import { readError, unavailableError } from './errors.ts'
import type { Read } from './read.ts'
import type { FromReader, ReaderData, ToReader } from './serve-reads.ts'

/** The main thread's side of one reader, which makes one read at a time. */
export interface ReaderThread {
  /** A `stuck` one did not end a read that nobody waits for; an `ending` one takes no more. */
  state(): 'idle' | 'busy' | 'stuck' | 'ending'
  /** What it does now, even if nobody waits for it any more. */
  read(): Read | undefined
  /** When that began, by `performance.now()`. */
  startedAt(): number
  begin(read: Read): void
  /** Ends the read that it makes, as soon as that looks; without waiting for ever. */
  stop(): void
  /** Ends the thread after what it does now. */
  close(): void
  /** Ends the thread once its native code returns, which nobody can hurry. */
  kill(): void
  exited: Promise<void>
}

export interface ReaderThreadOptions {
  file: string
  /** The file that the thread runs; the store's own reads if absent. */
  entry?: URL | undefined
  /** How long a read that nobody waits for may take to end, before its thread is given up. */
  patienceMs: number
  /** A thread that had nothing to do for so long ends. */
  idleMs: number
  onAnswer(durationMs: number): void
  /** It is idle, given up or gone: its place may be another's. `crash` is set if it ended by itself. */
  onFree(crash?: Error): void
}

// Rows that a read has gathered; one that gathers more than this ends its own thread and nothing else.
const maxHeapMib = 512
// A file of ours runs as it is written or as it was built.
const ownEntry = import.meta.url.endsWith('.ts') ? './reader.ts' : './reader.js'

export function startReader(options: ReaderThreadOptions): ReaderThread {
  const { worker, cancelled } = startWorker(options)
  const exit = Promise.withResolvers<void>()
  let state: ReturnType<ReaderThread['state']> = 'idle'
  let read: Read | undefined
  let startedAt = 0
  let id = 0
  let timer: NodeJS.Timeout | undefined

  function rest(): void {
    state = 'idle'
    clearTimeout(timer)
    timer = setTimeout(close, options.idleMs).unref()
    options.onFree()
  }

  function close(): void {
    clearTimeout(timer)
    state = 'ending'
    worker.postMessage('close' satisfies ToReader)
  }

  worker.on('message', (answer: FromReader) => {
    options.onAnswer(performance.now() - startedAt)
    read?.settle(answer.ok ? { result: answer.result } : { error: readError(answer.error) })
    read = undefined
    if (state === 'busy') rest()
  })
  let reason: Error | undefined
  worker.on('error', (error: Error) => {
    reason = error
  })
  worker.on('exit', () => {
    clearTimeout(timer)
    exit.resolve()
    read?.settle({ error: unavailableError('The reader had to be restarted: try again.', reason) })
    const expected = state === 'stuck' || state === 'ending'
    state = 'ending'
    read = undefined
    options.onFree(expected ? undefined : (reason ?? new Error('A reader ended by itself.')))
  })
  return {
    state: () => state,
    read: () => read,
    startedAt: () => startedAt,
    begin(next) {
      clearTimeout(timer)
      try {
        worker.postMessage({ id: ++id, name: next.name, input: next.input } satisfies ToReader)
      } catch (thrown) {
        // An input that cannot be cloned is a fault of ours, but its caller must not wait for ever.
        next.settle({ error: thrown })
        return rest()
      }
      state = 'busy'
      read = next
      startedAt = performance.now()
    },
    stop() {
      Atomics.store(cancelled, 0, id)
      timer = setTimeout(() => {
        state = 'stuck'
        void worker.terminate()
        options.onFree()
      }, options.patienceMs)
    },
    close() {
      Atomics.store(cancelled, 0, id)
      if (state !== 'stuck') close()
    },
    kill: () => void worker.terminate(),
    exited: exit.promise,
  }
}

function startWorker({ file, entry }: ReaderThreadOptions): { worker: Worker; cancelled: Int32Array } {
  const cancelled = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const worker = new Worker(entry ?? new URL(ownEntry, import.meta.url), {
    name: 'reader',
    workerData: { file, cancelled } satisfies ReaderData,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMib },
    // It needs nothing of the environment, so it holds no secret of it.
    env: {},
    // Flags of the process may not suit a thread: --input-type would end it at once.
    execArgv: [],
  })
  return { worker, cancelled }
}
