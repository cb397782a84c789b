import type { BackupContents } from '../db/sqlite/backup-check.ts'
import type { BackupFile } from '../db/sqlite/backup-files.ts'

export type { BackupContents, BackupFile }

export interface Backups {
  /** Newest first. */
  list(): BackupFile[]
  /** The backup of this name; `NOT_FOUND` if there is none. */
  find(name: string): BackupFile
  /** Its content, read as it is taken; `NOT_FOUND` if there is none. */
  read(name: string): ReadableStream<Uint8Array<ArrayBuffer>>
  /**
   * Makes one of everything that is committed now. Who asks while another is made waits for it, and shares the next with
   * all who wait. `STORAGE_UNAVAILABLE` with the reason if it cannot be made.
   */
  create(): Promise<BackupFile>
  /**
   * Reads all of one and tells what it holds, in a thread of its own. `NOT_FOUND` if there is none, `STORAGE_UNAVAILABLE` with what
   * is wrong with it, `OVERLOADED` while another is read.
   */
  verify(name: string): Promise<BackupContents>
  /** `NOT_FOUND` if there is none. */
  remove(name: string): void
  /** The newest try, or the newest backup that an earlier start made; undefined if there was never one. */
  last(): LastBackup | undefined
}

/** How the last backup went. */
export interface LastBackup {
  ok: boolean
  /** Unix ms of its beginning. */
  at: number
  kind: BackupFile['kind']
  /** Null where it failed. */
  name: string | null
  bytes: number | null
  /** Null for one of an earlier start. */
  durationMs: number | null
  /** Why it failed, in a sentence. */
  error: string | null
}
