import type { ImportedEntry } from '../store.ts'
import type { Writing } from './sink.ts'

// One batch is a few milliseconds of the writer's time.
const entriesPerBatch = 256
const charsPerBatch = 512 * 1024
// Enough that the writer never waits; each holds a batch in memory.
const maxUnderway = 4

export interface Batches {
  push(entry: ImportedEntry, chars: number): void
  /** Sends what is full; resolves when there is room for more. */
  send(): Promise<void>
  /** Sends everything; resolves when it is stored, with the number of entries. */
  finish(): Promise<number>
  /** Waits for what is on its way, whatever becomes of it. */
  settle(): Promise<void>
}

/** Hands entries on in batches, some on their way at once; `begin` is asked for the place when the first is full. */
export function createBatches(begin: () => Promise<Writing>): Batches {
  const underway: Promise<void>[] = []
  const full: ImportedEntry[][] = []
  let batch: ImportedEntry[] = []
  let chars = 0
  let sent = 0

  function close(): void {
    if (batch.length > 0) full.push(batch)
    batch = []
    chars = 0
  }

  async function send(): Promise<void> {
    for (const entries of full.splice(0)) {
      const { add } = await begin()
      const written = add(entries)
      // It is awaited below, but may fail before.
      written.catch(() => undefined)
      underway.push(written)
      sent += entries.length
      while (underway.length > maxUnderway) await underway.shift()
    }
  }

  return {
    push(entry, length) {
      batch.push(entry)
      chars += length
      if (batch.length >= entriesPerBatch || chars >= charsPerBatch) close()
    },
    send,
    async finish() {
      close()
      await send()
      await Promise.all(underway.splice(0))
      return sent
    },
    async settle() {
      await Promise.allSettled(underway)
    },
  }
}
