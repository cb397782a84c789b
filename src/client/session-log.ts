import type { ServerFrame } from '../protocol/envelope.ts'
import type { EventPayload, RequestPayload } from '../protocol/messages.ts'
import type { TalonClientError } from './error.ts'
import type { SessionEvent, SessionPosition } from './types.ts'

type Resumed = EventPayload<'session.resumed'>

/** Somebody who reads a session, with the place in its log up to which everything was handed over. */
export interface Follower {
  epoch: number | undefined
  last: number | undefined
  /** Whether the connection brings what comes next for this one. */
  live: boolean
  /** Whether it has no room; nothing is asked for on its behalf until it has. */
  full: boolean
  /** Hands over one event of `chars` characters; false if there was no room. */
  take(event: SessionEvent, chars: number): boolean
  end(error?: TalonClientError): void
}

/** What a log needs of the connection. */
export interface Wire {
  isOpen(): boolean
  ask<T extends 'session.subscribe' | 'session.unsubscribe'>(
    type: T,
    payload: RequestPayload<T>,
    done: (payload: Record<string, unknown>) => void,
    failed: (error: TalonClientError) => void,
  ): void
  retryDelayMs(attempt: number): number
  /** How long to wait for the `session.resumed` of a `hello`. */
  patienceMs: number
  forget(sessionId: string): void
}

/**
 * One session on the wire, shared by all who follow it here. The connection has one subscription, placed so that the one
 * furthest behind gets what it misses; each follower keeps its own place and drops what it has seen.
 */
export class SessionLog {
  readonly #sessionId: string
  readonly #wire: Wire
  readonly #followers = new Set<Follower>()
  /** What is under way; one thing at a time, because the gateway may serve two requests in either order. */
  #busy: 'hello' | 'ask' | undefined
  #asked: SessionPosition = {}
  #subscribed = false
  /** Counts connections and requests, so that an answer of an earlier one is known as such. */
  #turn = 0
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The newest entry that was passed on to the listeners of all events. */
  #epoch: number | undefined
  #head: number | undefined

  constructor(sessionId: string, wire: Wire) {
    this.#sessionId = sessionId
    this.#wire = wire
  }

  get awaitsHello(): boolean {
    return this.#busy === 'hello'
  }

  add(follower: Follower): void {
    this.#followers.add(follower)
    this.sync()
  }

