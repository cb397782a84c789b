import { TalonError } from '../../../protocol/errors.ts'

/** Longest reason of a provider that is kept, in characters: more says nothing more and fills logs and frames. */
const maxReasonLength = 500

/** A shorter secret is no secret, and hiding it everywhere would hide the reason too. */
const minSecretLength = 4

/** What looks like a key even if it is not the configured one: of OpenAI and Anthropic, Google, Talon, a header. */
const keyShapes = /\b(?:sk-[\w*.-]{4,}|AIza[\w*.-]{8,}|tln_\w{4,})|\bBearer\s+[^\s"',;]+/gi

// Format characters are in it because a right-to-left mark in an error can turn a whole log line around.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu

/** Statuses that may be gone in a moment: a limit, an overload (529 is Anthropic's), a restart behind a proxy. */
const passingStatuses = new Set([408, 425, 429, 500, 502, 503, 504, 529])

export interface FailureExtras {
  code?: 'PROVIDER_ERROR' | 'TIMEOUT'
  /** The same request to the same provider may work in a moment. */
  mayRetry?: boolean
  /** Of its HTTP answer. */
  httpStatus?: number | undefined
  /** How long the provider asked to be left alone. */
  retryAfterMs?: number | undefined
}

/** What a provider did wrong, as a `PROVIDER_ERROR` or a `TIMEOUT`, with what the chain needs to go on. */
export class ProviderFailure extends TalonError {
  readonly mayRetry: boolean
  readonly httpStatus: number | undefined

  constructor(message: string, extras: FailureExtras) {
    const { code = 'PROVIDER_ERROR', mayRetry = false, retryAfterMs, httpStatus } = extras
    super(code, message, retryAfterMs === undefined ? {} : { retryAfterMs })
    this.mayRetry = mayRetry
    this.httpStatus = httpStatus
  }
}

/** Makes the failure of one provider out of a reason, which may quote the provider: it comes out clean and short. */
export type Fail = (reason: string, extras?: FailureExtras) => ProviderFailure

/** The `Fail` of a provider: its name in front, none of `secrets` and nothing that looks like a key in the text. */
export function failures(provider: string, secrets: readonly string[]): Fail {
  const hidden = secrets.filter(secret => secret.length >= minSecretLength)
  return (reason, extras = {}) => new ProviderFailure(`${provider}: ${sentence(redact(reason, hidden))}`, extras)
}

/** Whether the same request to the same provider may work in a moment after it answered with this HTTP status. */
export function isPassing(status: number | undefined): boolean {
  return status !== undefined && passingStatuses.has(status)
}

/** What a stopped call throws: the reason of the abort if that is a `TalonError`, else `CANCELLED`. */
export function cancellation(signal: AbortSignal): TalonError {
  return signal.reason instanceof TalonError ? signal.reason : new TalonError('CANCELLED', 'Cancelled.')
}

function redact(text: string, secrets: readonly string[]): string {
  // Control characters go first: one in the middle of a key would keep the key from being found.
  let clean = text.replace(unprintable, ' ').replace(/\s+/g, ' ').trim()
  for (const secret of secrets) clean = clean.replaceAll(secret, '[redacted]')
  return clean.replace(keyShapes, '[redacted]')
}

function sentence(text: string): string {
  if (text.length > maxReasonLength) return `${text.slice(0, maxReasonLength - 1).toWellFormed()}…`
  return /[.!?…]$/.test(text) ? text : `${text}.`
}
