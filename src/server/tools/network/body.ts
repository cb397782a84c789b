import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable, Transform } from 'node:stream'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import { TalonError } from '../../../protocol/errors.ts'

/** Encodings on top of each other; more than one is rare, and each multiplies what a small body can grow to. */
const maxEncodings = 2
/** Compressed bytes that are read though they make no output. */
const minWireBytes = 1_048_576
/** What RFC 9659 lets a server use of zstd, 8 MiB; without it a few bytes could ask for much more. */
const zstdWindowLog = 23
/** Errors of the connection, which say nothing about the encoding. */
const connectionErrors = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ABORT_ERR', 'ERR_STREAM_PREMATURE_CLOSE']

/** What a server is told that it may send. */
export const acceptedEncodings = 'gzip, deflate, br, zstd'

/**
 * The body of a response, decompressed and cut at `maxBytes`; the rest is not read and the connection ends.
 * @throws TalonError `TOO_LARGE`, `PROVIDER_ERROR`; whatever ended the response
 */
export async function readBody(
  response: IncomingMessage,
  maxBytes: number,
): Promise<{ body: Buffer; truncated: boolean }> {
  const chunks: Buffer[] = []
  let total = 0
  try {
    for await (const chunk of await decoded(response, maxBytes)) {
      // A stream of bytes, which its type does not say.
      const bytes = chunk as Buffer
      chunks.push(bytes.subarray(0, maxBytes - total))
      total += bytes.length
      if (total > maxBytes) break
    }
  } finally {
    response.destroy()
  }
  return { body: Buffer.concat(chunks), truncated: total > maxBytes }
}

/** The body as it was before it was compressed. Leaving the stream early ends all that it is made of. */
async function decoded(response: IncomingMessage, maxBytes: number): Promise<AsyncIterable<unknown>> {
  const encodings = encodingsOf(response.headers['content-encoding'])
  if (encodings.length === 0) return response
  const outermost = encodings.at(-1) === 'deflate' ? await deflateOf(response) : undefined
  const decoders = encodings.reverse().map((encoding, at) => (at === 0 && outermost) || decoderOf(encoding))
  const last = decoders.at(-1) ?? response
  pipeline([response, counter(Math.max(maxBytes, minWireBytes)), ...decoders], () => {})
  return withErrors(last, encodings.join(', '))
}

async function* withErrors(stream: Readable, encodings: string): AsyncGenerator<unknown> {
  try {
    yield* stream
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (error instanceof TalonError || connectionErrors.includes(code)) throw error
    throw new TalonError('PROVIDER_ERROR', `The answer is not the ${encodings} that it says it is (${code}).`)
  }
}

function encodingsOf(header: string | undefined): string[] {
  const encodings = (header ?? '')
    .split(',')
    .map(part => part.trim().toLowerCase())
    .filter(part => part !== '' && part !== 'identity')
  if (encodings.length <= maxEncodings) return encodings
  throw new TalonError('PROVIDER_ERROR', `The answer is compressed ${encodings.length} times. It is not read.`)
}

function counter(maxBytes: number): Transform {
  let total = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length
      if (total <= maxBytes) done(null, chunk)
      else done(new TalonError('TOO_LARGE', `The answer has over ${maxBytes} bytes though it is compressed.`))
    },
  })
}

function decoderOf(encoding: string): Transform {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'deflate':
      return createInflate()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } })
    default:
      throw new TalonError('PROVIDER_ERROR', `The answer is compressed by ${JSON.stringify(encoding.slice(0, 40))}.`)
  }
}

/** Some servers send `deflate` without the two bytes that RFC 1950 begins with; the first byte tells. */
async function deflateOf(response: IncomingMessage): Promise<Transform> {
  if (response.readableLength === 0 && !response.readableEnded) await once(response, 'readable')
  const first = response.read() as Buffer | null // Bytes, as no encoding is set.
  if (first) response.unshift(first)
  return ((first?.[0] ?? 8) & 0x0f) === 8 ? createInflate() : createInflateRaw()
}
