import type { ErrorPayload } from '../protocol/errors.ts'
import type { RequestType } from '../protocol/messages.ts'
import { protocolVersion } from '../protocol/version.ts'
import { localError, TalonClientError } from './error.ts'
import type { RequestOptions } from './types.ts'

/** Requests that wait for their answer or for a connection; one more is refused at once. */
export const maxOpenRequests = 256
// The gateway takes 64 at a time from a connection; the rest is room for pings and for other users of the token.
const maxInFlight = 48
/** The gateway's cap of a frame, in UTF-8 bytes: a larger one would cost the connection. */
export const maxFrameBytes = 1_048_576
// The longest delay that timers know; a longer one would fire at once.
const maxTimerMs = 2 ** 31 - 1

type Payload = Record<string, unknown>

interface OpenRequest {
  id: string
  text: string
  sent: boolean
  resend: boolean
  resolve: (payload: Payload) => void
  reject: (error: TalonClientError) => void
  release: () => void
}

interface AskOptions extends RequestOptions {
  timeoutMs: number
  /** False for what belongs to one connection: it is rejected when that is lost. */
  resend: boolean
}

/** A frame's text, written once, so that a repetition is the same to the byte. */
export function frameText(id: string, type: RequestType, payload: object): string {
  return JSON.stringify({ id, type, version: protocolVersion, timestamp: Date.now(), payload })
}

/** The requests that are not answered yet, in the order they were asked. */
export class Requests {
  readonly #open = new Map<string, OpenRequest>()
  readonly #send: (text: string) => boolean
  #inFlight = 0

  /** `send` says whether there was a connection to send on. */
  constructor(send: (text: string) => boolean) {
    this.#send = send
  }

  /** Asks as soon as there is a connection; calls `resolve` or `reject` once, in the turn of the frame that answers. */
  ask(
    type: RequestType,
    payload: object,
    options: AskOptions,
    resolve: (payload: Payload) => void,
    reject: (error: TalonClientError) => void,
  ): void {
    const { id = randomId(), signal, timeoutMs, resend } = options
    const text = frameText(id, type, payload)
    const refusal = this.#refusal(id, text, signal)
    if (refusal) {
      reject(refusal)
      return
    }
    const onAbort = () => this.#fail(id, aborted(id, signal))
    const onTimeout = () => this.#fail(id, localError('TIMEOUT', `No answer to ${type} in ${timeoutMs} ms.`, id))
    signal?.addEventListener('abort', onAbort)
    const timer = timeoutMs <= maxTimerMs ? setTimeout(onTimeout, timeoutMs) : undefined
    const release = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    this.#open.set(id, { id, text, sent: false, resend, resolve, reject, release })
    this.flush()
  }

  /** Settles the request that a frame answers; false if it is not one of ours, or no longer. */
  answer(id: string, type: string, payload: Payload): boolean {
    const request = this.#take(id)
    if (!request) return false
    if (type === 'error' || type === 'session.error') {
      // The gateway's frames are of the protocol's shapes; only its own code writes them.
      request.reject(new TalonClientError(payload as unknown as ErrorPayload, id))
    } else {
      request.resolve(payload)
    }
    this.flush()
    return true
  }

  /** Sends what waits, oldest first, as far as the gateway takes it. */
  flush(): void {
    for (const request of this.#open.values()) {
      if (this.#inFlight >= maxInFlight) return
      if (request.sent) continue
      if (!this.#send(request.text)) return
      request.sent = true
      this.#inFlight++
    }
  }

  /** The connection is gone: what was asked on it waits for the next one. */
  lost(becauseFrameTooLarge: boolean): void {
    if (becauseFrameTooLarge) this.#dropLargest()
    this.#inFlight = 0
    for (const request of this.#open.values()) {
      request.sent = false
      if (!request.resend) this.#fail(request.id, localError('INTERRUPTED', 'The connection was lost.', request.id))
    }
  }

  end(error: TalonClientError): void {
    for (const id of this.#open.keys()) this.#fail(id, error)
  }

  #refusal(id: string, text: string, signal: AbortSignal | undefined): TalonClientError | undefined {
    if (signal?.aborted) return aborted(id, signal)
    if (this.#open.has(id)) return localError('CONFLICT', `A request with the id ${id} is already open.`, id)
    if (isTooLong(text)) return tooLarge(id)
    if (this.#open.size < maxOpenRequests) return undefined
    return localError('OVERLOADED', `${maxOpenRequests} requests are waiting already.`, id)
  }

  /** Whichever frame was too large, it must not be sent again and cost the next connection too. */
  #dropLargest(): void {
    let largest: OpenRequest | undefined
    for (const request of this.#open.values()) {
      if (request.sent && request.text.length > (largest?.text.length ?? 0)) largest = request
    }
    if (largest) this.#fail(largest.id, tooLarge(largest.id))
  }

  #fail(id: string, error: TalonClientError): void {
    this.#take(id)?.reject(error)
    this.flush()
  }

  #take(id: string): OpenRequest | undefined {
    const request = this.#open.get(id)
    if (!request) return undefined
    this.#open.delete(id)
    if (request.sent) this.#inFlight--
    request.release()
    return request
  }
}

function aborted(id: string, signal: AbortSignal | undefined): TalonClientError {
  return localError('CANCELLED', 'The request was given up.', id, signal?.reason)
}

function tooLarge(id: string): TalonClientError {
  return localError('TOO_LARGE', `The request is larger than a frame may be (${maxFrameBytes} bytes).`, id)
}

function isTooLong(text: string): boolean {
  // One UTF-16 unit is at most three bytes, so that short texts need not be measured.
  return text.length * 3 > maxFrameBytes && new TextEncoder().encode(text).length > maxFrameBytes
}

/** A random UUID. `crypto.randomUUID` is missing from pages that came over plain HTTP, such as from a home network. */
export function randomId(): string {
  if (crypto.randomUUID) return crypto.randomUUID()
  const [a = 0, b = 0, c = 0, d = 0] = crypto.getRandomValues(new Uint32Array(4))
  const hex = [a, (b & 0xffff0fff) | 0x4000, (c & 0x3fffffff) | 0x80000000, d]
    .map(word => (word >>> 0).toString(16).padStart(8, '0'))
    .join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
