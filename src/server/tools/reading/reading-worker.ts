import { parentPort } from 'node:worker_threads'
import { read } from './read.ts'
import type { Answer, Task, TaskResult } from './reading.ts'

// What was thrown in words; anything else says nothing to a person.
parentPort?.on('message', async (task: Task) => {
  try {
    parentPort?.postMessage({ result: await perform(task) } satisfies Answer)
  } catch (error) {
    parentPort?.postMessage({ problem: error instanceof Error ? error.message : String(error) } satisfies Answer)
  }
})

async function perform(task: Task): Promise<TaskResult['result']> {
  if (task.name === 'read') return await read(task.input, task.plain)
  const { readResults } = await import('./results.ts')
  return readResults(task.input.html, task.input.maxHits)
}
