import { parentPort, workerData } from 'node:worker_threads'
import { type WireError, writeError } from './errors.ts'
import { guardReads } from './guard.ts'
import { type HeavyRead, performRead } from './heavy-reads.ts'
import { openReader } from './open.ts'

/** What a reader is started with. `cancelled` holds the id of the newest read that nobody waits for any more. */
export interface ReaderData {
  file: string
  cancelled: Int32Array
}

/** What the main thread sends: one read at a time, or the wish to end. */
export type ToReader = { id: number; name: string; input: unknown } | 'close'
export type FromReader = { id: number } & ({ ok: true; result: unknown } | { ok: false; error: WireError })

/** Serves a table of reads in a worker thread, on a connection of its own, until it is told to close. */
export function serveReads(reads: Readonly<Record<string, HeavyRead<never, unknown>>>): void {
  if (!parentPort) throw new Error('A reader runs in a worker thread only.')
  const port = parentPort
  // Given by the pool that started this thread.
  const { file, cancelled } = workerData as ReaderData
  const connection = openReader(file)
  let current = 0
  const check = () => {
    if (Atomics.load(cancelled, 0) === current) throw new Error('Nobody waits for this read any more.')
  }
  guardReads(connection, check)

  const answer = (name: string, input: unknown): FromReader => {
    try {
      const read = reads[name]
      if (!read) throw new Error(`There is no read "${name}".`)
      return { id: current, ok: true, result: performRead(connection, read, input, check) }
    } catch (thrown) {
      return { id: current, ok: false, error: writeError(thrown) }
    }
  }
  port.on('message', (message: ToReader) => {
    if (message === 'close') {
      connection.close()
      port.close()
      return
    }
    current = message.id
    port.postMessage(answer(message.name, message.input))
  })
}
