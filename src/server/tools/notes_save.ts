import * as z from 'zod'
import { originOf, storedLine, storedText } from './memory/keep.ts'
import { defineTool } from './tool.ts'

const maxContentChars = 64 * 1024
const maxTags = 20
const tag = storedLine(60)

export default defineTool({
  name: 'notes_save',
  description:
    'Saves a note under a title. A title that is there already is updated: the note gets a new version, the ten before it can still be read.',
  group: 'notes',
  permission: 'write',
  schema: z.strictObject({
    title: storedLine(300).describe('What the note is called; the same title in other capitals is the same note.'),
    content: storedText(maxContentChars).describe('The text, in Markdown.'),
    tags: z
      .union([z.array(tag).max(maxTags), z.string().max(maxTags * 60)])
      .optional()
      .describe('Words to find it by. A note that is there keeps its own if they are left out.'),
  }),
  example: { title: 'Packing list', content: '- Passport\n- Charger', tags: ['travel'] },
  async dryRun({ title, content }, { store }) {
    const known = await store.findNote(title)
    const what = known ? `a new version of notes/${known.id}.md` : 'a new note'
    return `Would save ${content.length} characters as ${what}, ${JSON.stringify(title)}.`
  },
  async run({ title, content, tags }, context) {
    const kept = { title, content, tags: tags === undefined ? undefined : tagsOf(tags) }
    const { id, version } = await context.store.saveNote({ ...originOf(context), ...kept })
    const name = `notes/${id}.md, ${JSON.stringify(title)}`
    if (version === 1) return `Saved as ${name}.`
    return `Updated ${name}: this is version ${version}; memory_read has the one before as notes/${id}.md@${version - 1}.`
  },
})

/** Each once, whatever its case; several in one text are separated by commas. */
function tagsOf(tags: readonly string[] | string): string[] {
  const list = typeof tags === 'string' ? tags.split(',') : tags
  const unique = new Map(list.flatMap(each => cleaned(each)).map(each => [each.toLowerCase(), each]))
  return [...unique.values()].slice(0, maxTags)
}

function cleaned(text: string): string[] {
  const parsed = tag.safeParse(text)
  return parsed.success ? [parsed.data] : []
}
