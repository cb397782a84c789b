import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { guessType } from './mediaType.ts'
import { openPlace } from './roots.ts'
import { openSpot } from './spot.ts'
import { chunksOf, notText } from './text.ts'
import { defineTool, type ToolContext } from './tool.ts'
import { entryOf, kindOf, openFile } from './workspace.ts'

/** A file is read up to here to count its lines and to sum it up. */
const maxReadBytes = 64 * 1_048_576
const newline = 0x0a

const schema = z.strictObject({
  path: z.string().max(4_096).describe('File or folder in the workspace.'),
})

export default defineTool({
  name: 'file_info',
  description: 'Says what a path of the workspace is: kind, size, permissions, times, type, lines of text, SHA-256.',
  group: 'files',
  permission: 'safe',
  schema,
  example: { path: 'docs/plan.md' },
  dryRun: async ({ path }, context) => {
    await using place = await openPlace(path, context, 'read')
    return `Would look at ${place.shown}.`
  },
  run: async ({ path }, context) => {
    const root = await rootLines(path, context)
    if (root) return root.join('\n')
    await using spot = await openSpot(path, context, 'read')
    const stats = await entryOf(spot.parent, spot.name)
    if (!stats) {
      throw new TalonError('NOT_FOUND', `${JSON.stringify(spot.shown)} does not exist. file_list shows what does.`)
    }
    const kind = kindOf(stats)
    const lines = [`path: ${spot.shown}`, `kind: ${kind}`]
    if (kind === 'symbolic link') lines.push('It is not followed, and tools do not use it.')
    if (kind === 'file') lines.push(`size: ${stats.size} bytes`)
    lines.push(...factsOf(stats))
    if (kind !== 'file') return lines.join('\n')
    await using handle = await openFile(spot.parent, spot.name, constants.O_RDONLY)
    return [...lines, ...(await contentLines(handle, spot.name, context.signal))].join('\n')
  },
})

/** What there is to say of a root itself; undefined if the path names something in it. */
async function rootLines(path: string, context: ToolContext): Promise<string[] | undefined> {
  await using place = await openPlace(path, context, 'read')
  if (place.segments.length > 0) return undefined
  const access = place.writable ? [] : ['It may be read only.']
  return [`path: ${place.shown}`, 'kind: folder', ...factsOf(await place.root.handle.stat()), ...access]
}

function factsOf(stats: { mode: number; mtime: Date; birthtime: Date }): string[] {
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0')
  return [
    `mode: ${mode}`,
    `modified: ${stats.mtime.toISOString()}`,
    // File systems that do not know it say 1970.
    ...(stats.birthtime.getTime() > 0 ? [`created: ${stats.birthtime.toISOString()}`] : []),
  ]
}

async function contentLines(handle: FileHandle, name: string, signal: AbortSignal): Promise<string[]> {
  const hash = createHash('sha256')
  const head: Buffer[] = []
  let bytes = 0
  let newlines = 0
  let last: number | undefined
  let hasNul = false
  for await (const chunk of chunksOf(handle, signal)) {
    if (bytes === 0) head.push(Buffer.from(chunk))
    bytes += chunk.length
    if (bytes > maxReadBytes) break
    hash.update(chunk)
    hasNul ||= chunk.includes(0)
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) newlines += 1
    last = chunk.at(-1)
  }
  const start = Buffer.concat(head)
  const isText = !hasNul && notText(wholeCharacters(start)) === undefined
  const type = `type: ${guessType(name, start, isText)}`
  if (bytes > maxReadBytes) return [type, `lines, sha256: not counted beyond ${maxReadBytes} bytes`]
  const lines = bytes === 0 ? 0 : newlines + (last === newline ? 0 : 1)
  return [type, ...(isText ? [`lines: ${lines}`] : []), `sha256: ${hash.digest('hex')}`]
}

/** Without the beginning of a character at its end. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) break
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back)
  }
  return bytes
}
