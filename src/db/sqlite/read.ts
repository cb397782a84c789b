import { TalonError } from '../../protocol/errors.ts'
import type { ReadOptions } from '../heavy.ts'

/** A heavy read on its way, from being asked for to its answer. */
export interface Read {
  name: string
  input: unknown
  /** By `performance.now()`. */
  askedAt: number
  promise: Promise<unknown>
  /** Answers its caller; only the first answer counts. */
  settle(answer: { result: unknown } | { error: unknown }): void
}

/** A read whose caller stops waiting: told once at most, and only before it is answered. */
export type Abandon = (read: Read, why: 'timeout' | 'cancelled', error: unknown) => void

export const retryAfterMs = 1_000

/** Begins to wait for a read, as long as its options say. */
export function createRead(
  name: string,
  input: unknown,
  { signal, timeoutMs }: ReadOptions & { timeoutMs: number },
  { isWaiting, abandon }: { isWaiting: (read: Read) => boolean; abandon: Abandon },
): Read {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const onAbort = () => abandon(read, 'cancelled', cancellation(signal))
  const timer = setTimeout(() => abandon(read, 'timeout', timeout(timeoutMs, isWaiting(read))), timeoutMs)
  signal?.addEventListener('abort', onAbort, { once: true })
  const read: Read = {
    name,
    input,
    askedAt: performance.now(),
    promise,
    settle(answer) {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      if ('error' in answer) reject(answer.error)
      else resolve(answer.result)
    },
  }
  return read
}

/** What the caller is told whose signal says that it does not wait any more. */
export function cancellation(signal: AbortSignal | undefined): TalonError {
  const reason: unknown = signal?.reason
  return reason instanceof TalonError ? reason : new TalonError('CANCELLED', 'Who asked for this read went away.')
}

function timeout(timeoutMs: number, isWaiting: boolean): TalonError {
  const seconds = `${timeoutMs / 1000} s`
  if (!isWaiting) {
    const text = `The answer took longer than ${seconds}: ask for less, or raise storage.readTimeoutMs.`
    return new TalonError('TIMEOUT', text)
  }
  const text = `No reader was free within ${seconds}: try again later, or allow more with storage.readers.`
  return new TalonError('TIMEOUT', text, { retryAfterMs })
}
