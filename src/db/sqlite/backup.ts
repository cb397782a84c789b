import { type Copied, removePartial } from './backup-copy.ts'
import { inThread, type ThreadOptions } from './backup-thread.ts'

export { removeBackup } from './backup-files.ts'

/**
 * Copies a database while it is used, checks the copy and puts its SHA-256 beside it, as `sha256sum -c` reads it. What
 * was committed before the call is in it. The file has its name only once it is whole.
 * @param database a connection that stays open meanwhile, or the file of one
 * @throws TalonError `STORAGE_UNAVAILABLE` with the reason, such as too little space
 */
export async function backUp(
  database: { readonly name: string },
  target: string,
  options: ThreadOptions & { spareBytes?: number | undefined } = {},
): Promise<Copied> {
  try {
    return await inThread('copyAndCheck', [database.name, target, options.spareBytes], options)
  } catch (thrown) {
    tidyUp(target)
    throw thrown
  }
}

/** What a thread that was ended could not remove itself. */
function tidyUp(target: string): void {
  try {
    removePartial(target)
  } catch {
    // Why the backup failed is the better reason.
  }
}
