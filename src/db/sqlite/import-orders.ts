import { setTimeout } from 'node:timers/promises'
import { TalonError } from '../../protocol/errors.ts'
import type { Commands } from '../store.ts'
import type { Progress } from './import.ts'
import { chainHash, toImportRow } from './import-row.ts'
import type { WriteQueue } from './queue.ts'

// Each keeps a few numbers per epoch; more at once than this is a caller that never finishes what it began.
const maxImports = 64
// In all, as long as a client would wait for one answer.
const maxAttempts = 100
const retryAfterMs = 100

type ImportCommands = Pick<
  Commands,
  'beginImport' | 'importEntries' | 'finishImport' | 'abandonImport' | 'dropUnfinishedImports' | 'recordImport'
>

/**
 * The commands of imports on the caller's side of the writer. Here is kept how many entries were handed in and their
 * hash, which what is read back must match before anybody sees the session.
 */
export function importCommands(queue: WriteQueue, erase: (before: number) => Promise<unknown>): ImportCommands {
  const submit: WriteQueue['submit'] = (name, input) => patiently(() => queue.submit(name, input))
  const imports = new Map<string, Map<number, Progress>>()

  async function verify(sessionId: string, handed: ReadonlyMap<number, Progress>): Promise<number> {
    let stored = 0
    for (const [epoch, expected] of handed) {
      const found = await readBack(submit, sessionId, epoch)
      if (found.seq !== expected.seq || found.hash !== expected.hash) {
        throw new TalonError(
          'INTERNAL',
          `What was stored of session ${sessionId} is not what was read: nothing of it was kept. Try again; if it comes again, the disk is failing.`,
        )
      }
      stored += found.seq
    }
    return stored
  }

  async function abandon(sessionId: string): Promise<void> {
    imports.delete(sessionId)
    await submit('giveUpImport', { sessionId })
    await erase(1)
  }

  return {
    async beginImport(input) {
      const { sessionId } = await patiently(async () => {
        if (imports.size >= maxImports) {
          throw new TalonError('OVERLOADED', 'Too many imports at once: try again when some have ended.')
        }
        return queue.submit('beginImport', input)
      })
      imports.set(sessionId, new Map())
      return { sessionId }
    },
    async importEntries({ sessionId, epoch, entries }) {
      const epochs = begun(imports, sessionId)
      let { seq, hash } = epochs.get(epoch) ?? nothing
      const rows = entries.map(entry => {
        const row = toImportRow(entry, ++seq)
        hash = chainHash(hash, row)
        return row
      })
      epochs.set(epoch, { seq, hash })
      await submit('importRows', { sessionId, epoch, rows })
    },
    async finishImport(input) {
      const { sessionId, epoch } = input
      const epochs = begun(imports, sessionId)
      try {
        const stored = await verify(sessionId, epochs)
        const entries = epochs.get(epoch)?.seq ?? 0
        const { session } = await submit('showImported', { ...input, entries, stored })
        imports.delete(sessionId)
        return { session, entries: stored, hash: [...epochs.values()].map(({ hash }) => hash).join(' ') }
      } catch (thrown) {
        // The reason is what the caller has to hear; what stays behind is hidden, and erased at the next start.
        await abandon(sessionId).catch(() => undefined)
        throw thrown
      }
    },
    abandonImport: ({ sessionId }) => abandon(sessionId),
    dropUnfinishedImports: () => submit('dropUnfinishedImports', undefined),
    recordImport: input => submit('recordImport', input),
  }
}

/** An import is nobody's first concern: where too much waits to be stored, it waits as well. */
async function patiently<Result>(submit: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await submit()
    } catch (thrown) {
      const isFull = thrown instanceof TalonError && thrown.code === 'OVERLOADED'
      if (!isFull || attempt === maxAttempts) throw thrown
      await setTimeout(retryAfterMs)
    }
  }
}

const nothing: Progress = { seq: 0, hash: '' }

function begun(imports: ReadonlyMap<string, Map<number, Progress>>, sessionId: string): Map<number, Progress> {
  const epochs = imports.get(sessionId)
  if (!epochs) throw new TalonError('CONFLICT', `The session ${sessionId} is not being imported: begin anew.`)
  return epochs
}

async function readBack(submit: WriteQueue['submit'], sessionId: string, epoch: number): Promise<Progress> {
  let found = { ...nothing, more: true }
  while (found.more) found = await submit('verifyStep', { sessionId, epoch, from: found })
  return found
}
