import { StringDecoder } from 'node:string_decoder'

/** The newest output of a process, by its place in all that it wrote. */
export interface OutputRing {
  add(stream: 'stdout' | 'stderr', chunk: Buffer): void
  /** Place behind the last character. */
  end(): number
  /** What was written from this place on and is still kept. */
  from(place: number): { text: string; next: number; lostChars: number }
}

/** Keeps at most about `maxBytes`; both streams in the order in which they came. Places are counted in UTF-16 units. */
export function createOutputRing(maxBytes: number): OutputRing {
  // A character may be cut in two between chunks of one stream.
  const decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() }
  const pieces: { text: string; at: number; bytes: number }[] = []
  let bytes = 0
  let end = 0
  return {
    add(stream, chunk) {
      const text = decoders[stream].write(chunk)
      if (text === '') return
      pieces.push({ text, at: end, bytes: chunk.length })
      end += text.length
      bytes += chunk.length
      while (bytes > maxBytes && pieces.length > 1) bytes -= pieces.shift()?.bytes ?? 0
    },
    end: () => end,
    from(place) {
      const start = Math.max(0, Math.min(place, end))
      const kept = pieces[0]?.at ?? end
      const first = Math.max(start, kept)
      const texts = pieces.filter(piece => piece.at + piece.text.length > first)
      const text = texts.map(piece => piece.text.slice(Math.max(0, first - piece.at))).join('')
      return { text, next: end, lostChars: first - start }
    },
  }
}
