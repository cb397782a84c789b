import { parentPort } from 'node:worker_threads'
import type { Report, Task } from './task.ts'

// Loading a library takes longer than most tasks, and is not counted as a part of one.
parentPort?.on('message', async (task: Task) => {
  const say = (report: Report) => parentPort?.postMessage(report)
  try {
    const work = await prepare(task)
    say({ begun: true })
    say({ text: work() })
  } catch (error) {
    say({ problem: error instanceof Error ? error.message : String(error) })
  }
})

async function prepare(task: Task): Promise<() => string> {
  if (task.name === 'calculate') {
    const { calculate } = await import('./calculate.ts')
    return () => calculate(task.expression)
  }
  const { query } = await import('./query.ts')
  return () => query(task.json, task.query, task.maxChars)
}
