import { dirname } from 'node:path'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { createCheckpoints } from './checkpoint.ts'
import { doChores } from './chores.ts'
import { commitBatch, type Order, type Receipt } from './commit.ts'
import { openCommitMark } from './commit-number.ts'
import { openWriter } from './open.ts'

export interface WriterData {
  file: string
  /** Pages in the log at which it is folded into the database. */
  checkpointPages: number | undefined
}

/** What the main thread sends: orders that were given in one turn of its loop, how it stands about space, or the wish to end. */
export type ToWriter = { orders: Order[] } | { low: boolean } | 'cut log' | 'close'
/** With what it took: the transaction, its sync of the disk included. */
export type FromWriter = Receipt & { durationMs: number }

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
  const { file, checkpointPages } = workerData as WriterData
  const connection = openWriter(file)
  const checkpoints = createCheckpoints(connection, checkpointPages)
  const mark = openCommitMark(dirname(file))
  const waiting: Order[] = []
  let closing = false
  let low = false
  let choresDueAt: number | undefined
  let timer: NodeJS.Timeout | undefined

  const take = (message: ToWriter) => {
    if (message === 'close') closing = true
    else if (message === 'cut log') checkpoints.cut()
    else if ('low' in message) noteSpace(message.low)
    else for (const order of message.orders) waiting.push(order)
  }
  const noteSpace = (isLow: boolean) => {
    low = isLow
    // What was left undone for want of space.
    if (!low) choresDueAt ??= performance.now() + choreDelayMs
  }
  const serveWaiting = () => {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) take(next.message)
    if (waiting.length === 0) return false
    const startedAt = performance.now()
    const receipt = commitBatch(connection, waiting.splice(0, maxOrdersPerCommit))
    if (receipt.commit !== undefined) mark.write(receipt.commit)
    port.postMessage({ ...receipt, durationMs: performance.now() - startedAt } satisfies FromWriter)
    choresDueAt ??= performance.now() + choreDelayMs
    if (performance.now() >= choresDueAt) doSomeChores()
    return true
  }
  const doSomeChores = () => {
    const more = doChores(connection, { low })
    checkpoints.look()
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
    checkpoints.end()
    mark.close()
    connection.close()
    port.close()
  }

  port.on('message', (message: ToWriter) => {
    take(message)
    while (serveWaiting()) {}
    if (closing) close()
    else if (choresDueAt !== undefined) timer ??= setTimeout(tidy, choreDelayMs)
  })
}
