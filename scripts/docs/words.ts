import type { closeCodes, ErrorCode } from '../../src/protocol/errors.ts'

/** When a client meets each error code. */
export const errorWords: Record<ErrorCode, string> = {
  INVALID_MESSAGE:
    'The frame, its type or a field of its payload is not what the protocol says; `details` names the fields.',
  UNAUTHENTICATED: 'Nobody is signed in, or the token, cookie or link is not valid.',
  BUDGET_EXCEEDED: 'What may be spent is spent.',
  FORBIDDEN: 'The token lacks the scope, or the origin may not do this.',
  SESSION_NOT_FOUND: 'There is no such session, or it was deleted. Over WebSocket it comes as `session.error`.',
  TOOL_NOT_FOUND: 'There is no tool of this name.',
  NOT_FOUND: 'There is nothing at this address or of this id.',
  CONFLICT: 'The same `id` was used for another payload, or the thing is not in a state for this.',
  TOO_LARGE: 'The body or the content is larger than it may be.',
  MISDIRECTED: 'The `Host` header names a host that is not served (HTTP only).',
  VERSION_MISMATCH: 'The protocol version is not served; `supported` lists those that are.',
  TOOL_FAILED: 'What a tool ran has failed, such as a command that ended with an exit code; the output says how.',
  RATE_LIMITED: 'Too much in too little time; wait for `retryAfterMs`.',
  CANCELLED: 'Somebody stopped it.',
  INTERRUPTED: 'The gateway stopped while it worked on this. It is not done again by itself.',
  INTERNAL: 'A fault of the gateway. The cause is in its log, never on the wire.',
  PROVIDER_ERROR: 'No model provider answered, or a server that a tool asked failed.',
  OVERLOADED: 'Too many requests, connections or subscriptions at once; wait for `retryAfterMs`.',
  DRAINING: 'The gateway is shutting down and takes no new work. Send the same `id` again after the restart.',
  STORAGE_UNAVAILABLE: 'The database cannot be written now, such as on a full disk.',
  TIMEOUT: 'It took longer than it may.',
}

/** Why a connection was closed, and what its client should do then. */
export const closeWords: Record<keyof typeof closeCodes, { why: string; next: string }> = {
  shuttingDown: { why: 'The gateway stops.', next: 'Reconnect with back-off.' },
  binaryFrame: { why: 'A binary frame came; only text is spoken.', next: 'A fault of the client. Do not repeat it.' },
  frameTooLarge: {
    why: 'A frame was larger than it may be: 64 KiB before sign-in, 1 MiB after.',
    next: 'Reconnect, and do not send that frame again.',
  },
  restart: { why: 'The gateway restarts.', next: 'Reconnect with back-off and resume.' },
  version: {
    why: '`hello` offered no version that is served.',
    next: 'Do not reconnect; update the older of the two.',
  },
  tooManyBadFrames: {
    why: '20 frames were refused as `INVALID_MESSAGE` without a good one in between.',
    next: 'A fault of the client. Do not repeat it at once.',
  },
  notAuthenticated: { why: 'Nobody signed in in time.', next: 'Do not reconnect without a token.' },
  authenticationFailed: { why: 'The token in `hello` is not valid.', next: 'Do not reconnect; ask for another token.' },
  slowConsumer: {
    why: 'More than 8 MiB were unsent, or nothing was taken for 10 s.',
    next: 'Reconnect and resume: nothing of the log is lost.',
  },
  heartbeatLost: { why: 'Two pings were not answered.', next: 'Reconnect and resume.' },
  tokenRevoked: {
    why: 'The token was revoked or expired, or the browser signed out.',
    next: 'Do not reconnect; sign in again.',
  },
  limitExceeded: {
    why: 'A limit was exceeded persistently, such as that of failed sign-ins.',
    next: 'Reconnect after at least 5 s.',
  },
}
