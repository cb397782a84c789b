import * as z from 'zod'
import { type OpenPlace, openPlace } from './roots.ts'
import { defineTool, type ToolContext } from './tool.ts'
import { type Entry, type WalkBudget, walk } from './walk.ts'
import { entryOf, type Folder, kindOf, openFolder } from './workspace.ts'

/** Names in one answer. */
const maxListed = 2_000
/** Names looked at for one answer, those that do not fit the pattern included. */
const maxVisited = 50_000

const schema = z.strictObject({
  path: z.string().max(4_096).describe('Folder in the workspace; "." is the workspace itself.'),
  recursive: z.boolean().default(false).describe('Whether folders inside are listed too.'),
  pattern: z
    .string()
    .min(1)
    .optional()
    .describe('Only names that fit, such as "*.md"; with a "/" it is about the path below the folder.'),
})

type Args = z.output<typeof schema>

export default defineTool({
  name: 'file_list',
  description: 'Lists a folder of the workspace: one path a line, folders end in "/", files show their size.',
  group: 'files',
  permission: 'safe',
  // A name may say as much as a text.
  taints: true,
  schema,
  example: { path: '.', recursive: true, pattern: '*.md' },
  dryRun: async (args, context) => {
    await using place = await openPlace(args.path, context, 'read')
    return `Would list ${place.shown}.`
  },
  run: async (args, context) => {
    await using place = await openPlace(args.path, context, 'read')
    const single = await fileAt(place)
    if (single !== undefined) return single
    await using folder = await openFolder(place.root, place.segments)
    return await list(folder, place.shown, args, context)
  },
})

/** The line of a path that is a file, which is listed like one of a folder. */
async function fileAt({ root, segments, shown }: OpenPlace): Promise<string | undefined> {
  const name = segments.at(-1)
  if (name === undefined) return undefined
  await using parent = await openFolder(root, segments.slice(0, -1))
  const stats = await entryOf(parent, name)
  if (!stats?.isFile()) return undefined
  return await lineOf({ name, shown, kind: kindOf(stats), parent }) // The folder closes when this returns.
}

/** The engine of patterns is loaded at its first use: a gateway that is idle does without its tables. */
async function globFor(pattern: string): Promise<(path: string) => boolean> {
  const { compileGlob } = await import('./glob.ts')
  return compileGlob(pattern)
}

async function list(folder: Folder, shown: string, args: Args, { signal }: ToolContext): Promise<string> {
  const fits = args.pattern === undefined ? () => true : await globFor(args.pattern)
  const prefix = shown === '.' ? 0 : shown.length + 1
  const budget: WalkBudget = { entries: maxVisited }
  const lines: string[] = []
  for await (const entry of walk(folder, { recursive: args.recursive, budget, signal })) {
    if (!fits(entry.shown.slice(prefix))) continue
    if (lines.length >= maxListed) {
      budget.stopped = `there are more than ${maxListed}`
      break
    }
    lines.push(await lineOf(entry))
  }
  if (budget.stopped !== undefined) lines.push(`[not all: ${budget.stopped}; narrow it by path or pattern]`)
  if (lines.length > 0) return lines.join('\n')
  return args.pattern === undefined ? `${shown} is empty.` : `Nothing in ${shown} fits ${JSON.stringify(args.pattern)}.`
}

async function lineOf({ name, shown, kind, parent }: Entry): Promise<string> {
  if (kind === 'folder') return `${shown}/`
  if (kind !== 'file') return `${shown} (${kind})`
  const stats = await entryOf(parent, name)
  return `${shown} (${stats?.size ?? 0} bytes)`
}
