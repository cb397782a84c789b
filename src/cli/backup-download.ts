import { createHash } from 'node:crypto'
import { linkSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { reach } from './api.ts'
import { CommandError, type Context } from './context.ts'
import { findGateway } from './gateway.ts'
import { megabytes } from './text.ts'

/** What the gateway says of a backup. */
export interface Offered {
  name: string
  bytes: number
  sha256: string
}

// No byte of an answer in this time: the gateway or the line to it is gone.
const silenceMs = 60_000

/**
 * Moves a backup that the gateway of this machine made to another place on the same disk, without copying it.
 * @param source where the gateway has it
 * @returns false if that cannot be done from here, so that it has to be loaded
 */
export async function moveHere(source: string, backup: Offered, target: string): Promise<boolean> {
  const { giveName, removePartial } = await import('../db/sqlite/backup-copy.ts')
  removePartial(target)
  try {
    // A file of another account would stay theirs.
    if (statSync(source).uid !== process.getuid?.()) return false
    linkSync(source, `${target}.partial`)
  } catch {
    // On another disk, or out of reach.
    return false
  }
  giveName(target, backup.sha256)
  return true
}

/**
 * Loads a backup of the gateway into a file, which has its name only once it is what the gateway has.
 * @throws CommandError if it is not; then nothing is left of it
 */
export async function download(context: Context, backup: Offered, target: string, signal: AbortSignal): Promise<void> {
  const { giveName, refuseIfFull, removePartial } = await import('../db/sqlite/backup-copy.ts')
  refuseIfFull(dirname(target), backup.bytes, 0)
  removePartial(target)
  try {
    const file = await open(`${target}.partial`, 'wx', 0o600)
    try {
      await receive(context, backup, file, signal)
      await file.sync()
    } finally {
      await file.close()
    }
    giveName(target, backup.sha256)
  } catch (error) {
    removePartial(target)
    throw error
  }
}

async function receive(context: Context, backup: Offered, file: FileHandle, signal: AbortSignal): Promise<void> {
  const gateway = findGateway(context)
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), silenceMs)
  try {
    const response = await reach(context, gateway, `/api/v1/backups/${backup.name}`, {
      headers: gateway.token === undefined ? {} : { authorization: `Bearer ${gateway.token}` },
      signal: AbortSignal.any([signal, silence.signal]),
    })
    if (!response.ok || !response.body) throw cut(backup, `status ${response.status}`)
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of response.body) {
      timer.refresh()
      hash.update(chunk)
      await file.appendFile(chunk)
      bytes += chunk.byteLength
      showProgress(context, bytes, backup.bytes)
    }
    if (hash.digest('hex') !== backup.sha256) throw cut(backup, 'what came is not what the gateway has')
  } catch (error) {
    if (error instanceof CommandError || signal.aborted) throw error
    throw cut(backup, silence.signal.aborted ? `nothing came for ${silenceMs / 1_000} s` : reasonOf(error))
  } finally {
    clearTimeout(timer)
  }
}

function showProgress({ stderr }: Context, bytes: number, of: number): void {
  if (stderr.isTTY !== true) return
  stderr.write(bytes < of ? `\r${megabytes(bytes)} of ${megabytes(of)}` : '\r\u001b[K')
}

function cut({ name }: Offered, reason: string): CommandError {
  return new CommandError(`${name} could not be loaded: ${reason}. It is still on the gateway. Try again.`)
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}
