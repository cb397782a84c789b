import { statfsSync } from 'node:fs'

const mebibyte = 1024 * 1024
const mostBytes = 64 * mebibyte
// A small disk would be full from the beginning if as much of it were kept free.
const shareOfDisk = 10

/** What the setting `storage.minFreeMegabytes` comes to on the disk of a folder; null is the rule of `spareBytesAt`. */
export function keptFreeBytes(folder: string, megabytes: number | null): number {
  return megabytes === null ? spareBytesAt(folder) : megabytes * mebibyte
}

/** What is left free on the disk of a folder: 64 MB, or a tenth of a small disk. */
export function spareBytesAt(folder: string): number {
  const { blocks, bsize } = statfsSync(folder)
  return Math.min(mostBytes, Math.floor((blocks * bsize) / shareOfDisk))
}
