import { Worker } from 'node:worker_threads'

/** What a side process says: first that it begins, then how it ended. `problem` is for whoever asked. */
export type Report<Answer> = { begun: true } | { answer: Answer } | { problem: string }

/**
 * What a side process does, in it: prepares each task, which loads the library that it needs and is no part of its time,
 * and then works on it. Whatever either throws is a problem, in words.
 */
export function serve<Task, Answer>(prepare: (task: Task) => Promise<() => Answer | Promise<Answer>>): void {
  const say = (report: Report<Answer>) => process.send?.(report)
  process.on('message', async (message: unknown) => {
    try {
      const work = await prepare(message as Task) // The gateway sends nothing else.
      say({ begun: true })
      say({ answer: await work() })
    } catch (error) {
      say({ problem: error instanceof Error ? error.message : String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
  const maxBytes = Number(process.argv[2]) * 1_048_576
  new Worker(watchdog, { eval: true, env: {}, workerData: { maxBytes, parent: process.ppid } }).unref()
}

// While it works it hears nothing: a thread sees to it that it uses no more memory than it may, and outlives nobody.
const watchdog = `
const { maxBytes, parent } = require('node:worker_threads').workerData
setInterval(() => {
  if (process.ppid !== parent || process.memoryUsage.rss() > maxBytes) process.kill(process.pid, 'SIGKILL')
}, 50)
`
