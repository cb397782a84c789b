import { processStart } from '../../db/process-start.ts'

/** A process as it named itself once. */
export interface Named {
  pid: number
  processStart?: string | undefined
}

/** Whether this very process lives: not one that got its id after it had ended. */
export function lives({ pid, processStart: began }: Named): boolean {
  return began === undefined ? isThere(pid) : processStart(pid) === began
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, under another account.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
