import { parentPort, workerData } from 'node:worker_threads'
import { checkBackup, stageBackup } from './backup-check.ts'
import { copyAndCheck } from './backup-copy.ts'
import { storageError, unavailableError, type WireError, writeError } from './errors.ts'

/** What can be asked of the thread, by name. */
export const tasks = { copyAndCheck, checkBackup, stageBackup }

export type Task = {
  [Name in keyof typeof tasks]: { name: Name; input: Parameters<(typeof tasks)[Name]> }
}[keyof typeof tasks]
/** `full`: it failed because the disk is. */
export type Report = { result: unknown } | { error: WireError; full: boolean }

if (parentPort) parentPort.postMessage(await work(workerData as Task)) // Given by backup-thread.ts.

async function work({ name, input }: Task): Promise<Report> {
  // Each name is paired with the input of its own function, which an index cannot say.
  const task = tasks[name] as (...input: unknown[]) => unknown
  try {
    return { result: await task(...input) }
  } catch (thrown) {
    return { error: writeError(explain(thrown)), full: isFull(thrown) }
  }
}

/** What the disk or the file system says is for a person to read; what is left is a fault of ours. */
function explain(thrown: unknown): unknown {
  const known = storageError(thrown)
  if (known !== thrown || !(thrown instanceof Error) || !('syscall' in thrown)) return known
  return unavailableError(thrown.message, thrown)
}

function isFull(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  const code = 'code' in thrown ? thrown.code : undefined
  return code === 'SQLITE_FULL' || code === 'ENOSPC' || isFull(thrown.cause)
}
