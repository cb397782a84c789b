import type { Notice } from './record.ts'

/** The order in which one connection hears of its own messages. */
export interface SendOrder {
  /** A message of this connection is on its way to the store. */
  begin(): void
  /** It was answered. */
  end(): void
  /** Passes an event on, after the answers that come before it. */
  notice(notice: Notice): void
  /** Passes on what is read from the log: it waits for nothing, because its reader is paced by its socket alone. */
  replay(notice: Notice): void
  /** Resolves when no message is on its way. */
  settled(): Promise<void>
}

// A commit takes milliseconds; where it takes longer, the order matters less than the memory.
const maxHeld = 1_000
const maxHeldCharacters = 256 * 1024

/**
 * `session.accepted` announces an entry, so it leaves before the entry does: events of the sessions of a connection wait
 * while a message of its own is being stored.
 */
export function createSendOrder(deliver: (notice: Notice) => void): SendOrder {
  const held: Notice[] = []
  const waiting: (() => void)[] = []
  let underWay = 0
  let heldCharacters = 0
  const flush = () => {
    heldCharacters = 0
    for (const notice of held.splice(0)) deliver(notice)
  }
  return {
    begin() {
      underWay += 1
    },
    end() {
      underWay -= 1
      flush()
      if (underWay === 0) for (const resolve of waiting.splice(0)) resolve()
    },
    notice(notice) {
      if (underWay === 0) return deliver(notice)
      held.push(notice)
      heldCharacters += notice.text.length
      if (held.length > maxHeld || heldCharacters > maxHeldCharacters) flush()
    },
    replay(notice) {
      flush()
      deliver(notice)
    },
    settled: () => (underWay === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))),
  }
}
