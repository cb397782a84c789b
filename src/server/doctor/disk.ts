import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { keptFreeBytes } from '../../db/sqlite/kept-free.ts'
import { freeBytesAt } from '../../db/sqlite/peek.ts'
import { bad, type Check, type Finding, ok, warn } from './check.ts'
import { sizeText } from './words.ts'

// Logs, exports, backups and what a tool writes are a file each.
const fewFiles = 1_000

/** Whether there is room to store something, and for a backup. */
export const diskCheck: Check = {
  name: 'disk',
  group: 'folder',
  look({ home, config, database }) {
    const folder = existingFolder(home)
    const free = freeBytesAt(folder)
    const margin = config ? keptFreeBytes(folder, config['storage.minFreeMegabytes']) : 0
    const size = (database.bytes ?? 0) + database.logBytes
    const room = `${sizeText(free)} are free on its disk`
    if (free < margin) {
      const detail = `${sizeText(margin)} are kept free (storage.minFreeMegabytes): nothing new is stored.`
      return [bad('disk.free', `Only ${room}.`, detail, 'Make space on it, or remove old backups.')]
    }
    if (free < margin + size) {
      const detail = `A backup or an upgrade needs ${sizeText(size)}.`
      return [warn('disk.free', `Only ${room}: not enough for a backup.`, detail, 'Make space on it.')]
    }
    return [ok('disk.free', `${room}.`), ...lookAtFiles(folder)]
  },
}

/** A disk may have room and no more names for files; some count none. */
function lookAtFiles(folder: string): Finding[] {
  const { files, ffree } = statfsSync(folder)
  if (files === 0 || ffree >= fewFiles) return []
  const title = `Only ${ffree} more files fit on its disk (df -i).`
  return [warn('disk.files', title, 'Whoever makes a file then fails, with room left.', 'Remove files on it.')]
}

/** The folder, or the nearest above it that is there. */
function existingFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existingFolder(dirname(path))
}
