import { constants } from 'node:fs'
import { dirname } from 'node:path/posix'
import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { diff } from './diff.ts'
import { replaceFile } from './draft.ts'
import { fileError } from './fileError.ts'
import { type OpenPlace, openPlace } from './roots.ts'
import { notText, readAll } from './text.ts'
import { defineTool, type ToolContext } from './tool.ts'
import { entryOf, type Folder, openFile, openFolder, refuseUnlessFile } from './workspace.ts'

const maxContentBytes = 8 * 1_048_576
/** A file that grows by appending, in bytes. */
const maxFileBytes = 64 * 1_048_576
/** A file whose changes a dry run can show, in bytes. */
const maxDiffBytes = 1_048_576

const schema = z.strictObject({
  path: z.string().max(4_096).describe('File in the workspace; folders that are missing are made.'),
  content: z.string().describe('The text to write.'),
  append: z.boolean().default(false).describe('Whether it is added at the end instead of replacing what is there.'),
})

type Args = z.output<typeof schema>

interface Target {
  root: Folder
  /** Names of the folders above the file. */
  folders: string[]
  name: string
  shown: string
}

export default defineTool({
  name: 'file_write',
  description: 'Writes a text file of the workspace: replaces it as a whole, or appends to it.',
  group: 'files',
  permission: 'write',
  schema,
  example: { path: 'notes.txt', content: 'Buy milk\n', append: true },
  dryRun: (args, context) => withTarget(args, context, target => preview(target, args, context)),
  run: (args, context) =>
    withTarget(args, context, async target => {
      await using parent = await openFolder(target.root, target.folders, true)
      context.signal.throwIfAborted()
      return args.append ? await append(parent, target, args.content) : await replace(parent, target, args, context)
    }),
})

async function withTarget(args: Args, context: ToolContext, use: (target: Target) => Promise<string>): Promise<string> {
  const size = Buffer.byteLength(args.content)
  if (size > maxContentBytes) {
    throw new TalonError('TOO_LARGE', `The content has ${size} bytes; at most ${maxContentBytes} are written at once.`)
  }
  await using place: OpenPlace = await openPlace(args.path, context, 'write')
  const { root, segments, shown } = place
  const name = segments.pop()
  if (name === undefined || args.path.endsWith('/')) {
    throw new TalonError('INVALID_MESSAGE', `${JSON.stringify(args.path)} names a folder. Name a file in it.`)
  }
  return await use({ root, folders: segments, name, shown })
}

async function replace(parent: Folder, { name, shown }: Target, args: Args, context: ToolContext): Promise<string> {
  const existing = await entryOf(parent, name)
  if (existing) refuseUnlessFile(existing, shown)
  await replaceFile({ parent, name, shown }, { content: args.content, mode: existing?.mode }, context)
  return `Wrote ${Buffer.byteLength(args.content)} bytes to ${shown} (${existing ? 'replaced' : 'new'}).`
}

async function append(parent: Folder, { name, shown }: Target, content: string): Promise<string> {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT
  await using handle = await openFile(parent, name, flags)
  const size = Buffer.byteLength(content)
  const { size: before } = await handle.stat()
  if (before + size > maxFileBytes) {
    throw new TalonError('TOO_LARGE', `${JSON.stringify(shown)} would be larger than ${maxFileBytes} bytes.`)
  }
  try {
    await handle.appendFile(content)
    await handle.datasync()
  } catch (error) {
    throw fileError(error, shown)
  }
  return `Appended ${size} bytes to ${shown} (${before + size} now).`
}

async function preview(target: Target, args: Args, context: ToolContext): Promise<string> {
  const before = await currentText(target, context)
  const size = Buffer.byteLength(args.content)
  const what = `Would ${args.append ? 'append' : 'write'} ${size} bytes ${args.append ? 'to' : 'into'} ${target.shown}`
  if (before === undefined) return `${what}, a new file.\n${diff('', args.content)}`
  if (before === 'unknown') return `${what}, which is too large or no text, so that no changes are shown.`
  const changes = diff(before.text, args.append ? before.text + args.content : args.content)
  return changes === '' ? `${what}, which changes nothing.` : `${what}.\n${changes}`
}

/** What the file holds now; undefined if there is none. */
async function currentText(
  { root, folders, name, shown }: Target,
  { signal }: ToolContext,
): Promise<{ text: string } | 'unknown' | undefined> {
  try {
    await using parent = await openFolder(root, folders)
    await using handle = await openFile(parent, name, constants.O_RDONLY)
    const bytes = await readAll(handle, maxDiffBytes, signal)
    return bytes && notText(bytes) === undefined ? { text: bytes.toString('utf8') } : 'unknown'
  } catch (error) {
    if (error instanceof TalonError && error.code === 'NOT_FOUND') return undefined
    throw fileError(error, dirname(shown))
  }
}
