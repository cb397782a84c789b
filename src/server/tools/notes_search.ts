import * as z from 'zod'
import { storedLine } from './memory/keep.ts'
import { noteHead } from './memory/show.ts'
import { defineTool } from './tool.ts'

const maxHits = 20
// Longer notes are shown by the part where the words stand; so are those behind the first that fill the room.
const maxWholeChars = 2_000
const maxWholeTotal = 16_000

export default defineTool({
  name: 'notes_search',
  description:
    'Finds notes by their title and text, best first: words, "phrases", prefix*, -without, one OR another, after:2026-01-31. An empty query lists the newest.',
  group: 'notes',
  permission: 'safe',
  schema: z.strictObject({
    query: z.string().max(1_000).describe('What to look for, in any language; empty for all.'),
    tag: storedLine(60).optional().describe('Only notes with this tag.'),
  }),
  example: { query: 'passport', tag: 'travel' },
  dryRun: async ({ query, tag }) =>
    `Would search the notes${tag === undefined ? '' : ` with the tag ${JSON.stringify(tag)}`} for ${JSON.stringify(query)}.`,
  async run({ query, tag }, { store, signal }) {
    const { hits, loose } = await store.searchNotes({ query, tag, limit: maxHits + 1 }, { signal })
    if (hits.length === 0)
      return `No note matches ${JSON.stringify(query)}${tag === undefined ? '' : ` with the tag ${JSON.stringify(tag)}`}.`
    let room = maxWholeTotal
    const shown = hits.slice(0, maxHits).map(({ snippet, ...note }) => {
      const isWhole = note.chars <= Math.min(maxWholeChars, room)
      if (isWhole) room -= note.chars
      const text = isWhole ? note.content : `${snippet.text}\n(shown in part; ${note.chars} characters in all)`
      return `${noteHead(note)}\n  ${text.replaceAll('\n', '\n  ')}`
    })
    const head = loose ? 'No note holds all of these words; the best that hold some:\n\n' : ''
    const more = hits.length > maxHits ? `\n\nThere are more than these ${maxHits}: ask for something narrower.` : ''
    const taints = hits.some(({ tainted }) => tainted)
    return { output: `${head}${shown.join('\n\n')}${more}\n\nmemory_read has each as a whole.`, taints }
  },
})
