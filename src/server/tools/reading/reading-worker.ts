import { serve } from '../sideWork.ts'
import { read } from './read.ts'
import type { Task, TaskResult } from './reading.ts'

serve<Task, TaskResult['result']>(async task => async () => {
  if (task.name === 'read') return await read(task.input, task.plain)
  const { readResults } = await import('./results.ts')
  return readResults(task.input.html, task.input.maxHits)
})
