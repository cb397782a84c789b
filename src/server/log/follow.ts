import { setImmediate as nextTurn } from 'node:timers/promises'
import { writeFrame } from '../../protocol/envelope.ts'
import type { EventType } from '../../protocol/messages.ts'
import type { Outlet } from '../outlet.ts'
import type { Notice } from '../record.ts'
import { entryText, type LogFilter, matcher } from './lines.ts'
import { placeOf, type Ring } from './ring.ts'

// Lines that are looked at in one turn of the loop: few enough that others hardly wait.
const linesPerTurn = 250

export interface FollowDeps {
  ring: Ring
  frameId: () => string
  now: () => number
  /** What takes the frames, at its pace. */
  outlet: Pick<Outlet, 'notice' | 'isOpen' | 'hasRoom' | 'room'>
  failed(error: unknown): void
}

export interface Follower {
  /** The number of the line after which it begins. */
  after: number
  /** Lines between what was asked for and that. */
  dropped: number
  start(): void
  stop(): void
}

/**
 * Sends the lines of a log to one reader. It reads them from the ring, where it left off, as fast as its reader takes
 * them: nothing waits in memory for a slow one, who is told how many it missed when the ring has moved on. Nothing that
 * happens here is logged, or each line sent would make another.
 */
export function followLog(deps: FollowDeps, filter: LogFilter & { after?: number | undefined }): Follower {
  const { ring, outlet } = deps
  const matches = matcher(filter)
  const asked = placeOf(ring, filter.after)
  let at = Math.max(asked, ring.oldest() - 1)
  let stopped = false
  let pumping = false
  let stopListening = () => {}

  const turn = () => {
    const missed = ring.oldest() - 1 - at
    if (missed > 0) {
      at += missed
      outlet.notice(frame(deps, 'logs.dropped', JSON.stringify({ count: missed })))
    }
    for (let looked = 0; looked < linesPerTurn && outlet.hasRoom(); looked++) {
      const line = ring.at(at + 1)
      if (!line) return
      at += 1
      if (matches(line)) outlet.notice(frame(deps, 'logs.entry', entryText(line)))
    }
  }
  const pump = async () => {
    pumping = true
    try {
      // What is logged in this turn goes out together.
      await nextTurn()
      while (!stopped && outlet.isOpen() && at < ring.newest()) {
        if (outlet.hasRoom()) turn()
        else await outlet.room()
        await nextTurn()
      }
    } catch (error) {
      // Telling of it makes a line, and sending that one would fail in the same way.
      stop()
      deps.failed(error)
    } finally {
      pumping = false
    }
  }
  const wake = () => {
    if (!pumping && !stopped) void pump()
  }
  const stop = () => {
    stopped = true
    stopListening()
  }
  return {
    after: at,
    dropped: at - asked,
    start() {
      stopListening = ring.onLine(wake)
      wake()
    },
    stop,
  }
}

function frame({ frameId, now }: FollowDeps, type: EventType, payload: string): Notice {
  const [id, timestamp] = [frameId(), now()]
  const text = writeFrame({ id, type, timestamp }, payload)
  return { id, type, timestamp, text, payload: {}, sessionId: undefined, epoch: undefined, seq: undefined }
}
