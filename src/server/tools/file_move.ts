import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { moveEntry } from './move.ts'
import { openPlace } from './roots.ts'
import { openSpot } from './spot.ts'
import { defineTool, type ToolContext } from './tool.ts'
import { extentOf } from './tree.ts'
import { entryOf, type Folder, kindOf, openFolder } from './workspace.ts'

const schema = z.strictObject({
  from: z.string().max(4_096).describe('File or folder in the workspace.'),
  to: z.string().max(4_096).describe('Its new path, with its name; folders that are missing are made.'),
})

type Args = z.output<typeof schema>

export default defineTool({
  name: 'file_move',
  description: 'Moves or renames a file or a folder of the workspace. It never takes the place of what is there.',
  group: 'files',
  permission: 'write',
  schema,
  example: { from: 'draft.md', to: 'docs/plan.md' },
  dryRun: async (args, context) => {
    await using from = await openSpot(args.from, context, 'write')
    const { kind } = await extentOf(from, context.signal)
    const to = await foreseen(args, from.parent, from.shown, context)
    return `Would move the ${kind} ${from.shown} to ${to}.`
  },
  run: async (args, context) => {
    await using from = await openSpot(args.from, context, 'write')
    const { kind } = await extentOf(from, context.signal)
    const to = await foreseen(args, from.parent, from.shown, context)
    await using target = await openSpot(args.to, context, 'write', { create: true })
    await moveEntry(from, target, context)
    return `Moved the ${kind} ${from.shown} to ${to}.`
  },
})

/** Where it would go. Nothing is made on the way. @throws TalonError if it cannot go there */
async function foreseen({ to }: Args, { root }: Folder, from: string, context: ToolContext): Promise<string> {
  await using place = await openPlace(to, context, 'write')
  const { segments, shown } = place
  const name = segments.at(-1)
  if (name === undefined || to.endsWith('/')) {
    throw new TalonError(
      'INVALID_MESSAGE',
      `${JSON.stringify(to)} names a folder. Give the whole new path, with the name.`,
    )
  }
  if (place.root.root === root && shown.startsWith(`${from}/`)) {
    throw new TalonError('INVALID_MESSAGE', `${JSON.stringify(from)} cannot be moved into itself.`)
  }
  const taken = await entryBelow(place.root, segments.slice(0, -1), name)
  if (taken === undefined) return shown
  const advice = taken === 'folder' ? `Give a path in it, such as "${shown}/…".` : 'Choose another, or delete it first.'
  throw new TalonError('CONFLICT', `${JSON.stringify(shown)} exists already: a ${taken}. ${advice}`)
}

/** The kind of what lies there; undefined if nothing does, or if its folder is not there yet. */
async function entryBelow(root: Folder, folders: readonly string[], name: string): Promise<string | undefined> {
  try {
    await using folder = await openFolder(root, folders)
    const stats = await entryOf(folder, name)
    return stats && kindOf(stats)
  } catch (error) {
    if (error instanceof TalonError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}
