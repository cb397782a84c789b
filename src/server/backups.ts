import { constants, existsSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { removeBackup } from '../db/sqlite/backup.ts'
import { type BackupFile, findBackup, listBackups, removeUnfinished } from '../db/sqlite/backup-files.ts'
import { prepareFolder } from '../db/sqlite/open.ts'
import { verifyBackup } from '../db/sqlite/restore.ts'
import { TalonError } from '../protocol/errors.ts'
import { createBackupLine } from './backup-line.ts'
import type { Log } from './log.ts'
import type { Backups, Clock, LastBackup } from './record.ts'

export interface BackupsDeps {
  /** The data folder, of which this process holds the lock. */
  home: string
  migrationsDir: string
  clock: Clock
  log: Log
  /** Hours between two automatic backups; null for none. */
  everyHours: number | null
  /** Automatic backups that are kept. */
  keep: number
  /** What a backup must leave free on the disk. */
  spareBytes: number
  /** Hears how each automatic one went. */
  onAutomatic?: ((last: LastBackup) => void) | undefined
  /** Whether there is anything to lose. */
  holdsData: () => Promise<boolean>
}

export interface GatewayBackups extends Backups {
  /** From now on looks every hour whether an automatic one is due. */
  start(): void
  /** Makes an automatic one if it is due, and removes the oldest of those that are too many. Never rejects. */
  makeDue(): Promise<void>
  /** Ends the one that is being made, and the look at another. */
  stop(): Promise<void>
}

const hourMs = 60 * 60_000
// A start has better things to do at first.
const firstLookMs = 60_000
// Each chunk is a turn of the loop, and lies in memory for each download.
const chunkBytes = 256 * 1024

/** Makes, lists and removes the backups in `<home>/backups`. */
export function createBackups(deps: BackupsDeps): GatewayBackups {
  const { home, clock, log, spareBytes } = deps
  const folder = join(home, 'backups')
  const ended = new AbortController()
  let verifying = false
  tidyUp(folder, log)
  const line = createBackupLine({ database: join(home, 'gateway.db'), folder, clock, log, spareBytes })
  let waiting: Promise<BackupFile> | undefined
  let timers: NodeJS.Timeout[] = []

  const find = (name: string): BackupFile => {
    const file = findBackup(folder, name)
    if (!file) throw new TalonError('NOT_FOUND', 'There is no such backup.')
    return file
  }
  const makeDue = async () => {
    // A failure is logged where it happens, and tried again at the next look.
    await line
      .enqueue(async make => {
        if (!(await isDue(deps, folder))) return
        try {
          removeOld(deps, folder, await make('auto'))
        } finally {
          const last = line.last()
          if (last) deps.onAutomatic?.(last)
        }
      })
      .catch(() => undefined)
  }
  return {
    list: () => listBackups(folder),
    find,
    read: name => contentOf(join(folder, find(name).name)),
    create() {
      waiting ??= line.enqueue(make => {
        waiting = undefined
        return make('manual')
      })
      return waiting
    },
    async verify(name) {
      const file = join(folder, find(name).name)
      // Each reads a whole file beside what the gateway reads and writes.
      if (verifying) throw new TalonError('OVERLOADED', 'Another backup is being verified. Try again when it is done.')
      verifying = true
      try {
        return await verifyBackup({ file, migrationsDir: deps.migrationsDir, checksum: true, signal: ended.signal })
      } finally {
        verifying = false
      }
    },
    remove: name => removeBackup(join(folder, find(name).name)),
    last: line.last,
    start() {
      const look = () => void makeDue()
      timers = [setTimeout(look, firstLookMs).unref(), setInterval(look, hourMs).unref()]
    },
    makeDue,
    stop() {
      for (const timer of timers) clearTimeout(timer)
      ended.abort()
      return line.stop()
    },
  }
}

/** Reads a file as it is taken. It opens it when the first part is, so that nothing stays open where none ever is. */
export function contentOf(path: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  let file: FileHandle | undefined
  let cancelled = false
  const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
    async pull(controller) {
      // What was found is a file; a link that took its name meanwhile is refused.
      file ??= await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      if (cancelled) return await file.close()
      const chunk = new Uint8Array(chunkBytes)
      const { bytesRead } = await file.read(chunk).catch(async error => {
        await file?.close()
        throw error
      })
      if (bytesRead > 0) return controller.enqueue(chunk.subarray(0, bytesRead))
      await file.close()
      controller.close()
    },
    cancel() {
      cancelled = true
      return file?.close()
    },
  }
  return new ReadableStream(source, { highWaterMark: 1 })
}

function tidyUp(folder: string, log: Log): void {
  if (!existsSync(folder)) return
  try {
    prepareFolder(folder)
    const removed = removeUnfinished(folder)
    if (removed.length > 0) log.warn({ removed }, 'what an unfinished backup had left was removed')
  } catch (error) {
    // A gateway without a place for backups is better than none; each backup will say so as well.
    log.error({ err: error }, 'the folder of backups cannot be used')
  }
}

async function isDue({ clock, everyHours, holdsData }: BackupsDeps, folder: string): Promise<boolean> {
  if (everyHours === null) return false
  const now = clock.now()
  // One from the future tells that the clock was wrong, and nothing of today.
  const newest = listBackups(folder).find(({ kind, createdAt }) => kind === 'auto' && createdAt <= now)
  return newest ? now - newest.createdAt >= everyHours * hourMs : await holdsData()
}

function removeOld({ keep, log }: BackupsDeps, folder: string, made: BackupFile): void {
  const others = listBackups(folder).filter(({ kind, name }) => kind === 'auto' && name !== made.name)
  for (const { name } of others.slice(keep - 1)) {
    removeBackup(join(folder, name))
    log.info({ name }, 'an old automatic backup was removed')
  }
}
