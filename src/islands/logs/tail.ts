import { computed, type ReadonlySignal, signal } from '@preact/signals'
import type { EventPayload } from '../../protocol/messages.ts'

/** A line of the log, with whatever fields it has. */
export type Entry = EventPayload<'logs.entry'> & { readonly [field: string]: unknown }

export interface Row {
  /** Unique over restarts of the gateway, at which the numbers of lines begin anew. */
  key: string
  entry: Entry
}

/** Rows that the page holds at most: what a person can look through, and a browser lays out at once. */
export const maxRows = 500

export interface Tail {
  rows: ReadonlySignal<readonly Row[]>
  paused: ReadonlySignal<boolean>
  /** Lines that came while it was paused, those among them that are not kept included. */
  waiting: ReadonlySignal<number>
  /** Lines that were shown, or would have been, and had to make room. */
  gone: ReadonlySignal<number>
  /** Lines that passed before the gateway could send them. */
  dropped: ReadonlySignal<number>
  /** Takes lines at any rate; what came since the last frame is shown together. */
  push(row: Row): void
  drop(count: number): void
  pause(): void
  /** Shows what waited. */
  resume(): void
}

/**
 * The newest lines. While it is paused those that are shown stay where they are.
 * @param nextFrame calls back before the page is drawn again, and not while nobody looks at it
 */
export function createTail(first: readonly Row[], nextFrame: (then: () => void) => void): Tail {
  const rows = signal<readonly Row[]>(first.slice(-maxRows))
  const paused = signal(false)
  const arrived = signal(0)
  const gone = signal(0)
  const dropped = signal(0)
  let came: Row[] = []
  let overflow = 0
  let isAsked = false
  const show = () => {
    isAsked = false
    if (paused.peek()) {
      arrived.value = came.length + overflow
      return
    }
    const all = [...rows.peek(), ...came]
    gone.value += overflow + Math.max(0, all.length - maxRows)
    rows.value = all.slice(-maxRows)
    arrived.value = 0
    came = []
    overflow = 0
  }
  const ask = () => {
    if (isAsked) return
    isAsked = true
    nextFrame(show)
  }
  return {
    rows,
    paused,
    waiting: computed(() => (paused.value ? arrived.value : 0)),
    gone,
    dropped,
    push(row) {
      came.push(row)
      // Cut in steps, because to shift an array for each line costs more than the line.
      if (came.length >= 2 * maxRows) {
        overflow += came.length - maxRows
        came = came.slice(-maxRows)
      }
      ask()
    },
    drop(count) {
      dropped.value += count
    },
    pause() {
      paused.value = true
    },
    resume() {
      paused.value = false
      show()
    },
  }
}
