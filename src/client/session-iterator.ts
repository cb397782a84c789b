import type { TalonClientError } from './error.ts'
import type { Follower } from './session-log.ts'
import type { SessionEvent, SessionPosition } from './types.ts'

/** Events that wait for a slow consumer; then the rest is left in the gateway's log until it has read these. */
export const maxBufferedEvents = 1_024
/** The same by size, because an entry may be as large as a frame. One event alone may pass it. */
export const maxBufferedChars = 8 * 1_048_576

type Result = IteratorResult<SessionEvent, undefined>

interface Waiting {
  resolve: (result: Result) => void
  reject: (error: TalonClientError) => void
}

/** Joins a follower to its session; returns how to leave, and how to ask for what was missed. */
export type Follow = (follower: Follower) => { leave: () => void; catchUp: () => void }

const done: Result = { done: true, value: undefined }

/** The events of one session as an async iterator with a bounded buffer. */
export class SessionIterator implements AsyncIterableIterator<SessionEvent, undefined>, Follower {
  epoch: number | undefined
  last: number | undefined
  live = false
  full = false
  readonly #way: ReturnType<Follow>
  #buffer: { event: SessionEvent; chars: number }[] = []
  #chars = 0
  #waiting: Waiting[] = []
  #ended = false
  #error: TalonClientError | undefined

  constructor(position: SessionPosition, follow: Follow) {
    this.epoch = position.epoch
    this.last = position.after
    this.#way = follow(this)
  }

  take(event: SessionEvent, chars: number): boolean {
    const waiting = this.#waiting.shift()
    if (waiting) {
      waiting.resolve({ done: false, value: event })
      return true
    }
    const { length } = this.#buffer
    if (length >= maxBufferedEvents || (length > 0 && this.#chars + chars > maxBufferedChars)) return false
    this.#buffer.push({ event, chars })
    this.#chars += chars
    return true
  }

  end(error?: TalonClientError): void {
    this.#ended = true
    const [first, ...others] = this.#waiting.splice(0)
    if (error && first) first.reject(error)
    else this.#error = error
    if (!error) first?.resolve(done)
    for (const waiting of others) waiting.resolve(done)
  }

  next(): Promise<Result> {
    const item = this.#buffer.shift()
    if (item) {
      this.#chars -= item.chars
      if (this.#buffer.length === 0 && this.full && !this.#ended) this.#way.catchUp()
      return Promise.resolve({ done: false, value: item.event })
    }
    if (this.#error) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve(done)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  return(): Promise<Result> {
    this.#buffer = []
    this.#error = undefined
    this.end()
    this.#way.leave()
    return Promise.resolve(done)
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
