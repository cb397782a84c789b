import * as z from 'zod'
import { entryLine } from './memory/show.ts'
import { defineTool } from './tool.ts'

// What is longer is shown by the part where the words stand.
const maxWholeChars = 800

export default defineTool({
  name: 'memory_search',
  description:
    'Finds what memory_append kept, best first: words, "phrases", prefix*, -without, one OR another, after:2026-01-31, before:2026-02.',
  group: 'memory',
  permission: 'safe',
  schema: z.strictObject({
    query: z.string().max(1_000).describe('What to look for, in any language.'),
    maxResults: z.int().min(1).max(100).default(10).describe('How many entries at most.'),
  }),
  example: { query: 'trains OR planes', maxResults: 5 },
  dryRun: async ({ query }) => `Would search the memory for ${JSON.stringify(query)}.`,
  async run({ query, maxResults }, { store, signal }) {
    const { hits, loose } = await store.searchMemory({ query, limit: maxResults }, { signal })
    if (hits.length === 0) {
      return `Nothing in the memory matches ${JSON.stringify(query)}. notes_search looks in notes, session_search in this conversation.`
    }
    const head = loose ? 'No entry holds all of these words; the best that hold some:\n' : ''
    const lines = hits.map(hit => entryLine(hit, hit.text.length > maxWholeChars ? hit.snippet.text : hit.text))
    const isCut = hits.some(({ text }) => text.length > maxWholeChars)
    const more = isCut ? '\n\nLong entries are shown in part: memory_read has the whole day.' : ''
    return { output: `${head}${lines.join('\n')}${more}`, taints: hits.some(({ tainted }) => tainted) }
  },
})
