import {
  closeSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { copyFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

// A gateway that logs little writes this in months; one file before it is kept, so that a folder holds twice as much.
const maxBytes = 20 * 1024 * 1024
const lookEveryMs = 10_000
const maxTailBytes = 64 * 1024

/** Where a gateway in the background writes what it says. */
export function logFileOf(home: string): string {
  return join(home, 'logs', 'talon.log')
}

/** Opens it to append to; also how much it holds so far. */
export function openLogFile(file: string): { descriptor: number; size: number } {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const descriptor = openSync(file, 'a', 0o600)
  return { descriptor, size: statSync(file).size }
}

/** The last lines of what it holds after an offset. */
export function linesAfter(file: string, offset: number, maxLines: number): string[] {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  const text = read(file, Math.max(offset, size - maxTailBytes), size).toString('utf8')
  return text
    .split('\n')
    .filter(line => line.trim() !== '')
    .slice(-maxLines)
}

/**
 * Keeps the file that this process writes to from growing without end. The process has it open for as long as it lives,
 * so it is emptied and not replaced.
 */
export function keepBounded(file: string): void {
  let busy = false
  const look = () => {
    if (busy) return
    busy = true
    // A disk that is full stops the log as well, and a file that somebody moved away is theirs.
    void shorten(file, maxBytes)
      .catch(() => undefined)
      .finally(() => {
        busy = false
      })
  }
  look()
  setInterval(look, lookEveryMs).unref()
}

/** Moves what a file holds to `<file>.1` if that is more than so many bytes. Loses nothing that this process writes. */
export async function shorten(file: string, bytes: number): Promise<void> {
  if ((await stat(file)).size <= bytes) return
  const draft = `${file}.1.new`
  try {
    await copyFile(file, draft)
    // In one turn, because nothing may be written between the last look and the cut.
    const copied = statSync(draft).size
    append(draft, read(file, copied, statSync(file).size))
    renameSync(draft, `${file}.1`)
    truncateSync(file)
  } finally {
    rmSync(draft, { force: true })
  }
}

function read(file: string, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, to - from))
  if (bytes.length === 0) return bytes
  const descriptor = openSync(file, 'r')
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, from))
  } finally {
    closeSync(descriptor)
  }
}

function append(file: string, bytes: Buffer): void {
  const descriptor = openSync(file, 'a')
  try {
    writeSync(descriptor, bytes)
  } finally {
    closeSync(descriptor)
  }
}
