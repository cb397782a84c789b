import type { ImportProgress } from '../db/legacy/report.ts'
import type { Context } from './context.ts'

const width = 30
// As often as an eye can follow.
const everyMs = 100

/** A bar of how far an import is, on a terminal only. */
export function createBar({ stderr, clock }: Pick<Context, 'stderr' | 'clock'>): {
  show: (progress: Readonly<ImportProgress>) => void
  end: () => void
} {
  let shownAt = Number.NEGATIVE_INFINITY
  return {
    show(progress) {
      const now = clock.monotonic()
      if (stderr.isTTY !== true || now - shownAt < everyMs) return
      shownAt = now
      stderr.write(`\r\u001b[K${barOf(progress)}`)
    },
    end() {
      if (shownAt !== Number.NEGATIVE_INFINITY) stderr.write('\r\u001b[K')
    },
  }
}

function barOf({ files, filesDone, bytes, bytesDone, messages }: Readonly<ImportProgress>): string {
  const share = bytes === 0 ? 1 : Math.min(1, bytesDone / bytes)
  const full = Math.round(share * width)
  const bar = '#'.repeat(full) + '.'.repeat(width - full)
  const count = messages.toLocaleString('en')
  return `[${bar}] ${Math.floor(share * 100)} %  ${filesDone} of ${files} files, ${count} messages`
}
