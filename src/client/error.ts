import { type ErrorCode, type ErrorPayload, errorCodes } from '../protocol/errors.ts'

/** Why a request or a subscription failed: what the gateway answered, or what the client found out by itself. */
export class TalonClientError extends Error {
  readonly code: ErrorCode
  readonly status: number
  /** Whether the same request may work later; sent again with the same `requestId` it is never executed twice. */
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  readonly details: unknown
  readonly sessionId: string | undefined
  /** The protocol versions that the gateway speaks, with `VERSION_MISMATCH`. */
  readonly supported: readonly string[] | undefined
  readonly requestId: string | undefined

  constructor(payload: ErrorPayload, requestId?: string, cause?: unknown) {
    super(payload.error, cause === undefined ? undefined : { cause })
    this.name = 'TalonClientError'
    this.code = payload.code
    this.status = payload.status
    this.retryable = payload.retryable
    this.retryAfterMs = payload.retryAfterMs
    this.details = payload.details
    this.sessionId = payload.sessionId
    this.supported = payload.supported
    this.requestId = requestId
  }
}

/** An error that the client raises itself, with the status and the retryability of its code. */
export function localError(code: ErrorCode, message: string, requestId?: string, cause?: unknown): TalonClientError {
  return new TalonClientError({ code, error: message, ...errorCodes[code] }, requestId, cause)
}
