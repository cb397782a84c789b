import type { Loss } from './commit-number.ts'

/** What a start has found that a person should know, in sentences. */
export function startNotices(found: { file: string; setAside: string | undefined; loss: Loss | undefined }): string[] {
  const notices: string[] = []
  if (found.setAside !== undefined) {
    notices.push(`The damaged database was moved to ${found.setAside}; this one began empty.`)
  }
  if (found.loss) {
    const { commits } = found.loss
    const what =
      commits === 1 ? '1 commit of the last run is missing' : `${commits} commits of the last run are missing`
    notices.push(
      `${what}: the end of the log ${found.file}-wal was lost or damaged, or an older database was put in its place. ` +
        'What was stored before that is whole. If a backup is newer, restore it; and look at the disk.',
    )
  }
  return notices
}
