import type { HeavyQueries } from '../heavy.ts'
import { unavailableError } from './errors.ts'
import type { Connection } from './open.ts'
import type { WriteQueue } from './queue.ts'
import { isBehind, newestMessage } from './search-index.ts'

type Search = HeavyQueries['search']

// Some 60,000 messages. After a larger import a search answers with what is indexed, and says how much is not.
const maxWaitMs = 3_000

/** Makes a search find all that was acknowledged before it: what the writer has not indexed by itself, it indexes now. */
export function searchCaughtUp(search: Search, reader: Connection, queue: Pick<WriteQueue, 'submit'>): Search {
  const steps = shareSteps(queue)
  return async (query, options) => {
    if (!reader.database.open) throw unavailableError('Storage is closed.')
    await catchUp(reader, steps, options?.signal)
    return search(query, options)
  }
}

async function catchUp(reader: Connection, steps: SharedSteps, signal: AbortSignal | undefined): Promise<void> {
  const newest = newestMessage(reader)
  const begunBefore = steps.begun()
  const until = performance.now() + maxWaitMs
  try {
    while (isBehind(reader, newest)) {
      if (signal?.aborted || performance.now() > until) return
      const { number, more } = await steps.next()
      // A step that was under way may have been done before the newest message was there.
      if (!more && number > begunBefore) return
    }
  } catch {
    // A disk that takes nothing keeps nobody from searching what is indexed.
  }
}

type SharedSteps = ReturnType<typeof shareSteps>

/** All searches wait for the same step, so that the commits of others wait for one at a time. */
function shareSteps(queue: Pick<WriteQueue, 'submit'>) {
  let begun = 0
  let underWay: Promise<{ more: boolean }> | undefined
  return {
    begun: () => begun,
    async next(): Promise<{ number: number; more: boolean }> {
      if (!underWay) {
        begun += 1
        underWay = queue.submit('indexStep', undefined).finally(() => {
          underWay = undefined
        })
      }
      const number = begun
      return { number, ...(await underWay) }
    },
  }
}
