import { TalonError } from '../../../protocol/errors.ts'
import { writeTraceparent } from '../../traceparent.ts'
import type { Model, ModelEvent, ModelRequest, ModelToolCall, Usage } from '../model.ts'
import { promptOf, toolsOf } from './prompt.ts'
import type { LanguageModel, ModelSettings, ProviderSettings } from './provider.ts'
import { cancellation, type Fail, isPassing } from './provider-failure.ts'
import { reasonOf } from './provider-reason.ts'

type PartStream = Awaited<ReturnType<LanguageModel['doStream']>>['stream']
type Part = PartStream extends ReadableStream<infer P> ? P : never
type FinishPart = Extract<Part, { type: 'finish' }>

/** Text and arguments of one answer, in characters: about a million tokens, more than any model writes at once. */
const maxAnswerLength = 4 * 1024 * 1024

/** No honest answer asks for more; each costs a run of a tool. */
const maxToolCalls = 128

/** How long a finished answer may take to end its body: an ended one leaves its socket in the pool. */
const endGraceMs = 250

/**
 * Builds models of one provider through the AI SDK; `load` gets its library at each call, so that a gateway that never
 * calls it never holds it. Their streams throw `PROVIDER_ERROR` for everything that the provider does wrong: an error, a
 * cut, garbage, nothing at all, and a tool call whose arguments are not a JSON object.
 */
export function languageModels(provider: ProviderSettings, load: Load): (model: ModelSettings) => Model {
  return model => ({
    provider: provider.name,
    id: model.id,
    contextTokens: model.contextTokens,
    maxOutputTokens: model.maxOutputTokens,
    stream: request => stream(provider, model, load, request),
  })
}

type Load = (modelId: string) => Promise<LanguageModel>

async function* stream(
  { fail }: ProviderSettings,
  { id, maxOutputTokens }: ModelSettings,
  load: Load,
  request: ModelRequest,
): AsyncGenerator<ModelEvent> {
  const left = new AbortController()
  const abortSignal = AbortSignal.any([request.signal, left.signal])
  try {
    const model = await load(id)
    abortSignal.throwIfAborted()
    const prompt = promptOf(request)
    const bound = maxOutputTokens === undefined ? {} : { maxOutputTokens }
    const headers = request.trace && { headers: { traceparent: writeTraceparent(request.trace) } }
    const result = await model.doStream({ prompt, ...toolsOf(request.tools), ...bound, ...headers, abortSignal })
    yield* eventsOf(partsOf(result.stream, abortSignal), fail, request.onActivity)
  } catch (thrown) {
    throw request.signal.aborted ? cancellation(request.signal) : failureOf(thrown, fail)
  } finally {
    // A reader that stops early closes the request with it; after a whole answer this does nothing.
    left.abort()
  }
}

async function* partsOf(stream: PartStream, signal: AbortSignal): AsyncGenerator<Part> {
  const reader = stream.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', cancel, { once: true })
  for (;;) {
    const { done, value } = await reader.read()
    signal.throwIfAborted()
    if (done) return
    if (value.type === 'finish') await drain(reader, cancel)
    yield value
  }
}

async function drain(reader: ReadableStreamDefaultReader<Part>, cancel: () => void): Promise<void> {
  const grace = setTimeout(cancel, endGraceMs)
  try {
    while (!(await reader.read()).done);
  } catch {
    // The answer is whole already; that its connection broke afterwards costs the next one a new socket.
  } finally {
    clearTimeout(grace)
  }
}

async function* eventsOf(parts: AsyncIterable<Part>, fail: Fail, onActivity = () => {}): AsyncGenerator<ModelEvent> {
  let length = 0
  let calls = 0
  for await (const part of parts) {
    switch (part.type) {
      case 'text-delta':
        length += part.delta.length
        if (part.delta !== '') yield { type: 'text', text: part.delta }
        break
      case 'reasoning-delta':
        onActivity()
        break
      case 'tool-input-delta':
        length += part.delta.length
        onActivity()
        break
      case 'tool-call':
        calls++
        yield { type: 'tool_call', call: toolCallOf(part, fail) }
        break
      case 'error':
        throw failureOf(part.error, fail)
      case 'finish':
        yield finishOf(part, length > 0, calls > 0, fail)
        return
    }
    if (length > maxAnswerLength || calls > maxToolCalls) throw fail('sent more than an answer may hold')
  }
  throw unfinished(fail)
}

function toolCallOf(part: Extract<Part, { type: 'tool-call' }>, fail: Fail): ModelToolCall {
  let args: unknown
  try {
    // Some servers send nothing at all for a tool that takes nothing.
    args = part.input.trim() === '' ? {} : JSON.parse(part.input)
  } catch {
    args = undefined
  }
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    throw fail(`called the tool ${part.toolName.slice(0, 100)} with arguments that are not a JSON object`)
  }
  // An object that came out of JSON.parse has string keys and no others.
  return { id: part.toolCallId, name: part.toolName, args: args as Record<string, unknown> }
}

function finishOf(part: FinishPart, hasText: boolean, hasCalls: boolean, fail: Fail): ModelEvent {
  const reason = part.finishReason.unified
  if (reason === 'error' || reason === 'interrupted') throw unfinished(fail)
  if (!hasText && !hasCalls) {
    if (reason === 'length') throw fail('reached its token limit before it said anything')
    if (reason === 'content-filter') throw fail('refused to answer (content filter)')
    throw fail('gave an empty answer')
  }
  const usage = usageOf(part.usage)
  const cached = part.usage.inputTokens.cacheRead
  const told = cached ? { usage, cachedInputTokens: cached } : { usage }
  if (reason === 'length') return { type: 'finish', ...told, reason }
  // Some servers end an answer that calls tools with `stop`.
  if (hasCalls) return { type: 'finish', ...told, reason: 'tool_calls' }
  return { type: 'finish', ...told, reason: reason === 'stop' ? 'stop' : 'other' }
}

function usageOf(usage: FinishPart['usage']): Usage | undefined {
  const inputTokens = usage.inputTokens.total
  const outputTokens = usage.outputTokens.total
  if (inputTokens === undefined && outputTokens === undefined) return undefined
  const total = { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0 }
  return { ...total, totalTokens: total.inputTokens + total.outputTokens }
}

/** Whatever the SDK threw or streamed, as this provider's failure. Its own texts quote the wire and are not used. */
function failureOf(thrown: unknown, fail: Fail): TalonError {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof TalonError) return error
  }
  const name = thrown instanceof Error ? thrown.name : ''
  if (name === 'AI_InvalidResponseDataError') return unfinished(fail)
  // An event that is not of the protocol may still be an error in another provider's shape.
  const told = name === 'AI_TypeValidationError' ? fieldOf(thrown, 'value') : thrown
  const code = fieldOf(told, 'statusCode') ?? fieldOf(told, 'code')
  // An error of the SDK quotes the provider only if it carries the provider's status.
  const reason = told instanceof Error && code === undefined ? '' : reasonOf(told)
  if (reason === '') return fail('sent something that is not an answer of its protocol')
  return fail(`reported an error: ${reason}`, { mayRetry: isPassingCode(code) })
}

function unfinished(fail: Fail): TalonError {
  return fail('ended its answer before it was finished')
}

function isPassingCode(code: unknown): boolean {
  return typeof code === 'number' && isPassing(code)
}

function fieldOf(thrown: unknown, key: 'statusCode' | 'code' | 'value'): unknown {
  if (typeof thrown !== 'object' || thrown === null || !(key in thrown)) return undefined
  // The check above cannot tell the compiler about a key that is not a literal.
  return (thrown as Record<string, unknown>)[key]
}
