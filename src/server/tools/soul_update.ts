import * as z from 'zod'
import { originOf, outsideMark, storedText } from './memory/keep.ts'
import { defineTool } from './tool.ts'

// It is in every prompt as a whole.
const maxChars = 16_000

export default defineTool({
  name: 'soul_update',
  description:
    'Replaces the persona (SOUL.md): who the assistant is and how it speaks, in every conversation from its next answer on. Older versions are kept.',
  group: 'memory',
  permission: 'write',
  schema: z.strictObject({ content: storedText(maxChars).describe('The whole persona, in Markdown.') }),
  example: { content: 'You are Talon: dry, kind, brief. You answer in the language of the question.' },
  async dryRun({ content }, { store }) {
    const now = await store.getPersona()
    return `Would replace SOUL.md, ${now ? `version ${now.version}` : 'the default'}, by ${content.length} characters.`
  },
  async run({ content }, context) {
    const { version, changed } = await context.store.savePersona({ ...originOf(context), content })
    if (!changed) return `Nothing changes: SOUL.md says so already, in version ${version}.`
    const before = version > 1 ? `; memory_read has the one before as SOUL.md@${version - 1}` : ''
    const mark = context.tainted ? ` It is marked ${outsideMark}: text of others is in this conversation.` : ''
    return `SOUL.md is version ${version} now${before}. It counts from the next answer on.${mark}`
  },
})
