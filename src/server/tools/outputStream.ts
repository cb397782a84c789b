import type { Clock } from '../record.ts'

/** What a run may show while it works, per second and at once. All of it is in its result. */
const maxBytesPerSecond = 64 * 1024
// Fast enough for the eye; a frame for each line would be a frame for each byte of some programs.
const everyMs = 50

export type StreamName = 'stdout' | 'stderr'

/** Output of one run on its way out. */
export interface OutputStream {
  add(stream: StreamName, chunk: string): void
  /** Sends what is left. */
  end(): void
}

/** Sends output in pieces, no more than so much a second; what is too much is left out, and that is said. */
export function createOutputStream(clock: Clock, send: (stream: StreamName, chunk: string) => void): OutputStream {
  let pieces: { stream: StreamName; text: string }[] = []
  let room = maxBytesPerSecond
  let roomAt = clock.monotonic()
  let leftOutBytes = 0
  let timer: NodeJS.Timeout | undefined

  const flush = () => {
    timer = undefined
    for (const { stream, text } of pieces) send(stream, text)
    pieces = []
  }
  const keep = (stream: StreamName, text: string) => {
    if (text === '') return
    const last = pieces.at(-1)
    if (last?.stream === stream) last.text += text
    else pieces.push({ stream, text })
    timer ??= setTimeout(flush, everyMs).unref()
  }
  const sayLeftOut = (stream: StreamName) => {
    if (leftOutBytes === 0) return
    keep(stream, `\n[… ${leftOutBytes} bytes left out …]\n`)
    leftOutBytes = 0
  }
  let lastStream: StreamName = 'stdout'
  return {
    add(stream, chunk) {
      const now = clock.monotonic()
      room = Math.min(maxBytesPerSecond, room + ((now - roomAt) * maxBytesPerSecond) / 1_000)
      roomAt = now
      lastStream = stream
      const bytes = Buffer.from(chunk)
      // As long as something is left out the rest of it goes too, so that a flood is one gap and not a thousand.
      if (leftOutBytes > 0 && room < maxBytesPerSecond / 2) {
        leftOutBytes += bytes.length
        return
      }
      sayLeftOut(stream)
      const part = bytes.length <= room ? chunk : wholeCharacters(bytes.subarray(0, Math.floor(room)))
      const partBytes = part === chunk ? bytes.length : Buffer.byteLength(part)
      room -= partBytes
      leftOutBytes += bytes.length - partBytes
      keep(stream, part)
    },
    end() {
      sayLeftOut(lastStream)
      clearTimeout(timer)
      flush()
    },
  }
}

/** Text of these bytes without the beginning of a character at their end. */
function wholeCharacters(bytes: Buffer): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true })
}
