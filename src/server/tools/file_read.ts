import type { FileHandle } from 'node:fs/promises'
import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { readLines } from './lines.ts'
import { withFile } from './spot.ts'
import { decodeText, readAll } from './text.ts'
import { defineTool, type ToolContext } from './tool.ts'

/** Text of one answer before it is cut to `tools.maxOutputBytes`; what is longer is read in parts. */
const maxReadBytes = 16 * 1_048_576

const schema = z.strictObject({
  path: z.string().max(4_096).describe('File in the workspace, such as "notes.txt" or "docs/plan.md".'),
  startLine: z.number().int().min(1).optional().describe('First line to read; 1 is the first of the file.'),
  endLine: z.number().int().min(1).optional().describe('Last line to read, itself included.'),
})

type Range = Pick<z.output<typeof schema>, 'startLine' | 'endLine'>

export default defineTool({
  name: 'file_read',
  description: 'Reads a text file of the workspace, whole or from one line to another.',
  group: 'files',
  permission: 'safe',
  taints: true,
  schema,
  example: { path: 'notes.txt', startLine: 1, endLine: 40 },
  dryRun: (args, context) =>
    withFile(args.path, context, async (handle, shown) => {
      const { size } = await handle.stat()
      return `Would read ${shown} (${size} bytes).`
    }),
  run: (args, context) =>
    withFile(args.path, context, async (handle, shown) => {
      if (args.startLine !== undefined || args.endLine !== undefined) return readRange(handle, shown, args, context)
      const bytes = await readAll(handle, maxReadBytes, context.signal)
      if (bytes) return decodeText(bytes, shown)
      const { size } = await handle.stat()
      const advice = 'Read a part of it with startLine and endLine, or look in it with file_search.'
      throw new TalonError('TOO_LARGE', `${JSON.stringify(shown)} has ${size} bytes. ${advice}`)
    }),
})

async function readRange(handle: FileHandle, shown: string, range: Range, context: ToolContext): Promise<string> {
  const first = range.startLine ?? 1
  const last = range.endLine ?? Number.POSITIVE_INFINITY
  if (last < first) throw new TalonError('INVALID_MESSAGE', `endLine (${last}) is before startLine (${first}).`)
  const { bytes, lines } = await readLines(handle, { first, last }, maxReadBytes, context.signal)
  if (first > Math.max(1, lines)) {
    throw new TalonError('INVALID_MESSAGE', `${JSON.stringify(shown)} has only ${lines} lines.`)
  }
  return decodeText(bytes, shown)
}
