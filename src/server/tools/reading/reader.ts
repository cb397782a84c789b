import { TalonError } from '../../../protocol/errors.ts'
import { createSideProcess, type SideProcessOptions } from '../sideProcess.ts'
import type { Reading, ResultsPage, Source, Task, TaskResult } from './reading.ts'

/** Makes documents readable in a process of its own, one at a time: a page may be made so that this takes for ever. */
export interface Reader {
  /** @throws TalonError `INVALID_MESSAGE` for what cannot be read, and as `SideProcess.ask` */
  read(source: Source, signal: AbortSignal): Promise<Reading>
  /** A search engine's page of results. @throws as `read` */
  results(html: string, maxHits: number, signal: AbortSignal): Promise<ResultsPage>
  /** Ends the process. */
  close(): Promise<void>
}

/** `timeLimitMs` is for one document; then its bare text is made instead. */
export type ReaderOptions = Partial<Pick<SideProcessOptions, 'timeLimitMs' | 'idleMs'>>

// A file of ours runs as it is written or as it was built.
const entry = new URL(import.meta.url.endsWith('.ts') ? './reading-worker.ts' : './reading-worker.js', import.meta.url)
// The largest page that is read takes some 300 MiB as a document; a PDF of some kilobytes may want any number.
const bounds = { maxHeapMib: 512, maxMemoryMib: 1_024 }

/** No process runs before the first document. */
export function createReader(options: ReaderOptions = {}): Reader {
  const defaults = { timeLimitMs: 15_000, idleMs: 30_000 }
  const side = createSideProcess<Task, TaskResult['result']>({ entry, ...bounds, ...defaults, ...options })

  async function ask(task: Task, signal: AbortSignal): Promise<TaskResult['result']> {
    const ended = await side.ask(task, signal)
    if ('answer' in ended) return ended.answer
    throw new TalonError('INVALID_MESSAGE', `The document cannot be read: ${ended.problem}.`)
  }
  return {
    async read(input, signal) {
      const answer = await ask({ name: 'read', input, plain: false }, signal).catch(error => {
        if (!isTooMuch(error)) throw error
        return ask({ name: 'read', input, plain: true }, signal)
      })
      return answer as Reading // The answer to a task has the type of its row, which a message cannot say.
    },
    async results(html, maxHits, signal) {
      const answer = await ask({ name: 'results', input: { html, maxHits } }, signal)
      return answer as ResultsPage // As above.
    },
    close: () => side.close(),
  }
}

/** Whether it was the document that took too long, or too much memory. */
function isTooMuch(error: unknown): boolean {
  return error instanceof TalonError && (error.code === 'TIMEOUT' || error.code === 'TOO_LARGE')
}
