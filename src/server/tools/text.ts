import { isUtf8 } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { TalonError } from '../../protocol/errors.ts'

const chunkBytes = 65_536

/** The bytes of an open file in order, in chunks that are valid until the next one. */
export async function* chunksOf(handle: FileHandle, signal: AbortSignal): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(chunkBytes)
  for (let position = 0; ; ) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** All bytes of an open file; undefined if there are more than `maxBytes`, whatever its size said. */
export async function readAll(handle: FileHandle, maxBytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let total = 0
  for await (const chunk of chunksOf(handle, signal)) {
    total += chunk.length
    if (total > maxBytes) return undefined
    parts.push(Buffer.from(chunk))
  }
  return Buffer.concat(parts)
}

/** Why these bytes are no text; undefined if they are UTF-8 without a NUL. */
export function notText(bytes: Buffer): string | undefined {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return 'UTF-16, not UTF-8'
  const nul = bytes.indexOf(0)
  if (nul >= 0) return `binary (a NUL byte at offset ${nul})`
  return isUtf8(bytes) ? undefined : 'not UTF-8 text'
}

/** The bytes as text, a byte order mark included. @throws TalonError `INVALID_MESSAGE` that says what they are instead */
export function decodeText(bytes: Buffer, shown: string): string {
  const problem = notText(bytes)
  if (problem === undefined) return bytes.toString('utf8')
  throw new TalonError('INVALID_MESSAGE', `${JSON.stringify(shown)} is ${problem}. Only UTF-8 text can be read.`)
}
