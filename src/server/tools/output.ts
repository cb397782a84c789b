/** Text of at most `maxBytes` bytes of UTF-8: head and tail, and between them a line that says how much was cut. */
export function capOutput(text: string, maxBytes: number): { text: string; truncated: boolean } {
  if (text.length * 3 <= maxBytes) return { text, truncated: false } // A UTF-16 unit is at most 3 bytes of UTF-8.
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return { text, truncated: false }
  const half = Math.max(0, Math.floor((maxBytes - markRoomBytes) / 2))
  const head = headOf(bytes, half)
  const tail = tailOf(bytes, half)
  return { text: joinCut(head, tail, bytes.length - head.length - tail.length), truncated: true }
}

/** Collects a stream of any length and keeps its first and its last bytes. */
export interface HeadAndTail {
  add(chunk: Buffer): void
  text(): { text: string; truncated: boolean }
}

export function createHeadAndTail(maxBytes: number): HeadAndTail {
  const half = Math.max(1, Math.floor((maxBytes - markRoomBytes) / 2))
  const head: Buffer[] = []
  let headBytes = 0
  let tail: Buffer[] = []
  let tailBytes = 0
  let totalBytes = 0

  const addToTail = (chunk: Buffer) => {
    tail.push(chunk)
    tailBytes += chunk.length
    // Joining only when twice the room is used makes each byte move once on average.
    if (tailBytes > half * 2) {
      tail = [Buffer.from(Buffer.concat(tail).subarray(-half))]
      tailBytes = half
    }
  }
  return {
    add(chunk) {
      totalBytes += chunk.length
      const toHead = chunk.subarray(0, half - headBytes)
      if (toHead.length > 0) head.push(Buffer.from(toHead))
      headBytes += toHead.length
      if (toHead.length < chunk.length) addToTail(chunk.subarray(toHead.length))
    },
    text() {
      const start = Buffer.concat(head)
      const end = Buffer.concat(tail)
      if (totalBytes <= half * 2) return { text: Buffer.concat([start, end]).toString(), truncated: false }
      const first = headOf(start, half)
      const last = tailOf(end, half)
      return { text: joinCut(first, last, totalBytes - first.length - last.length), truncated: true }
    },
  }
}

// The line between head and tail with a count of up to 16 digits.
const markRoomBytes = 48

function joinCut(head: Buffer, tail: Buffer, cutBytes: number): string {
  return `${head.toString()}\n[… ${cutBytes} bytes cut …]\n${tail.toString()}`
}

function headOf(bytes: Buffer, maxBytes: number): Buffer {
  let end = Math.min(maxBytes, bytes.length)
  // The byte after a cut must begin a character; at most three continuation bytes come before one that does.
  for (let step = 0; step < 3 && isContinuation(bytes[end]); step++) end -= 1
  return bytes.subarray(0, Math.max(0, end))
}

function tailOf(bytes: Buffer, maxBytes: number): Buffer {
  let start = Math.max(0, bytes.length - maxBytes)
  for (let step = 0; step < 3 && isContinuation(bytes[start]); step++) start += 1
  return bytes.subarray(start)
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}
