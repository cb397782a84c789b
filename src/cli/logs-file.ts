import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { EventPayload, RequestPayload } from '../protocol/messages.ts'
import { levels } from '../protocol/requests/logs.ts'
import { loadConfig } from '../server/config.ts'
import type { Context } from './context.ts'
import { logFileOf } from './process/log-file.ts'

type Entry = EventPayload<'logs.entry'>
type Filter = Pick<RequestPayload<'logs.subscribe'>, 'level' | 'text'>

// As much as a gateway that runs keeps in memory.
const maxBytes = 4 * 1024 * 1024

/** The newest lines that a gateway which does not run any more wrote to a file; undefined if it wrote to none. */
export async function lastLinesOfFile(
  context: Context,
  filter: Filter,
  limit: number,
): Promise<{ file: string; entries: Entry[] } | undefined> {
  const file = fileOf(context)
  const text = await endOf(file)
  if (text === undefined) return undefined
  const entries = text.split('\n').flatMap(line => entryOf(line, filter))
  return { file, entries: limit === 0 ? [] : entries.slice(-limit) }
}

function fileOf({ home, env }: Context): string {
  const file = loadConfig({ home, env }).values['log.file']
  return file === null ? logFileOf(home) : resolve(home, file)
}

async function endOf(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    const from = Math.max(0, size - maxBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from)
    const text = buffer.toString('utf8', 0, bytesRead)
    // It may begin in the middle of a line.
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** A line of the log as `logs.entry` has it; what else a process said is left out. */
function entryOf(line: string, { level, text }: Filter): Entry[] {
  if (!line.startsWith('{"level":')) return []
  if (text !== undefined && !line.toLowerCase().includes(JSON.stringify(text).slice(1, -1).toLowerCase())) return []
  try {
    const fields = JSON.parse(line) as Record<string, unknown> & Entry // Written by the gateway, after the events table.
    const rank = Number(fields.level) / 10 - 1
    const entry = { ...fields, level: levels[rank] ?? 'info' }
    return level === undefined || rank >= levels.indexOf(level) ? [entry] : []
  } catch {
    return []
  }
}
