import { TalonError } from '../../../protocol/errors.ts'
import { createSideProcess, type SideProcessOptions } from '../sideProcess.ts'
import type { Task } from './task.ts'

/** Calculates in a process of its own, one task at a time: a short expression may take for ever, or all memory. */
export interface Compute {
  /** @throws TalonError `INVALID_MESSAGE` that says what is wrong, and as `SideProcess.ask` */
  run(task: Task, signal: AbortSignal): Promise<string>
  /** Ends the process. */
  close(): Promise<void>
}

// A file of ours runs as it is written or as it was built.
const entry = new URL(import.meta.url.endsWith('.ts') ? './compute-worker.ts' : './compute-worker.js', import.meta.url)
// The largest document that is queried takes some 200 MiB as objects.
const bounds = { maxHeapMib: 384, maxMemoryMib: 768 }

/** No process runs before the first task. */
export function createCompute(options: Partial<Pick<SideProcessOptions, 'timeLimitMs' | 'idleMs'>> = {}): Compute {
  const side = createSideProcess<Task, string>({ entry, timeLimitMs: 2_000, idleMs: 30_000, ...bounds, ...options })
  return {
    async run(task, signal) {
      const ended = await side.ask(task, signal)
      if ('answer' in ended) return ended.answer
      throw new TalonError('INVALID_MESSAGE', ended.problem)
    },
    close: () => side.close(),
  }
}
