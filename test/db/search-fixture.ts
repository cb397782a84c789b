import { onTestFinished } from 'vitest'
import type { SearchInput, Store } from '../../src/db/store.ts'
import type { SearchHit } from '../../src/protocol/shapes.ts'
import { sendText, temporaryStore } from '../support/store.ts'

const day = 86_400_000
export const now = Date.UTC(2026, 5, 1)

/** A store with a session "s" in the channel "web". */
export async function searchableStore() {
  const { store, file, home, dispose } = await temporaryStore()
  onTestFinished(dispose)
  await store.createSession({ id: 's', senderId: 'ann', channel: 'web', at: now - day })
  return { store, file, home, ...searching(store) }
}

/** Says and searches with few words. */
export function searching(store: Store) {
  let count = 0
  return {
    say: (text: string, { sessionId = 's', at = now - day }: { sessionId?: string; at?: number } = {}) =>
      sendText(store, sessionId, `${sessionId}-${count++}`, { text, at }),
    find: (query: string, more: Partial<SearchInput> = {}) => find(store, query, more),
    /** What was found, as the text that is marked in each hit. */
    async marks(query: string, more: Partial<SearchInput> = {}): Promise<string[][]> {
      const hits = await find(store, query, more)
      return hits.map(({ snippet, marks }) => marks.map(([start, end]) => snippet.slice(start, end)))
    },
    /** What was found, as snippets in alphabetical order. */
    texts: async (query: string) => (await find(store, query)).map(({ snippet }) => snippet).sort(),
  }
}

async function find(store: Store, query: string, more: Partial<SearchInput> = {}): Promise<SearchHit[]> {
  return (await store.search({ query, limit: 100, now, ...more })).hits
}
