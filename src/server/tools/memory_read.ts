import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { defaultPersona } from '../persona.ts'
import { minuteOf, outsideMark } from './memory/keep.ts'
import { type Place, placeOf, unknownPlace } from './memory/places.ts'
import { entryLine, noteHead } from './memory/show.ts'
import { defineTool, type ToolAnswer, type ToolContext } from './tool.ts'

// Of one day or category; a line at the end says how to read on.
const maxEntries = 500
const maxChars = 64 * 1024
const maxListedDays = 30

export default defineTool({
  name: 'memory_read',
  description:
    'Reads what is kept: SOUL.md (the persona), FACTS.json, memory/2026-11-23.md (a day, in UTC), memory/<category>.md, ' +
    'notes/<number>.md; with @<version> an older SOUL.md, FACTS.json or note. Without a path it lists what there is.',
  group: 'memory',
  permission: 'safe',
  schema: z.strictObject({
    path: z.string().max(500).default('').describe('What to read; all that there is is listed if it is left out.'),
  }),
  example: { path: 'memory/2026-11-23.md' },
  dryRun: async ({ path }) => `Would read ${JSON.stringify(path === '' ? 'the list of what there is' : path)}.`,
  run: ({ path }, context) => read(placeOf(path), path, context),
})

async function read(place: Place, path: string, context: ToolContext): Promise<ToolAnswer> {
  switch (place.kind) {
    case 'overview':
      return overview(context)
    case 'persona':
      return persona(place.version, context)
    case 'facts':
      return facts(place.version, context)
    case 'note':
      return note(place.id, place.version, path, context)
    case 'day':
    case 'category':
      return entries(place, path, context)
  }
}

async function overview({ store, signal }: ToolContext): Promise<ToolAnswer> {
  const [counts, { days, categories }, facts, persona] = await Promise.all([
    store.memoryCounts(),
    store.memoryOverview({}, { signal }),
    store.getFacts(),
    store.getPersona(),
  ])
  const shownDays = days.slice(0, maxListedDays)
  const lines = [
    `SOUL.md: the persona, ${persona ? `version ${persona.version}` : 'the default'}`,
    `FACTS.json: ${Object.keys(facts?.facts ?? {}).length} facts, ${facts ? `version ${facts.version}` : 'none saved yet'}`,
    `memory/: ${counts.entries} entries`,
    ...shownDays.map(({ day, entries }) => `  memory/${day}.md: ${entries}`),
    ...(days.length > shownDays.length ? ['  … and older days'] : []),
    ...categories.map(({ category, entries }) => `  memory/${category}.md: ${entries}`),
    `notes/: ${counts.notes} notes (notes_search finds them; an empty query lists the newest)`,
    `${counts.pendingTasks} of ${counts.tasks} tasks are to be done (tasks_list)`,
  ]
  // The name of a category is a text like any other.
  return { output: lines.join('\n'), taints: categories.some(({ tainted }) => tainted) }
}

async function persona(version: number | undefined, { store }: ToolContext): Promise<ToolAnswer> {
  const found = await store.getPersona(version)
  if (!found && version === undefined) return `SOUL.md, the default: nobody has set another.\n\n${defaultPersona}`
  if (!found) throw noVersion('SOUL.md', version)
  const { at, content, tainted } = found
  const head = `SOUL.md@${found.version}, saved ${minuteOf(at)}${tainted ? ` ${outsideMark}` : ''}`
  return { output: `${head}\n\n${content}`, taints: tainted }
}

async function facts(version: number | undefined, { store }: ToolContext): Promise<ToolAnswer> {
  const found = await store.getFacts(version)
  if (!found && version === undefined) return 'FACTS.json is empty: facts_update saves some.\n\n{}'
  if (!found) throw noVersion('FACTS.json', version)
  const outside = found.taintedKeys.length > 0 ? `; ${outsideMark}: ${found.taintedKeys.join(', ')}` : ''
  const head = `FACTS.json@${found.version}, saved ${minuteOf(found.at)}${outside}`
  return { output: `${head}\n\n${JSON.stringify(found.facts, undefined, 2)}`, taints: outside !== '' }
}

async function note(
  id: number,
  version: number | undefined,
  path: string,
  { store }: ToolContext,
): Promise<ToolAnswer> {
  const found = await store.getNote(id, version)
  if (!found && version !== undefined && (await store.getNote(id))) throw noVersion(`notes/${id}.md`, version)
  if (!found) throw unknownPlace(path)
  return { output: `${noteHead(found)}\n\n${found.content}`, taints: found.tainted }
}

async function entries(
  place: Extract<Place, { kind: 'day' | 'category' }>,
  path: string,
  { store, maxOutputBytes }: ToolContext,
): Promise<ToolAnswer> {
  const { before } = place
  const of = place.kind === 'day' ? { day: place.day } : { category: place.category }
  const bounds = { limit: maxEntries, maxChars: Math.min(maxChars, Math.floor(maxOutputBytes / 4)) }
  const { entries: found, hasMore } = await store.listMemory({ ...of, before, ...bounds })
  const oldest = found.at(-1)
  const name = `memory/${place.kind === 'day' ? place.day : place.category}.md`
  if (!oldest && before !== undefined) return `${name} has nothing older than entry ${before}.`
  if (!oldest) throw unknownPlace(path)
  const lines = found.toReversed().map(entry => entryLine(entry, entry.text))
  const more = hasMore ? `\n\nOlder entries: memory_read with the path "${name}@${oldest.id}"` : ''
  return { output: `${name}\n\n${lines.join('\n')}${more}`, taints: found.some(({ tainted }) => tainted) }
}

function noVersion(name: string, version: number | undefined): TalonError {
  return new TalonError(
    'NOT_FOUND',
    `${name} has no version ${version}, or it is too old to be kept. Read ${name} itself.`,
  )
}
