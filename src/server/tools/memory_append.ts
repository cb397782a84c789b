import * as z from 'zod'
import { dayOf, originOf, storedLine, storedText } from './memory/keep.ts'
import { categoryOf, problemOfCategory } from './memory/places.ts'
import { defineTool } from './tool.ts'

// What is longer is a note.
const maxChars = 8_000

const schema = z.strictObject({
  text: storedText(maxChars).describe('What to remember, in a sentence or two. Longer texts are for notes_save.'),
  category: storedLine(60)
    .superRefine((name, issues) => {
      const problem = problemOfCategory(name)
      if (problem !== undefined) issues.addIssue({ code: 'custom', message: problem })
    })
    .default('general')
    .describe('What it is about, such as "people" or "work".'),
})

export default defineTool({
  name: 'memory_append',
  description:
    'Remembers something beyond this conversation: later ones see the newest of it, and memory_search finds the rest.',
  group: 'memory',
  permission: 'write',
  schema,
  example: { text: 'Ada prefers trains to planes.', category: 'people' },
  dryRun: async ({ text, category }, { clock }) =>
    `Would keep ${text.length} characters in memory/${dayOf(clock.now())}.md and memory/${categoryOf(category)}.md.`,
  async run({ text, category: name }, context) {
    const category = categoryOf(name)
    const { id, day } = await context.store.appendMemory({ ...originOf(context), text, category })
    return `Kept as entry ${id}, in memory/${day}.md and memory/${category}.md.`
  },
})
