import { TalonError } from '../../protocol/errors.ts'
import type { ReaderStats } from '../figures.ts'
import type { ReadOptions } from '../heavy.ts'
import { createRecorder, durationBoundsMs } from '../histogram.ts'
import { unavailableError } from './errors.ts'
import type { HeavyInput, HeavyName, HeavyResult } from './heavy-reads.ts'
import { type Abandon, cancellation, createRead, type Read, retryAfterMs } from './read.ts'
import { type ReaderThread, startReader } from './reader-thread.ts'

/** Heavy reads, in threads of their own: first come first served, never more at once than there are threads. */
export interface ReaderPool {
  /** @throws TalonError `OVERLOADED`, `TIMEOUT`, `CANCELLED`, `STORAGE_UNAVAILABLE`, or what the read throws */
  run<Name extends HeavyName>(name: Name, input: HeavyInput<Name>, options?: ReadOptions): Promise<HeavyResult<Name>>
  stats(): ReaderStats
  /** Refuses new reads, ends those that wait or run, and ends the threads. */
  close(): Promise<void>
}

export interface ReaderPoolOptions {
  file: string
  /** Threads; each starts when all others are busy. */
  size: number
  /** Over this many waiting reads a new one is refused with `OVERLOADED`. */
  maxWaiting: number
  /** Of a read, from being asked for to its answer. */
  timeoutMs: number
  /** How long a read that nobody waits for may take to end, before its thread is replaced. */
  patienceMs?: number | undefined
  /** A thread that had nothing to do for so long ends. */
  idleMs?: number | undefined
  /** Hears of a thread that ended by itself. */
  onError(error: unknown): void
  /** The file that the threads run; the store's own reads if absent. */
  entry?: URL | undefined
}

const closeGraceMs = 2_000
// A read looks every thousand rows whether it is still wanted: what does not look for so long will not look.
const defaultPatienceMs = 2_000
// A thread holds some 14 MiB, which a gateway that nobody asks gives back; a start costs who comes next 50 ms or so.
const defaultIdleMs = 5 * 60_000

/** Opens a pool; no thread runs before the first read. */
export function createReaderPool(options: ReaderPoolOptions): ReaderPool {
  const { size, maxWaiting, patienceMs = defaultPatienceMs, idleMs = defaultIdleMs } = options
  const threads = new Set<ReaderThread>()
  const waiting: Read[] = []
  const figures = createFigures()
  let closing: Promise<void> | undefined

  async function run(name: string, input: unknown, { signal, timeoutMs = options.timeoutMs }: ReadOptions = {}) {
    if (closing) throw closed()
    if (signal?.aborted) throw cancellation(signal)
    if (waiting.length >= maxWaiting) {
      figures.counts.refused += 1
      throw new TalonError('OVERLOADED', 'Too many long reads wait already: try again soon.', { retryAfterMs })
    }
    const read = createRead(name, input, { signal, timeoutMs }, { isWaiting: read => waiting.includes(read), abandon })
    waiting.push(read)
    serveWaiting()
    return read.promise
  }

  function serveWaiting(): void {
    while (waiting.length > 0) {
      const thread = withState('idle').at(-1) ?? open()
      const read = thread && waiting.shift()
      if (!read) return
      figures.waitMs.add(performance.now() - read.askedAt)
      thread.begin(read)
    }
  }

  /** Undefined if there is no room. A stuck thread gives up its place, but not for ever more of them. */
  function open(): ReaderThread | undefined {
    if (threads.size - withState('stuck').length >= size || threads.size >= 2 * size) return undefined
    const { file, entry } = options
    const thread = startReader({ file, entry, patienceMs, idleMs, onAnswer: figures.answered, onFree })
    threads.add(thread)
    void thread.exited.then(() => {
      threads.delete(thread)
      serveWaiting()
    })
    return thread
  }

  function onFree(crash?: Error): void {
    if (crash) {
      figures.counts.crashes += 1
      options.onError(crash)
    }
    serveWaiting()
  }

  /** Answers the caller at once; its thread is free when it has noticed, or is given up. */
  function abandon(read: Read, why: Parameters<Abandon>[1], error: unknown): void {
    figures.counts[why] += 1
    read.settle({ error })
    const place = waiting.indexOf(read)
    if (place !== -1) waiting.splice(place, 1)
    for (const thread of threads) if (thread.read() === read) thread.stop()
  }

  async function closeAll(): Promise<void> {
    for (const read of waiting.splice(0)) read.settle({ error: closed() })
    for (const thread of threads) {
      thread.read()?.settle({ error: closed() })
      thread.close()
    }
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, closeGraceMs)
    const exits = Promise.all([...threads].map(({ exited }) => exited))
    await Promise.race([exits, late.promise])
    clearTimeout(timer)
    // They end when their native code returns, and hold nothing that others need.
    for (const thread of threads) thread.kill()
  }

  function withState(state: ReturnType<ReaderThread['state']>): ReaderThread[] {
    return [...threads].filter(thread => thread.state() === state)
  }

  return {
    // The table of reads pairs each name with its result; the promise comes back through a message.
    run: run as ReaderPool['run'],
    stats() {
      const starts = [...threads].filter(thread => thread.read()).map(thread => thread.startedAt())
      return {
        size,
        busy: withState('busy').length,
        idle: withState('idle').length,
        stuck: withState('stuck').length,
        waiting: waiting.length,
        oldestMs: starts.length === 0 ? 0 : Math.ceil(performance.now() - Math.min(...starts)),
        ...figures.read(),
      }
    },
    close() {
      closing ??= closeAll()
      return closing
    },
  }
}

function createFigures() {
  const counts = { runs: 0, timeout: 0, cancelled: 0, refused: 0, crashes: 0 }
  const [waitMs, runMs] = [createRecorder(durationBoundsMs), createRecorder(durationBoundsMs)]
  return {
    counts,
    waitMs,
    answered(durationMs: number): void {
      counts.runs += 1
      runMs.add(durationMs)
    },
    read() {
      const { timeout: timeouts, ...others } = counts
      return { ...others, timeouts, waitMs: waitMs.read(), runMs: runMs.read() }
    },
  }
}

function closed(): TalonError {
  return unavailableError('Storage is closed.')
}
