/** One part of a session file, as the bytes that stand for it. */
export type Part = { kind: 'member'; key: string; bytes: Buffer } | { kind: 'message'; bytes: Buffer } | TooLarge

/** A part that is longer than a string can be: only its length is known. */
export interface TooLarge {
  kind: 'too large'
  what: 'member' | 'message'
  sizeBytes: number
}

/** How a file ended. */
export type Ending =
  | { kind: 'whole' }
  /** Before anything that could be a session. */
  | { kind: 'not an object' }
  /** Something follows the object that is no white space. */
  | { kind: 'more'; atByte: number }
  /** In the middle; `part` is what had begun. */
  | { kind: 'cut'; part: Part | undefined }

export interface Splitter {
  /** The parts that this chunk completes. The chunk is kept where a part goes on in the next one. */
  push(chunk: Buffer): Part[]
  /** Whether there was a list of messages so far, which may be empty. */
  hasMessages(): boolean
  end(): Ending
}

// A string of V8 holds 512 Mi UTF-16 units, and on its way into the database a text is copied a few times.
const maxPartBytes = 256 * 1024 * 1024

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Where the splitter stands, outside of a value. */
type Place =
  | 'before the object'
  | 'before a key'
  | 'in a key'
  | 'before a colon'
  | 'before a value'
  | 'before a message'
  | 'after a member'
  | 'after a message'
  | 'after the object'
  | 'lost'

/**
 * Splits the text of one session into its members and the messages of its member `messages`, so that a file of any size
 * is read in the memory of its longest message. It looks at strings and brackets only: whether a part is JSON is for its
 * reader to find out, and one that is not does not spoil the others.
 */
export function createSplitter(): Splitter {
  const state: State = {
    place: 'before the object',
    key: '',
    inMessages: false,
    hasMessages: false,
    strangeAt: undefined,
  }
  const value = createValue()
  let offset = 0
  return {
    push(chunk) {
      const parts: Part[] = []
      for (let at = 0; at < chunk.length; ) {
        if (!value.open()) {
          const byte = chunk[at] ?? 0
          if (isSpace(byte) || step(state, byte, offset + at)) {
            at += 1
            continue
          }
          value.begin()
        }
        at = value.take(chunk, at)
        if (value.open()) break
        const part = finish(state, value.bytes())
        if (part) parts.push(part)
      }
      offset += chunk.length
      return parts
    },
    hasMessages: () => state.hasMessages,
    end() {
      const { place, strangeAt } = state
      if (place === 'before the object' || place === 'lost') return { kind: 'not an object' }
      if (place === 'after the object') {
        return strangeAt === undefined ? { kind: 'whole' } : { kind: 'more', atByte: strangeAt }
      }
      const isPart = value.open() && place !== 'in a key'
      return { kind: 'cut', part: isPart ? finish(state, value.bytes()) : undefined }
    },
  }
}

interface State {
  place: Place
  key: string
  inMessages: boolean
  hasMessages: boolean
  /** Where something stands behind the object. */
  strangeAt: number | undefined
}

/** Takes one byte that is not part of a value; false if a value begins with it. */
function step(state: State, byte: number, at: number): boolean {
  const { place } = state
  if (place === 'before the object') {
    if (byte === openBrace) state.place = 'before a key'
    else if (!isByteOrderMark(byte)) state.place = 'lost'
    return true
  }
  if (place === 'after the object' || place === 'lost') {
    state.strangeAt ??= at
    return true
  }
  const next = placeAfter(state, byte)
  if (next !== undefined) {
    state.place = next
    return true
  }
  // Where a comma or a colon is missing, the file is read on as if it were there.
  if (place === 'before a key' || place === 'after a member') state.place = 'in a key'
  return false
}

/** Undefined if this byte has no meaning of its own there. */
function placeAfter(state: State, byte: number): Place | undefined {
  const { place, inMessages } = state
  const isAfter = place === 'after a member' || place === 'after a message'
  if (byte === comma && isAfter) return inMessages ? 'before a message' : 'before a key'
  if (byte === closeBrace && (place === 'after a member' || place === 'before a key')) return 'after the object'
  if (byte === closeBracket && (place === 'after a message' || place === 'before a message')) {
    state.inMessages = false
    return 'after a member'
  }
  if (byte === colon && place === 'before a colon') return 'before a value'
  if (byte === openBracket && place === 'before a value' && state.key === 'messages') {
    state.inMessages = true
    state.hasMessages = true
    return 'before a message'
  }
  return undefined
}

/** A value is over: a key, a member or a message. A number stands for bytes that are too many. */
function finish(state: State, bytes: Buffer | number): Part | undefined {
  if (state.place === 'in a key') {
    state.key = typeof bytes === 'number' ? '' : readKey(bytes)
    state.place = 'before a colon'
    return undefined
  }
  const what = state.inMessages ? 'message' : 'member'
  state.place = state.inMessages ? 'after a message' : 'after a member'
  if (typeof bytes === 'number') return { kind: 'too large', what, sizeBytes: bytes }
  return what === 'message' ? { kind: what, bytes } : { kind: what, key: state.key, bytes }
}

/** One value on its way through the chunks: where it ends, and its bytes. */
function createValue() {
  const scan: Scan = { open: false, depth: 0, inString: false, escaped: false, bare: false }
  let parts: Buffer[] = []
  let sizeBytes = 0
  return {
    open: () => scan.open,
    begin() {
      Object.assign(scan, { open: true, depth: 0, inString: false, escaped: false, bare: false })
      parts = []
      sizeBytes = 0
    },
    take(chunk: Buffer, from: number): number {
      const to = endOfValue(scan, chunk, from)
      sizeBytes += to - from
      if (sizeBytes <= maxPartBytes) parts.push(chunk.subarray(from, to))
      else parts = []
      return to
    },
    /** Its bytes, or only their number where they are too many. */
    bytes(): Buffer | number {
      if (sizeBytes > maxPartBytes) return sizeBytes
      const [only] = parts
      return only && parts.length === 1 ? only : Buffer.concat(parts)
    },
  }
}

interface Scan {
  open: boolean
  depth: number
  inString: boolean
  escaped: boolean
  /** A number or a word ends before the byte that ends it, everything else with it. */
  bare: boolean
}

/** The index behind the value, or behind the chunk if it goes on. */
function endOfValue(scan: Scan, chunk: Buffer, from: number): number {
  for (let at = from; at < chunk.length; at++) {
    const byte = chunk[at] ?? 0
    if (scan.inString) {
      if (scan.escaped) scan.escaped = false
      else if (byte === backslash) scan.escaped = true
      else if (byte === quote) {
        scan.inString = false
        if (scan.depth === 0) return close(scan, at + 1)
      }
    } else if (byte === quote) scan.inString = true
    else if (byte === openBrace || byte === openBracket) scan.depth += 1
    else if (byte === closeBrace || byte === closeBracket) {
      if (scan.bare) return close(scan, at)
      scan.depth -= 1
      if (scan.depth <= 0) return close(scan, at + 1)
    } else if (scan.depth === 0) {
      if (byte === comma || isSpace(byte)) return close(scan, at)
      scan.bare = true
    }
  }
  return chunk.length
}

function close(scan: Scan, at: number): number {
  scan.open = false
  return at
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isByteOrderMark(byte: number): boolean {
  return byte === 0xef || byte === 0xbb || byte === 0xbf
}

function readKey(bytes: Buffer): string {
  try {
    return String(JSON.parse(bytes.toString()))
  } catch {
    return bytes.toString()
  }
}
