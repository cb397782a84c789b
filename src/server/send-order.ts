import type { Notice } from './record.ts'

/** The order in which one connection hears of its own messages. */
export interface SendOrder {
  /** A message of this connection is on its way to the store. */
  begin(): void
  /** It was answered. */
  end(): void
  /** Passes an event on, after the answers that come before it. */
  notice(notice: Notice): void
  /** Resolves when no message is on its way. */
  settled(): Promise<void>
}

// A commit takes milliseconds; where it takes longer, the order matters less than the memory.
const maxHeld = 1_000

/**
 * `session.accepted` announces an entry, so it leaves before the entry does: events of the sessions of a connection wait
 * while a message of its own is being stored.
 */
export function createSendOrder(deliver: (notice: Notice) => void): SendOrder {
  const held: Notice[] = []
  const waiting: (() => void)[] = []
  let underWay = 0
  const flush = () => {
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
      held.push(notice)
      if (underWay === 0 || held.length > maxHeld) flush()
    },
    settled: () => (underWay === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))),
  }
}
