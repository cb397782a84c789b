import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { OldFile } from './find.ts'
import { mend } from './mend.ts'
import { OldFileError, type Piece, type Source } from './source.ts'
import { createSplitter, type Ending, type Part } from './split.ts'

// Large enough that a chunk costs less than what is in it, small enough that others come between two of them.
const chunkBytes = 128 * 1024

/** A session file of v0.3.3, which is opened to be read and for nothing else. */
export function sessionFile(folder: string, { name, sizeBytes, modifiedAt }: OldFile): Source {
  const path = join(folder, name)
  const sessionId = basename(name, '.json')
  let digest: string | undefined
  return {
    name,
    sessionId,
    sizeBytes: async () => sizeBytes,
    modifiedAt,
    async sha256() {
      if (digest !== undefined) return digest
      const hash = createHash('sha256')
      await pipeline(createReadStream(path), hash)
      digest = hash.digest('hex')
      return digest
    },
    read: () =>
      readPieces(path, sha256 => {
        digest = sha256
      }),
  }
}

async function* readPieces(path: string, onDigest: (sha256: string) => void): AsyncGenerator<readonly Piece[]> {
  const hash = createHash('sha256')
  const splitter = createSplitter()
  const reader = createReader()
  let sizeBytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
    // Without an encoding a stream of a file gives buffers.
    const bytes = chunk as Buffer
    sizeBytes += bytes.length
    hash.update(bytes)
    yield splitter.push(bytes).flatMap(reader.read)
  }
  onDigest(hash.digest('hex'))
  if (sizeBytes === 0) throw new OldFileError('The file is empty.')
  const pieces = reader.end(splitter.end(), sizeBytes)
  if (!splitter.hasMessages() && !reader.hasId())
    throw new OldFileError('The file is no session: it holds neither messages nor an id.')
  yield pieces
}

/** Reads the JSON of parts and says of each that is none where it stands. */
function createReader() {
  let messages = 0
  let hasId = false

  function read(part: Part): Piece {
    if (part.kind === 'too large') return tooLarge(part)
    const text = part.bytes.toString()
    if (part.kind === 'message') messages += 1
    hasId ||= part.kind === 'member' && part.key === 'id'
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      return part.kind === 'message'
        ? lostMessage(`Message ${messages} is not valid JSON and was left out (${size(part.bytes.length)}).`)
        : lost(`The field "${part.key}" is not valid JSON and was left out (${size(part.bytes.length)}).`)
    }
    if (part.kind === 'message') return { kind: 'message', value, text }
    return { kind: 'member', key: part.key, value }
  }

  function tooLarge(part: Part & { kind: 'too large' }): Piece {
    if (part.what === 'member') return lost(`A field of ${size(part.sizeBytes)} is too large and was left out.`)
    messages += 1
    return lostMessage(`Message ${messages} is too large and was left out (${size(part.sizeBytes)}).`)
  }

  function readCut(part: Part | undefined): Piece[] {
    if (!part) return [lost(`The file ends after message ${messages}: it was cut off.`)]
    if (part.kind === 'too large') return [read(part)]
    // The last character may be cut in the middle as well.
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(part.bytes, { stream: true })
    const value = mend(text)
    const length = size(part.bytes.length)
    if (part.kind === 'member') {
      if (value === undefined) return [lost(`The file ends in the field "${part.key}": it was cut off.`)]
      hasId ||= part.key === 'id'
      const warning = lost(`The file ends in the field "${part.key}": what is there of it was kept.`)
      return [{ kind: 'member', key: part.key, value }, warning]
    }
    messages += 1
    if (!saysSomething(value)) {
      const warning = `The file ends in message ${messages}: it was cut off, and ${length} of it were left out.`
      return [{ kind: 'lost message', warning, cut: true }]
    }
    return [
      { kind: 'message', value, text, cut: true },
      lost(`The file ends in message ${messages}: what is there of it (${length}) was kept and is marked incomplete.`),
    ]
  }

  return {
    hasId: () => hasId,
    read(part: Part): Piece[] {
      if (part.kind === 'too large' || isUtf8(part.bytes)) return [read(part)]
      const piece = read(part)
      const where = part.kind === 'message' ? `Message ${messages}` : `The field "${part.key}"`
      return [piece, lost(`${where} holds bytes that are not UTF-8: U+FFFD stands in their place.`)]
    },
    end(ending: Ending, sizeBytes: number): Piece[] {
      if (ending.kind === 'not an object') throw new OldFileError('The file is no session: it is no JSON object.')
      if (ending.kind === 'cut') return readCut(ending.part)
      if (ending.kind === 'whole') return []
      const rest = size(sizeBytes - ending.atByte)
      return [lost(`Behind the end of the session the file goes on: ${rest} were left out.`)]
    },
  }
}

/** Whether the beginning of a message is worth keeping. */
function saysSomething(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return 'role' in value && ('content' in value || 'toolCalls' in value || 'toolResults' in value)
}

function lost(warning: string): Piece {
  return { kind: 'lost', warning }
}

function lostMessage(warning: string): Piece {
  return { kind: 'lost message', warning }
}

function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes.toLocaleString('en')} bytes`
  const mega = bytes / 1_000_000
  return mega < 1 ? `${Math.round(bytes / 1_000)} KB` : `${mega.toFixed(1)} MB`
}
