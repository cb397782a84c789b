import type { FileHandle } from 'node:fs/promises'
import { TalonError } from '../../protocol/errors.ts'
import { chunksOf } from './text.ts'

const newline = 0x0a
/** How far into a file lines are counted; a sparse file can be endless. */
const maxScannedBytes = 256 * 1_048_576

export interface LineRange {
  /** The first line is 1. */
  first: number
  /** Infinity for the end of the file. */
  last: number
}

/**
 * The bytes of some lines of an open file, without the newline of the last, and how many lines were counted.
 * @throws TalonError `TOO_LARGE` if they are more than `maxBytes` or lie too far into the file
 */
export async function readLines(
  handle: FileHandle,
  { first, last }: LineRange,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ bytes: Buffer; lines: number }> {
  const parts: Buffer[] = []
  let line = 1
  let keptBytes = 0
  let scannedBytes = 0
  let atLineStart = true
  for await (const chunk of chunksOf(handle, signal)) {
    for (let at = 0; at < chunk.length && line <= last; ) {
      const found = chunk.indexOf(newline, at)
      const end = found < 0 ? chunk.length : found + 1
      if (line >= first) {
        parts.push(Buffer.from(chunk.subarray(at, end)))
        keptBytes += end - at
      }
      if (found >= 0) line += 1
      atLineStart = found >= 0
      at = end
    }
    scannedBytes += chunk.length
    if (line > last) break
    if (keptBytes > maxBytes) throw tooLarge(`These lines are more than ${maxBytes} bytes. Ask for fewer.`)
    if (scannedBytes > maxScannedBytes) throw tooLarge(`Lines are counted only in the first ${maxScannedBytes} bytes.`)
  }
  const bytes = Buffer.concat(parts)
  return { bytes: bytes.at(-1) === newline ? bytes.subarray(0, -1) : bytes, lines: atLineStart ? line - 1 : line }
}

function tooLarge(message: string): TalonError {
  return new TalonError('TOO_LARGE', message)
}
