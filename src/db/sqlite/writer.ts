import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { commitBatch, type Order, type Receipt } from './commit.ts'
import { openWriter } from './open.ts'

/** What the main thread sends: orders that were given in one turn of its loop, or the wish to end. */
export type ToWriter = { orders: Order[] } | 'close'
export type FromWriter = Receipt

// More would make those who came first wait for the last; a sync is already shared by enough.
const maxOrdersPerCommit = 128

serve()

/**
 * The thread that owns the only writing connection. While one commit runs, orders gather at the port; the next takes all
 * of them. So a lone client waits for nobody, and a crowd shares one sync of the disk.
 */
function serve(): void {
  if (!parentPort) throw new Error('The writer runs in a worker thread only.')
  const port = parentPort
  // Given by the queue that started this thread.
  const connection = openWriter((workerData as { file: string }).file)
  const waiting: Order[] = []
  let closing = false

  const take = (message: ToWriter) => {
    if (message === 'close') closing = true
    else for (const order of message.orders) waiting.push(order)
  }
  const drain = () => {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) take(next.message)
  }

  port.on('message', (message: ToWriter) => {
    take(message)
    drain()
    while (waiting.length > 0) {
      port.postMessage(commitBatch(connection, waiting.splice(0, maxOrdersPerCommit)) satisfies FromWriter)
      drain()
    }
    if (!closing) return
    try {
      connection.database.pragma('wal_checkpoint(TRUNCATE)')
    } finally {
      connection.close()
      port.close()
    }
  })
}
