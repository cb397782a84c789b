/** Every error code of the wire with the HTTP status it maps to and whether the same request may work later. */
export const errorCodes = {
  INVALID_MESSAGE: { status: 400, retryable: false },
  UNAUTHENTICATED: { status: 401, retryable: false },
  BUDGET_EXCEEDED: { status: 402, retryable: false },
  FORBIDDEN: { status: 403, retryable: false },
  SESSION_NOT_FOUND: { status: 404, retryable: false },
  TOOL_NOT_FOUND: { status: 404, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  CONFLICT: { status: 409, retryable: false },
  TOO_LARGE: { status: 413, retryable: false },
  MISDIRECTED: { status: 421, retryable: false },
  VERSION_MISMATCH: { status: 426, retryable: false },
  TOOL_FAILED: { status: 422, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  CANCELLED: { status: 499, retryable: false },
  INTERRUPTED: { status: 499, retryable: false },
  INTERNAL: { status: 500, retryable: false },
  PROVIDER_ERROR: { status: 502, retryable: true },
  OVERLOADED: { status: 503, retryable: true },
  DRAINING: { status: 503, retryable: true },
  STORAGE_UNAVAILABLE: { status: 503, retryable: true },
  TIMEOUT: { status: 504, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>

export type ErrorCode = keyof typeof errorCodes

/** The payload of `error`; `session.error` is the same with `sessionId`. */
export interface ErrorPayload {
  code: ErrorCode
  status: number
  error: string
  retryable: boolean
  retryAfterMs?: number
  details?: unknown
  sessionId?: string
  supported?: string[]
}

export interface ErrorExtras {
  retryAfterMs?: number
  details?: unknown
  sessionId?: string
  supported?: string[]
  cause?: unknown
}

/** An error that a client is meant to see. Anything else that is thrown becomes `INTERNAL`, without its cause. */
export class TalonError extends Error {
  readonly code: ErrorCode
  readonly extras: ErrorExtras

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.name = 'TalonError'
    this.code = code
    this.extras = extras
  }

  get status(): number {
    return errorCodes[this.code].status
  }
}

/** What a client is told of any thrown value: a `TalonError` as it is, everything else as `INTERNAL`. */
export function errorPayload(thrown: unknown): ErrorPayload {
  if (!(thrown instanceof TalonError)) {
    return { code: 'INTERNAL', status: 500, error: 'Internal error.', retryable: false }
  }
  const { cause: _cause, ...extras } = thrown.extras
  const { status, retryable } = errorCodes[thrown.code]
  return { code: thrown.code, status, error: thrown.message, retryable, ...extras }
}

/** WebSocket close codes: why a connection ended, and with that what its client should do next. */
export const closeCodes = {
  shuttingDown: 1001,
  binaryFrame: 1003,
  frameTooLarge: 1009,
  restart: 1012,
  version: 4001,
  tooManyBadFrames: 4002,
  notAuthenticated: 4003,
  authenticationFailed: 4004,
  slowConsumer: 4008,
  heartbeatLost: 4009,
  tokenRevoked: 4010,
  limitExceeded: 4029,
} as const

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes]
