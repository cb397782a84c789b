import * as z from 'zod'
import { openSpot } from './spot.ts'
import { defineTool } from './tool.ts'
import { type Extent, extentOf } from './tree.ts'

const schema = z.strictObject({
  path: z.string().max(4_096).describe('File or folder in the workspace; a folder goes with all that is in it.'),
})

export default defineTool({
  name: 'file_delete',
  description:
    'Moves a file or a folder of the workspace to a trash, from where a person can get it back ("talon trash restore").',
  group: 'files',
  permission: 'write',
  schema,
  example: { path: 'drafts/old.md' },
  dryRun: async ({ path }, context) => {
    await using spot = await openSpot(path, context, 'write')
    const extent = await extentOf(spot, context.signal)
    return `Would move ${spot.shown} (${describe(extent)}) to the trash, which keeps it for ${context.config['tools.trashDays']} days.`
  },
  run: async ({ path }, context) => {
    const { signal, tokenId, sessionId = null, trash, config } = context
    await using spot = await openSpot(path, context, 'write')
    const extent = await extentOf(spot, signal)
    const item = await trash.put(spot, extent, { root: spot.parent.root, tokenId, sessionId }, signal)
    const back = `talon trash restore ${item.id}`
    return `Moved ${spot.shown} (${describe(extent)}) to the trash. Within ${config['tools.trashDays']} days a person gets it back with: ${back}`
  },
})

function describe({ kind, files, bytes }: Extent): string {
  return kind === 'file' ? `${bytes} bytes` : `folder, ${files} files, ${bytes} bytes`
}
