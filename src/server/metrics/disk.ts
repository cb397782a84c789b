import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { App } from '../record.ts'

/** What is asked of the disk; undefined where it does not answer, or there is no such file. */
export interface DiskFigures {
  databaseBytes: number | undefined
  walBytes: number | undefined
  freeBytes: number | undefined
  sizeBytes: number | undefined
  backups: number | undefined
  /** Unix ms of the newest backup. */
  newestBackupAt: number | undefined
}

// Whoever scrapes every second does not keep the disk busy, and a disk that hangs is asked once.
const keptMs = 5_000
// A disk in the network may not answer at all; the other figures do not wait for it.
const patienceMs = 1_000

/** Reads figures of the disk of the data folder, which are kept for some seconds. */
export function createDiskReader(app: Pick<App, 'home' | 'clock' | 'backups'>): () => Promise<DiskFigures> {
  let kept: DiskFigures = nothing
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined
  const read = async () => {
    kept = await figures(app)
    readAt = app.clock.monotonic()
  }
  return async () => {
    if (app.clock.monotonic() - readAt < keptMs) return kept
    reading ??= read().finally(() => {
      reading = undefined
    })
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, patienceMs)
    await Promise.race([reading, late])
    clearTimeout(timer)
    return kept
  }
}

const nothing: DiskFigures = {
  databaseBytes: undefined,
  walBytes: undefined,
  freeBytes: undefined,
  sizeBytes: undefined,
  backups: undefined,
  newestBackupAt: undefined,
}

async function figures({ home, backups }: Pick<App, 'home' | 'backups'>): Promise<DiskFigures> {
  const file = join(home, 'gateway.db')
  const [databaseBytes, walBytes, disk] = await Promise.all([
    bytesOf(file),
    bytesOf(`${file}-wal`),
    statfs(home).catch(() => undefined),
  ])
  const listed = listOf(backups)
  return {
    databaseBytes,
    walBytes,
    freeBytes: disk && disk.bavail * disk.bsize,
    sizeBytes: disk && disk.blocks * disk.bsize,
    backups: listed?.length,
    newestBackupAt: listed?.[0]?.createdAt,
  }
}

async function bytesOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.size
}

/** A folder that cannot be read is reported where backups are made. */
function listOf(backups: App['backups']): ReturnType<App['backups']['list']> | undefined {
  try {
    return backups.list()
  } catch {
    return undefined
  }
}