  remove(follower: Follower): void {
    if (this.#followers.delete(follower)) this.sync()
  }

  /** The follower has room again: reads from the log what it missed. */
  catchUp(follower: Follower): void {
    follower.full = false
    follower.live = false
    this.sync()
  }

  /** The place to go on from, for `hello`; undefined if this session has none yet. */
  resume(): { sessionId: string; epoch: number; after: number } | undefined {
    const { epoch, after } = this.#position()
    if (epoch === undefined || after === undefined) return undefined
    this.#busy = 'hello'
    this.#asked = { epoch, after }
    const turn = this.#turn
    this.#timer = setTimeout(() => this.#failed(turn, undefined), this.#wire.patienceMs)
    return { sessionId: this.#sessionId, epoch, after }
  }

  /** The connection is gone, and with it everything that was under way. */
  lost(): void {
    this.#settle()
    this.#subscribed = false
    for (const follower of this.#followers) follower.live = false
    if (this.#followers.size === 0) this.#wire.forget(this.#sessionId)
  }

  end(error?: TalonClientError): void {
    this.#settle()
    const followers = [...this.#followers]
    this.#followers.clear()
    this.#wire.forget(this.#sessionId)
    for (const follower of followers) follower.end(error)
  }

  /** Takes a frame of this session; false if it holds nothing new for anybody. */
  take(frame: ServerFrame, chars: number): boolean {
    if (frame.seq !== undefined) return this.#entry(frame, frame.epoch ?? 0, frame.seq, chars)
    if (frame.type === 'session.resumed') {
      // The gateway writes this type with this payload only.
      this.#resumed(frame.payload as Resumed, this.#busy === 'hello' ? this.#asked : undefined)
    } else if (frame.type !== 'session.created') {
      const event = eventOf(frame)
      for (const follower of this.#followers) if (follower.live) hand(follower, event, chars)
    }
    if (frame.type === 'session.deleted') this.end()
    return true
  }

  /** The session could not be resumed: for now, or for good. */
  refused(error: TalonClientError): void {
    this.#failed(this.#turn, error)
  }

  /** Does what is due next: subscribe for those who miss something, unsubscribe when nobody is left. */
  sync(): void {
    if (this.#busy || this.#timer !== undefined) return
    if (this.#followers.size === 0) this.#leave()
    else if (this.#wire.isOpen() && [...this.#followers].some(follower => !follower.live && !follower.full))
      this.#join()
  }

  #join(): void {
    this.#asked = this.#position()
    const asked = this.#asked
    this.#ask('session.subscribe', { sessionId: this.#sessionId, ...asked }, payload => {
      // The reply that the protocol's table names for this request.
      this.#resumed(payload as Resumed, asked)
    })
  }

  #leave(): void {
    if (!this.#subscribed || !this.#wire.isOpen()) {
      this.#wire.forget(this.#sessionId)
      return
    }
    this.#subscribed = false
    this.#ask('session.unsubscribe', { sessionId: this.#sessionId }, () => {
      this.#settle()
      this.sync()
    })
  }

  #ask<T extends 'session.subscribe' | 'session.unsubscribe'>(
    type: T,
    payload: RequestPayload<T>,
    done: (payload: Record<string, unknown>) => void,
  ): void {
    this.#busy = 'ask'
    const turn = ++this.#turn
    this.#wire.ask(
      type,
      payload,
      reply => {
        if (turn === this.#turn) done(reply)
      },
      error => this.#failed(turn, error),
    )
  }

  #settle(): void {
    this.#turn++
    this.#busy = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** What cannot work ends all followers; what may work later is asked again, because a follower is promised the log. */
  #failed(turn: number, error: TalonClientError | undefined): void {
    if (turn !== this.#turn) return
    this.#settle()
    if (error && !error.retryable) this.end(error)
    else this.#later(error?.retryAfterMs ?? this.#wire.retryDelayMs(0))
  }

  #later(atLeastMs: number): void {
    const delayMs = this.#failures === 0 ? atLeastMs : Math.max(atLeastMs, this.#wire.retryDelayMs(this.#failures))
    this.#failures++
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.sync()
    }, delayMs)
  }

  /** The place of the follower furthest behind; those without a place begin wherever that puts them. */
  #position(): SessionPosition {
    let furthest: SessionPosition = {}
    for (const { epoch = this.#epoch, last, full } of this.#followers) {
      if (full) continue
      const place = { ...(epoch !== undefined && { epoch }), ...(last !== undefined && { after: last }) }
      if (isBehind(place, furthest)) furthest = place
    }
    return furthest
  }

  /** From here on the connection brings the entries after `from`. `asked` is the place that this answers, if it does. */
  #resumed(resumed: Resumed, asked: SessionPosition | undefined): void {
    const { epoch, seq, reset, replayed } = resumed
    const from = asked && !reset ? (asked.after ?? seq) : seq - replayed
    this.#subscribed = true
    if (asked) this.#settle()
    if (epoch !== this.#epoch || this.#head === undefined || from > this.#head) this.#head = from
    this.#epoch = epoch
    for (const follower of this.#followers) {
      if (follower.full) continue
      if (isVoid(follower, resumed, asked)) {
        if (!hand(follower, { type: 'reset', epoch }, 0)) continue
        follower.last = 0
      }
      follower.epoch = epoch
      follower.last ??= seq
      follower.live = follower.last >= from
      if (follower.live) hand(follower, { type: 'session.resumed', payload: resumed }, 0)
    }
    this.sync()
  }

  #entry(frame: ServerFrame, epoch: number, seq: number, chars: number): boolean {
    let missing = false
    for (const follower of this.#followers) {
      const { epoch: ownEpoch = 0, last = 0, live } = follower
      if (!live || epoch < ownEpoch || (epoch === ownEpoch && seq <= last)) continue
      if (epoch === ownEpoch && seq === last + 1) {
        if (!hand(follower, eventOf(frame), chars)) continue
        follower.last = seq
        this.#failures = 0
      } else {
        follower.live = false
        missing = true
      }
    }
    if (missing && !this.#busy && this.#timer === undefined) this.#later(0)
    const isNext = this.#head === undefined || (epoch === this.#epoch && seq === this.#head + 1)
    if (isNext) {
      this.#epoch = epoch
      this.#head = seq
    }
    return isNext
  }
}

/** Whether what a follower has seen is no longer part of the session: reset, or restored from an older backup. */
function isVoid({ epoch, last, live }: Follower, resumed: Resumed, asked: SessionPosition | undefined): boolean {
  if (epoch !== undefined && epoch !== resumed.epoch) return true
  if (live || last === undefined) return false
  return last > resumed.seq || (resumed.reset && asked?.epoch === resumed.epoch)
}

function isBehind(place: SessionPosition, other: SessionPosition): boolean {
  if (place.after === undefined) return other.after === undefined
  if (other.after === undefined) return true
  const [epoch, otherEpoch] = [place.epoch ?? Infinity, other.epoch ?? Infinity]
  return epoch < otherEpoch || (epoch === otherEpoch && place.after < other.after)
}

function hand(follower: Follower, event: SessionEvent, chars: number): boolean {
  if (follower.take(event, chars)) return true
  follower.full = true
  follower.live = false
  return false
}

/** The frame as its followers get it; its type and payload go together as the protocol's table says. */
function eventOf({ type, payload, epoch, seq }: ServerFrame): SessionEvent {
  return (seq === undefined ? { type, payload } : { type, payload, epoch, seq }) as SessionEvent
}
