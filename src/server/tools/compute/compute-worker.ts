import { serve } from '../sideWork.ts'
import type { Task } from './task.ts'

// Loading a library takes longer than most tasks, and is not counted as a part of one.
serve<Task, string>(async task => {
  if (task.name === 'calculate') {
    const { calculate } = await import('./calculate.ts')
    return () => calculate(task.expression)
  }
  const { query } = await import('./query.ts')
  return () => query(task.json, task.query, task.maxChars)
})
