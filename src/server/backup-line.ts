import { join } from 'node:path'
import { backUp } from '../db/sqlite/backup.ts'
import { type BackupFile, findBackup, listBackups, newBackupName } from '../db/sqlite/backup-files.ts'
import { TalonError } from '../protocol/errors.ts'
import type { Log } from './log.ts'
import type { Clock, LastBackup } from './record.ts'

export interface LineDeps {
  /** The database, which is open. */
  database: string
  /** Where its backups are. */
  folder: string
  clock: Clock
  log: Log
  /** What a backup must leave free on the disk. */
  spareBytes: number
}

export type Make = (kind: 'auto' | 'manual') => Promise<BackupFile>

/** Makes backups one after the other: two at a time would only share the disk. */
export interface BackupLine {
  /** Does something when all that was asked for before is done, such as making one. */
  enqueue<Result>(work: (make: Make) => Promise<Result>): Promise<Result>
  last(): LastBackup | undefined
  /** Ends the one that is being made, and lets none begin. */
  stop(): Promise<void>
}

export function createBackupLine({ database, folder, clock, log, spareBytes }: LineDeps): BackupLine {
  const ending = new AbortController()
  let tail: Promise<unknown> = Promise.resolve()
  let last: LastBackup | undefined

  const make: Make = async kind => {
    const [at, startedAt] = [clock.now(), clock.monotonic()]
    const name = newBackupName(folder, kind, at)
    const durationMs = () => Math.round(clock.monotonic() - startedAt)
    try {
      await backUp({ name: database }, join(folder, name), { spareBytes, signal: ending.signal })
      const file = findBackup(folder, name)
      if (!file) throw new TalonError('STORAGE_UNAVAILABLE', `${name} was removed as soon as it was made.`)
      last = { ok: true, at, kind, name, bytes: file.bytes, durationMs: durationMs(), error: null }
      log.info({ name, bytes: file.bytes, durationMs: durationMs() }, 'a backup was made')
      return file
    } catch (error) {
      if (ending.signal.aborted) throw new TalonError('DRAINING', 'The gateway is shutting down.')
      const reason = error instanceof TalonError ? error.message : 'Internal error.'
      last = { ok: false, at, kind, name: null, bytes: null, durationMs: durationMs(), error: reason }
      log.error({ err: error, kind }, 'a backup could not be made')
      throw error
    }
  }
  return {
    enqueue(work) {
      const done = tail.then(() => work(make))
      tail = done.catch(() => undefined)
      return done
    },
    last: () => last ?? newest(listBackups(folder)),
    async stop() {
      ending.abort()
      await tail
    },
  }
}

/** What an earlier start did last. */
function newest([file]: BackupFile[]): LastBackup | undefined {
  if (!file) return undefined
  const { createdAt: at, kind, name, bytes } = file
  return { ok: true, at, kind, name, bytes, durationMs: null, error: null }
}
