import { TalonError } from '../protocol/errors.ts'

/** Where a value stands in a document: names of members and places in lists. */
export type JsonPath = readonly (string | number)[]

/** A value that was read whole. */
export interface JsonPart {
  path: JsonPath
  value: unknown
  /** As it stands in the document. */
  bytes: number
}

interface PartsOptions {
  /** Whether the object or list at this path is read value by value; all others are parts. */
  opens(path: JsonPath): boolean
  /** Of one part. */
  maxBytes: number
}

/** An object or a list that is being read. */
interface Frame {
  kind: 'object' | 'list'
  state: 'first' | 'next' | 'colon' | 'value' | 'after'
  /** Of the member, or the place, that is read now. */
  at: string | number
}

// Recursion over a deeper value could exhaust the stack of whoever reads it next.
const maxDepth = 200
const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Reads a JSON document in pieces, so that one of any size takes the memory of its largest part.
 * @throws TalonError `INVALID_MESSAGE` where it is no JSON, `TOO_LARGE` for a part of more than `maxBytes`
 */
export async function* jsonParts(
  chunks: AsyncIterable<Uint8Array>,
  options: PartsOptions,
): AsyncGenerator<JsonPart[], void> {
  const reader = createReader(options)
  for await (const chunk of chunks) {
    const parts = reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    if (parts.length > 0) yield parts
  }
  reader.end()
}

function createReader({ opens, maxBytes }: PartsOptions) {
  const frames: Frame[] = []
  const capture = createCapture(maxBytes)
  let offset = 0
  let done = false
  const path = () => frames.map(({ at }) => at)

  /** Takes a byte between values; false if a value or a key begins with it. */
  function step(byte: number, at: number): boolean {
    const frame = frames.at(-1)
    if (done || (!frame && byte !== openBrace)) throw notJson(at)
    if (!frame) return open('object')
    const closes = byte === (frame.kind === 'object' ? closeBrace : closeBracket)
    if (closes && (frame.state === 'first' || frame.state === 'after')) return close()
    if (frame.state === 'after') return comesNext(frame, byte === comma, at)
    if (frame.state === 'colon') {
      if (byte !== colon) throw notJson(at)
      frame.state = 'value'
      return true
    }
    const isKey = frame.kind === 'object' && frame.state !== 'value'
    if (isKey ? byte !== quote : closes || byte === comma || byte === colon) throw notJson(at)
    if (isKey || (byte !== openBrace && byte !== openBracket) || !opens(path())) return false
    return open(byte === openBrace ? 'object' : 'list')
  }

  function open(kind: Frame['kind']): boolean {
    frames.push({ kind, state: 'first', at: kind === 'list' ? 0 : '' })
    return true
  }

  function close(): boolean {
    frames.pop()
    const parent = frames.at(-1)
    if (parent) parent.state = 'after'
    else done = true
    return true
  }

  function comesNext(frame: Frame, isComma: boolean, at: number): boolean {
    if (!isComma) throw notJson(at)
    frame.state = 'next'
    if (typeof frame.at === 'number') frame.at += 1
    return true
  }

  /** What was captured is the key of a member, or a part. */
  function captured(at: number): JsonPart | undefined {
    const frame = frames.at(-1)
    const bytes = capture.bytes()
    const value = parse(bytes, at)
    if (!frame) throw notJson(at)
    if (frame.kind === 'object' && frame.state !== 'value') {
      frame.at = String(value)
      frame.state = 'colon'
      return undefined
    }
    frame.state = 'after'
    return { path: path(), value, bytes: bytes.length }
  }

  return {
    push(chunk: Buffer): JsonPart[] {
      const parts: JsonPart[] = []
      for (let at = 0; at < chunk.length; ) {
        const byte = chunk[at] ?? 0
        if (!capture.open() && (isSpace(byte) || isMark(byte, offset + at) || step(byte, offset + at))) {
          at += 1
          continue
        }
        at = capture.take(chunk, at)
        if (capture.open()) break
        const part = captured(offset + at)
        if (part) parts.push(part)
      }
      offset += chunk.length
      return parts
    },
    end() {
      if (!done) throw new TalonError('INVALID_MESSAGE', `The JSON ends in its middle, at byte ${offset}.`)
    },
  }
}

/** The bytes of one value, which may go on over several chunks. */
function createCapture(maxBytes: number) {
  let isOpen = false
  let pieces: Buffer[] = []
  let size = 0
  let depth = 0
  let inString = false
  let escaped = false

  /** The index behind the value, or of the chunk's end if it goes on. */
  function endIn(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (inString) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quote) {
          inString = false
          if (depth === 0) return closed(at + 1)
        }
      } else if (byte === quote) inString = true
      else if (byte === openBrace || byte === openBracket) deepen()
      else if (byte === closeBrace || byte === closeBracket) {
        // A number or a word ends before what ends it.
        if (depth === 0) return closed(at)
        depth -= 1
        if (depth === 0) return closed(at + 1)
      } else if (depth === 0 && (byte === comma || isSpace(byte))) return closed(at)
    }
    return chunk.length
  }

  function deepen(): void {
    depth += 1
    if (depth > maxDepth) throw new TalonError('INVALID_MESSAGE', `This JSON is nested deeper than ${maxDepth} levels.`)
  }

  function closed(at: number): number {
    isOpen = false
    return at
  }

  return {
    open: () => isOpen,
    take(chunk: Buffer, from: number): number {
      if (!isOpen) [isOpen, pieces, size, depth, inString, escaped] = [true, [], 0, 0, false, false]
      const to = endIn(chunk, from)
      size += to - from
      if (size > maxBytes) throw new TalonError('TOO_LARGE', `One part of this JSON has more than ${maxBytes} bytes.`)
      pieces.push(chunk.subarray(from, to))
      return to
    },
    bytes: () => Buffer.concat(pieces),
  }
}

function parse(bytes: Buffer, at: number): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw notJson(at)
  }
}

function notJson(at: number): TalonError {
  return new TalonError('INVALID_MESSAGE', `This is not a JSON document of one object: see byte ${at}.`)
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Editors put a byte order mark at the beginning of a file. */
function isMark(byte: number, at: number): boolean {
  return at < 3 && (byte === 0xef || byte === 0xbb || byte === 0xbf)
}
