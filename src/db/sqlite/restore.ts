import type { AuditEntry } from '../audit.ts'
import type { BackupContents, CheckOptions } from './backup-check.ts'
import { inThread, type ThreadOptions } from './backup-thread.ts'
import { type Replaced, replaceDatabase, stagedFile } from './replace-database.ts'

export interface Restored extends BackupContents, Replaced {}

/** Looks whether a backup is whole, in a thread of its own. @throws TalonError `STORAGE_UNAVAILABLE` with what is wrong */
export function verifyBackup(options: CheckOptions & ThreadOptions): Promise<BackupContents> {
  const { signal, ...check } = options
  return inThread('checkBackup', [check], { signal })
}

/**
 * Puts a backup into the place of a database, which is kept beside it. The caller holds the lock of the home and has
 * nothing open. Killed at any moment it leaves a home in which whoever takes the lock next finds the one or the other
 * database, whole.
 * @throws TalonError `STORAGE_UNAVAILABLE` with what is wrong with the backup; then nothing was changed
 */
export async function restore(
  options: CheckOptions & ThreadOptions & { home: string; now: number; audit?: AuditEntry | undefined },
): Promise<Restored> {
  const { home, now, signal, ...check } = options
  const contents = await inThread('stageBackup', [{ ...check, staged: stagedFile(home) }], { signal })
  return { ...contents, ...replaceDatabase(home, options.file, now) }
}
