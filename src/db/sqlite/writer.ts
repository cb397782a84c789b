import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { doChores } from './chores.ts'
import { commitBatch, type Order, type Receipt } from './commit.ts'
import { openWriter } from './open.ts'

/** What the main thread sends: orders that were given in one turn of its loop, or the wish to end. */
export type ToWriter = { orders: Order[] } | 'close'
export type FromWriter = Receipt

// Chores follow a commit after this time: at once, a lone client's next request would wait for their sync of the disk.
const choreDelayMs = 50
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
  let choresDueAt: number | undefined
  let timer: NodeJS.Timeout | undefined

  const take = (message: ToWriter) => {
    if (message === 'close') closing = true
    else for (const order of message.orders) waiting.push(order)
  }
  const serveWaiting = () => {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) take(next.message)
    if (waiting.length === 0) return false
    port.postMessage(commitBatch(connection, waiting.splice(0, maxOrdersPerCommit)) satisfies FromWriter)
    choresDueAt ??= performance.now() + choreDelayMs
    if (performance.now() >= choresDueAt) doSomeChores()
    return true
  }
  const doSomeChores = () => {
    const more = doChores(connection)
    choresDueAt = more ? performance.now() + choreDelayMs : undefined
    return more
  }
  const tidy = () => {
    timer = undefined
    if (closing || choresDueAt === undefined) return
    // Whoever came meanwhile is served between two steps.
    let more = true
    while (more) {
      while (serveWaiting()) {}
      more = !closing && doSomeChores()
    }
    if (closing) close()
  }
  const close = () => {
    clearTimeout(timer)
    try {
      connection.database.pragma('wal_checkpoint(TRUNCATE)')
    } finally {
      connection.close()
      port.close()
    }
  }

  port.on('message', (message: ToWriter) => {
    take(message)
    while (serveWaiting()) {}
    if (closing) close()
    else if (choresDueAt !== undefined) timer ??= setTimeout(tidy, choreDelayMs)
  })
}
