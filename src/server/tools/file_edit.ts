import { constants } from 'node:fs'
import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { diff } from './diff.ts'
import { replaceFile, type Version } from './draft.ts'
import { replaceOnce } from './replaceOnce.ts'
import { type OpenSpot, openSpot } from './spot.ts'
import { decodeText, readAll } from './text.ts'
import { defineTool, type ToolContext } from './tool.ts'
import { openFile } from './workspace.ts'

/** A file that can be edited, and one text of an edit. */
const maxFileBytes = 8 * 1_048_576
const maxTextLength = 1_048_576

const schema = z.strictObject({
  path: z.string().max(4_096).describe('Text file in the workspace.'),
  oldText: z
    .string()
    .min(1)
    .max(maxTextLength)
    .describe('Text to replace, exactly as it stands in the file, with enough around it to occur only once.'),
  newText: z.string().max(maxTextLength).describe('What takes its place; an empty text removes it.'),
})

type Args = z.output<typeof schema>

interface Edit {
  spot: OpenSpot
  text: string
  changes: string
  mode: number
  version: Version
}

export default defineTool({
  name: 'file_edit',
  description: 'Replaces one passage of a text file of the workspace, and shows the change as a unified diff.',
  group: 'files',
  permission: 'write',
  taints: true,
  schema,
  example: { path: 'notes.txt', oldText: 'Buy milk', newText: 'Buy oat milk' },
  dryRun: (args, context) =>
    withEdit(args, context, async ({ spot, changes }) => `Would edit ${spot.shown}.\n${changes}`),
  run: (args, context) =>
    withEdit(args, context, async ({ spot, text, changes, mode, version }) => {
      await replaceFile(spot, { content: text, mode, replaces: version }, context)
      return `Edited ${spot.shown}.\n${changes}`
    }),
})

async function withEdit(args: Args, context: ToolContext, use: (edit: Edit) => Promise<string>): Promise<string> {
  await using spot = await openSpot(args.path, context, 'write')
  await using handle = await openFile(spot.parent, spot.name, constants.O_RDONLY)
  const version = await handle.stat()
  const bytes = await readAll(handle, maxFileBytes, context.signal)
  if (!bytes) {
    const bound = `at most ${maxFileBytes} can be edited`
    throw new TalonError('TOO_LARGE', `${JSON.stringify(spot.shown)} has ${version.size} bytes; ${bound}.`)
  }
  const before = decodeText(bytes, spot.shown)
  const text = replaceOnce(before, args.oldText, args.newText, spot.shown)
  return await use({ spot, text, changes: diff(before, text), mode: version.mode, version })
}
