import { Worker } from 'node:worker_threads'
import { TalonError } from '../../protocol/errors.ts'
import { noRoom } from './backup-copy.ts'
import type { Report, Task, tasks } from './backup-worker.ts'
import { readError, unavailableError } from './errors.ts'

type Tasks = typeof tasks
type Result<Name extends keyof Tasks> = Awaited<ReturnType<Tasks[Name]>>

export interface ThreadOptions {
  /** Ends the thread; the promise rejects then. */
  signal?: AbortSignal | undefined
}

// 3 TB at the speed of one disk: what takes longer hangs.
const maxTaskMs = 6 * 60 * 60_000
const maxEndMs = 1_000
// A file of ours runs as it is written or as it was built.
const entry = import.meta.url.endsWith('.ts') ? './backup-worker.ts' : './backup-worker.js'

/**
 * Does a long piece of work with files in a thread of its own, so that nobody else waits for it.
 * @throws TalonError `STORAGE_UNAVAILABLE` with the reason, `CANCELLED` if it was ended
 */
export async function inThread<Name extends keyof Tasks>(
  name: Name,
  input: Parameters<Tasks[Name]>,
  { signal }: ThreadOptions = {},
): Promise<Result<Name>> {
  if (signal?.aborted) throw cancelled()
  const worker = new Worker(new URL(entry, import.meta.url), {
    name: 'backup',
    workerData: { name, input } as Task, // The pair is of one row of the table, as the parameters say.
    // It needs nothing of the environment, so it holds no secret of it.
    env: {},
    // Flags of the process may not suit a thread: --input-type would end it at once.
    execArgv: [],
  })
  const { promise, resolve, reject } = Promise.withResolvers<Report>()
  worker.on('message', resolve)
  worker.on('error', reject)
  let reason = unavailableError('The work on the backup ended before it was done.')
  worker.on('exit', () => reject(reason))
  // It ends between two steps; where one of them takes long, nobody waits for that.
  const end = (error: TalonError) => {
    reason = error
    void worker.terminate()
    setTimeout(() => reject(error), maxEndMs).unref()
  }
  const onAbort = () => end(cancelled())
  signal?.addEventListener('abort', onAbort, { once: true })
  const late = setTimeout(() => end(unavailableError('The work on the backup took too long and was ended.')), maxTaskMs)
  try {
    const report = await promise
    if ('result' in report) return report.result as Result<Name> // Made by the function of this very name.
    const error = readError(report.error)
    throw report.full ? noRoom(error.message) : error
  } finally {
    clearTimeout(late)
    signal?.removeEventListener('abort', onAbort)
  }
}

function cancelled(): TalonError {
  return new TalonError('CANCELLED', 'The backup was cancelled.')
}
