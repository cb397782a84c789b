import { setTimeout as delay } from 'node:timers/promises'
import { TalonError } from '../../protocol/errors.ts'
import type { Model, ModelEvent, ModelRequest } from './model.ts'
import { cancellation, ProviderFailure } from './models/provider-failure.ts'

export interface ChainOptions {
  /** From the request to the first sign of the model: text, a tool call, or a thought that is not shown. */
  firstTokenTimeoutMs?: number
  /** Between two signs of the model; the time that the reader takes does not count. */
  silenceTimeoutMs?: number
  /** Of all attempts together. */
  totalTimeoutMs?: number
  /** How often one provider is asked again after a failure that may pass. */
  maxRetries?: number
  /** The wait before the first retry; it doubles with each. */
  retryDelayMs?: number
  /** No wait is longer, whatever `Retry-After` says. */
  maxRetryDelayMs?: number
  /** 0 to 1, for the jitter of a wait. */
  random: () => number
  /** Told of every attempt that failed, for the log and the metrics. */
  onFailure?: (failure: FailedAttempt) => void
}

export interface FailedAttempt {
  provider: string
  model: string
  error: TalonError
  next: 'retry' | 'fallback' | 'give_up'
}

/** `provider` comes once, before the first event of the model that answers. */
export type ChainEvent = { type: 'provider'; provider: string; model: string } | ModelEvent

export interface Chain {
  stream(request: ModelRequest): AsyncIterable<ChainEvent>
}

export const chainDefaults = {
  firstTokenTimeoutMs: 60_000,
  silenceTimeoutMs: 30_000,
  totalTimeoutMs: 600_000,
  maxRetries: 2,
  retryDelayMs: 250,
  maxRetryDelayMs: 5_000,
}

/** Longest text about all providers that failed, in characters. */
const maxMessageLength = 1_000

type Settings = typeof chainDefaults & Pick<ChainOptions, 'random' | 'onFailure'>

/**
 * Asks the models in order until one answers. A failure that may pass is retried with the same model, any other
 * `PROVIDER_ERROR` or `TIMEOUT` goes to the next, both before its first event only: what was said cannot be taken
 * back, so later failures are thrown after the events that came. `CANCELLED` is thrown at once.
 */
export function chain(models: readonly Model[], options: ChainOptions): Chain {
  const settings = { ...chainDefaults, ...options }
  return { stream: request => answer(models, settings, request) }
}

async function* answer(
  models: readonly Model[],
  settings: Settings,
  request: ModelRequest,
): AsyncGenerator<ChainEvent> {
  const total = new AbortController()
  const timer = setTimeout(() => {
    total.abort(timeout(undefined, 'no whole answer', settings.totalTimeoutMs))
  }, settings.totalTimeoutMs)
  const signal = AbortSignal.any([request.signal, total.signal])
  const failures: TalonError[] = []
  try {
    for (const [index, model] of models.entries()) {
      const isLast = index === models.length - 1
      const failure = yield* ask(model, isLast, settings, { ...request, signal })
      if (failure === undefined) return
      failures.push(failure)
    }
  } finally {
    clearTimeout(timer)
  }
  throw noAnswer(failures)
}

/** Returns undefined after a whole answer, or the failure that sends the chain on to the next model. */
async function* ask(
  model: Model,
  isLast: boolean,
  settings: Settings,
  request: ModelRequest,
): AsyncGenerator<ChainEvent, TalonError | undefined> {
  for (let retries = 0; ; retries++) {
    let hasAnswered = false
    try {
      for await (const event of attempt(model, settings, request)) {
        if (!hasAnswered) yield { type: 'provider', provider: model.provider, model: model.id }
        hasAnswered = true
        yield event
      }
      return undefined
    } catch (thrown) {
      if (!(thrown instanceof TalonError)) throw thrown
      if (request.signal.aborted) throw cancellation(request.signal)
      if (thrown.code !== 'PROVIDER_ERROR' && thrown.code !== 'TIMEOUT') throw thrown
      const waitMs = hasAnswered ? undefined : retryWait(thrown, retries, isLast, settings)
      const next = waitMs !== undefined ? 'retry' : isLast || hasAnswered ? 'give_up' : 'fallback'
      settings.onFailure?.({ provider: model.provider, model: model.id, error: thrown, next })
      if (hasAnswered) throw thrown
      if (waitMs === undefined) return thrown
      await wait(waitMs, request.signal)
    }
  }
}

/** One request to one model, under the timers of the first token and of silence. */
async function* attempt(model: Model, settings: Settings, request: ModelRequest): AsyncGenerator<ModelEvent> {
  const stop = new AbortController()
  const signal = AbortSignal.any([request.signal, stop.signal])
  let timer: NodeJS.Timeout | undefined
  let isAlive = false
  const startTimer = () => {
    const limitMs = isAlive ? settings.silenceTimeoutMs : settings.firstTokenTimeoutMs
    const what = isAlive ? 'silence' : 'no first token'
    timer = setTimeout(() => stop.abort(timeout(model, what, limitMs)), limitMs)
  }
  const onActivity = () => {
    request.onActivity?.()
    if (isAlive) return void timer?.refresh()
    isAlive = true
    clearTimeout(timer)
    startTimer()
  }
  const events = model.stream({ ...request, signal, onActivity })[Symbol.asyncIterator]()
  try {
    for (;;) {
      startTimer()
      const { done, value } = await events.next()
      // Not while the reader of this stream is busy: its slowness is no silence of the provider.
      clearTimeout(timer)
      if (done) throw new ProviderFailure(`${model.provider}: ended without a finish.`, {})
      isAlive = true
      yield value
      if (value.type === 'finish') return
    }
  } finally {
    clearTimeout(timer)
    stop.abort()
    await events.return?.()
  }
}

function timeout(model: Model | undefined, what: string, limitMs: number): TalonError {
  const name = model === undefined ? '' : `${model.provider}: `
  const text = what === 'silence' ? `silence for ${limitMs / 1000} s` : `${what} within ${limitMs / 1000} s`
  return new TalonError('TIMEOUT', `${name}${text}.`)
}

/** How long to wait before the same model is asked again; undefined means that it is not. */
function retryWait(error: TalonError, retries: number, isLast: boolean, settings: Settings): number | undefined {
  if (!(error instanceof ProviderFailure) || !error.mayRetry || retries >= settings.maxRetries) return undefined
  const { maxRetryDelayMs, retryDelayMs, random } = settings
  const askedMs = error.extras.retryAfterMs ?? 0
  // Another provider can answer before this one wants to be asked again.
  if (askedMs > maxRetryDelayMs && !isLast) return undefined
  const backoffMs = retryDelayMs * 2 ** retries * (0.5 + random() / 2)
  return Math.min(Math.max(askedMs, 0) + backoffMs, maxRetryDelayMs)
}

async function wait(waitMs: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(waitMs, undefined, { signal })
  } catch {
    throw cancellation(signal)
  }
}

function noAnswer(failures: readonly TalonError[]): TalonError {
  const last = failures.at(-1)
  if (last === undefined) return new TalonError('PROVIDER_ERROR', 'No model is configured.')
  if (failures.length === 1) return last
  const text = failures.map(failure => failure.message).join(' ')
  // The code is the last one's, as that provider is the one that could have helped.
  return new TalonError(last.code, text.length > maxMessageLength ? `${text.slice(0, maxMessageLength - 1)}…` : text)
}
