import { TalonError } from '../../protocol/errors.ts'
import type { Config } from '../config.ts'
import type { Clock } from '../record.ts'

/** Requests of one connection that are served in one turn of the event loop without waiting. */
export const freePerTurn = 16
// Of each connection that waits, before the next one has its turn.
const perRound = 4
// After so long other events have their turn: what arrives meanwhile on calm connections is served at once.
const maxTurnMs = 1
/** So many wait on one connection before it is no longer read from. */
export const pauseAbove = 64
const resumeBelow = 16
// What one read of a socket may hold beyond that.
const maxWaiting = 4_096
const retryAfterMs = 500

/** The queue of one connection. */
export interface Lane {
  /** Serves this request now, or when its turn comes; `refuse` hears why it is not served. */
  run(serve: () => void, refuse: (error: TalonError) => void): void
  waiting(): number
  /** Forgets what waits. */
  close(): void
}

export interface Lanes {
  /** @param flow told to stop reading from the connection, and to go on */
  open(flow: { pause: () => void; resume: () => void }): Lane
  /** Requests that wait, on all connections. */
  waiting(): number
}

interface Waiting {
  serve: () => void
  refuse: (error: TalonError) => void
  since: number
}

interface State {
  queue: Waiting[]
  /** Index of the next one in the queue, which is cut from time to time. */
  next: number
  turn: number
  served: number
  paused: boolean
  flow: { pause: () => void; resume: () => void }
}

/**
 * Serves connections in turn, so that one that sends very much delays itself only: each is served some requests at once,
 * and what comes beyond them waits and is taken round-robin.
 */
export function createLanes(deps: { clock: Pick<Clock, 'monotonic'>; config: Config }): Lanes {
  const { clock } = deps
  // Its first one waits for longest; who has had a turn goes to its end.
  const busy = new Set<State>()
  let turn = 0
  let scheduled = false
  const schedule = () => {
    if (scheduled) return
    scheduled = true
    setImmediate(nextTurn)
  }
  const nextTurn = () => {
    scheduled = false
    turn += 1
    const endsAt = clock.monotonic() + maxTurnMs
    // A Set comes to what is added to it meanwhile.
    for (const state of busy) {
      busy.delete(state)
      for (let count = 0; count < perRound && left(state) > 0; count += 1) serveNext(state)
      if (left(state) > 0) busy.add(state)
      if (clock.monotonic() >= endsAt) break
    }
    if (busy.size > 0) schedule()
  }
  const serveNext = (state: State) => {
    const one = state.queue[state.next]
    state.next += 1
    if (state.next > 256) {
      state.queue.splice(0, state.next)
      state.next = 0
    }
    if (state.paused && left(state) < resumeBelow) {
      state.paused = false
      state.flow.resume()
    }
    if (!one) return
    const waitedMs = clock.monotonic() - one.since
    if (waitedMs <= deps.config['limits.requestDeadlineMs']) return one.serve()
    one.refuse(new TalonError('TIMEOUT', 'This request waited too long for its turn. Try again.', { retryAfterMs }))
  }
  return {
    waiting: () => [...busy].reduce((sum, state) => sum + left(state), 0),
    open(flow) {
      const state: State = { queue: [], next: 0, turn, served: 0, paused: false, flow }
      return {
        waiting: () => left(state),
        run(serve, refuse) {
          if (state.turn !== turn) {
            state.turn = turn
            state.served = 0
          }
          schedule()
          if (left(state) === 0 && state.served < freePerTurn) {
            state.served += 1
            return serve()
          }
          if (left(state) >= maxWaiting) {
            const words = `At most ${maxWaiting} requests of one connection wait for their turn.`
            return refuse(new TalonError('OVERLOADED', words, { retryAfterMs }))
          }
          state.queue.push({ serve, refuse, since: clock.monotonic() })
          busy.add(state)
          if (state.paused || left(state) < pauseAbove) return
          state.paused = true
          state.flow.pause()
        },
        close() {
          busy.delete(state)
          state.queue = []
          state.next = 0
        },
      }
    },
  }
}

function left({ queue, next }: State): number {
  return queue.length - next
}
