import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { TalonError } from '../../protocol/errors.ts'
import type { StorageHealth } from '../store.ts'
import type { CommandName } from './commands.ts'
import { engineCode, engineError, isDamage, unavailableError } from './errors.ts'
import { takenInMargin } from './margin.ts'

/** What a log should say of the storage. */
export interface StorageNotice {
  level: 'info' | 'warn' | 'error'
  message: string
}

/** Knows whether something new can be stored, without asking the disk each time. */
export interface StorageWatch {
  /** Looks at the disk now. */
  look(): Promise<void>
  /** Why a command cannot be taken now; undefined if it can. */
  refusal(name: CommandName): TalonError | undefined
  /** Hears of every error of a command or query, because it may tell of a full disk or a damaged file. */
  noteError(error: unknown): void
  noteCommit(): void
  health(): StorageHealth
  close(): void
}

export interface StorageWatchOptions {
  file: string
  /** With less than this free, only what `margin.ts` names is taken. */
  minFreeBytes: number
  /** What a start has found, in sentences. */
  notices: readonly string[]
  /** What to do about a damaged database. */
  repairs: () => string
  /** Age of the oldest heavy read that runs now. */
  oldestReadMs: () => number
  /** Folds the log and gives its space back. */
  cutLog: () => void
  /** Hears whenever space becomes low, and when it is back. */
  onSpace: (low: boolean) => void
  onNotice: (notice: StorageNotice) => void
}

const mebibyte = 1024 * 1024
// The disk is asked no oftener where it has space, and as long as nothing is stored not at all.
const longestRestMs = 1_000
// Where space is short it is asked before a fast writer could have used it up.
const shortestRestMs = 20
const maxGrowthBytesPerMs = 256 * 1024
// Space is back a little above where it ran out, so that a log does not tell of it every second.
const returnFactor = 1.125
// Four times what a checkpoint waits for: something keeps the log from being used anew.
const maxLogBytes = 64 * mebibyte
// What a log of this size would give back is not worth a sync of the whole database.
const minLogBytes = mebibyte

/** Looks at the disk while something is stored: once a second, and oftener only where it has little space. */
export function watchStorage(options: StorageWatchOptions): StorageWatch {
  const { file, minFreeBytes, onNotice } = options
  let freeBytes = Number.POSITIVE_INFINITY
  let low = false
  let longLog = ''
  let damage: TalonError | undefined
  let looking = false
  let closed = false
  let timer: NodeJS.Timeout | undefined

  const look = async () => {
    if (looking || closed) return
    looking = true
    const [disk, log] = await Promise.allSettled([statfs(dirname(file)), stat(`${file}-wal`)])
    looking = false
    if (closed) return
    if (disk.status === 'fulfilled') noteSpace(disk.value.bavail * disk.value.bsize)
    const logBytes = log.status === 'fulfilled' ? log.value.size : 0
    noteLog(logBytes)
    // Folded, it is in the database as well for a moment.
    if (low && logBytes > minLogBytes && logBytes < freeBytes) options.cutLog()
    // Whoever is refused cannot find out that space is back, so this goes on until it is.
    rest(low)
  }
  const rest = (again: boolean) => {
    clearTimeout(timer)
    const end = () => {
      timer = undefined
      if (again) void look()
    }
    const spareMs = low ? longestRestMs : (freeBytes - minFreeBytes) / maxGrowthBytesPerMs
    timer = setTimeout(end, Math.min(longestRestMs, Math.max(shortestRestMs, spareMs))).unref()
  }
  const noteSpace = (bytes: number) => {
    freeBytes = bytes
    const isLow = bytes < (low ? minFreeBytes * returnFactor : minFreeBytes)
    if (isLow === low) return
    low = isLow
    options.onSpace(low)
    onNotice(low ? { level: 'warn', message: lowSpace() } : { level: 'info', message: 'there is space again' })
  }
  const noteLog = (bytes: number) => {
    const isLong = bytes > maxLogBytes
    if (isLong && longLog === '') {
      const ageMs = options.oldestReadMs()
      const reader = ageMs > 0 ? `a read that began ${Math.round(ageMs / 1000)} s ago keeps it` : 'something keeps it'
      longLog = `The log of the database has ${megabytes(bytes)} MB: ${reader} from being folded in.`
      onNotice({ level: 'warn', message: longLog })
    } else if (!isLong) longLog = ''
  }
  const lowSpace = () =>
    `The disk of the data folder has ${megabytes(freeBytes)} MB free, and ${megabytes(minFreeBytes)} MB are kept ` +
    '(storage.minFreeMegabytes): nothing new is stored. Make space on that disk; it then goes on by itself.'
  const noteDamage = (code: string) => {
    if (damage) return
    damage = engineError(code)
    const message = `The database ${file} is damaged (${code}). Nothing is stored any more; what can be read is served. ${options.repairs()}`
    onNotice({ level: 'error', message })
  }

  return {
    look,
    refusal(name) {
      if (damage) return damage
      if (low && !takenInMargin.has(name)) return unavailableError(lowSpace())
      return undefined
    },
    noteError(error) {
      const code = hasExtras(error) ? engineCode(error) : undefined
      if (code === undefined) return
      if (isDamage(code)) noteDamage(code)
      else if (code === 'SQLITE_FULL') void look()
    },
    noteCommit() {
      if (timer === undefined) void look()
    },
    health() {
      const problems = [...(damage ? [damage.message] : []), ...(low ? [lowSpace()] : [])]
      return { problems, notices: [...options.notices, ...(longLog === '' ? [] : [longLog])] }
    },
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

function hasExtras(error: unknown): error is { extras: { details?: unknown } } {
  return typeof error === 'object' && error !== null && 'extras' in error
}

function megabytes(bytes: number): string {
  const exact = bytes / mebibyte
  return exact < 10 ? exact.toFixed(1) : exact.toFixed(0)
}
