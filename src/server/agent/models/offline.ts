import { setImmediate as breathe, setTimeout as delay } from 'node:timers/promises'
import type { Model, ModelEvent, ModelMessage, ModelRequest, Usage } from '../model.ts'
import { cancellation } from './provider-failure.ts'

export interface OfflineOptions {
  /** Makes the id of a tool call, unique among all calls. */
  newId: () => string
  provider?: string
  id?: string
  /** Time between two words of `/slow`. */
  slowWordMs?: number
}

const contextTokens = 128_000

/** More words than anyone waits for: 10,000 take over eight minutes. */
const maxSlowWords = 10_000

/** So many words go out before the event loop gets its turn: often enough to stop, rarely enough to cost nothing. */
const wordsPerTurn = 32

type Plan =
  | { type: 'say'; text: string }
  | { type: 'call'; name: string; args: Record<string, unknown> }
  | { type: 'slow'; words: number }

/**
 * The built-in model, which needs no provider and always answers: a demo and a test double, not an assistant. It says
 * what it was told; `/tool <name> <json>` makes it call a tool and say the result; `/slow <n>` makes it say n words.
 */
export function offlineModel(options: OfflineOptions): Model {
  const { provider = 'offline', id = 'offline', newId, slowWordMs = 50 } = options
  const stream = (request: ModelRequest) => answer(request, newId, slowWordMs)
  return { provider, id, contextTokens, free: true, stream }
}

async function* answer(request: ModelRequest, newId: () => string, slowWordMs: number): AsyncGenerator<ModelEvent> {
  const { signal } = request
  const plan = planOf(request.messages)
  let outputTokens = 0
  if (plan.type === 'call') {
    if (signal.aborted) throw cancellation(signal)
    outputTokens = 1
    yield { type: 'tool_call', call: { id: newId(), name: plan.name, args: plan.args } }
  } else {
    const words = plan.type === 'slow' ? slowWords(plan.words, slowWordMs, signal) : wordsOf(plan.text, signal)
    for await (const text of words) {
      outputTokens++
      yield { type: 'text', text }
    }
  }
  const usage = usageOf(request, outputTokens)
  yield { type: 'finish', usage, reason: plan.type === 'call' ? 'tool_calls' : 'stop' }
}

function planOf(messages: readonly ModelMessage[]): Plan {
  const results = messages.slice(messages.findLastIndex(message => message.role !== 'tool') + 1)
  if (results.length > 0) return { type: 'say', text: `offline: ${results.map(resultText).join('\n')}` }
  const text = messages.findLast(message => message.role === 'user')?.content ?? ''
  const [, command, rest = ''] = /^\s*\/(tool|slow)(?:\s+([\s\S]*))?$/.exec(text) ?? []
  if (command === 'tool') return toolPlan(rest)
  if (command === 'slow') return slowPlan(rest)
  return { type: 'say', text: `offline: ${text.trim() === '' ? '(nothing was said)' : text}` }
}

function resultText(message: ModelMessage): string {
  return message.role === 'tool' && !message.success ? `the tool failed: ${message.content}` : message.content
}

function toolPlan(rest: string): Plan {
  const example = 'Example: /tool file_read {"path": "notes.txt"}'
  const [, name, json = ''] = /^(\S+)\s*([\s\S]*)$/.exec(rest.trim()) ?? []
  if (name === undefined) return { type: 'say', text: `offline: /tool wants the name of a tool. ${example}` }
  try {
    const args: unknown = json === '' ? {} : JSON.parse(json)
    if (typeof args === 'object' && args !== null && !Array.isArray(args)) {
      // An object that came out of JSON.parse has string keys and no others.
      return { type: 'call', name, args: args as Record<string, unknown> }
    }
    return { type: 'say', text: `offline: the arguments of ${name} must be a JSON object. ${example}` }
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'not JSON'
    return { type: 'say', text: `offline: the arguments of ${name} are not JSON (${reason}). ${example}` }
  }
}

function slowPlan(rest: string): Plan {
  const words = Number(rest.trim())
  if (!Number.isInteger(words) || words < 1) {
    return { type: 'say', text: 'offline: /slow wants a number of words. Example: /slow 20' }
  }
  return { type: 'slow', words: Math.min(words, maxSlowWords) }
}

async function* wordsOf(text: string, signal: AbortSignal): AsyncGenerator<string> {
  let said = 0
  // Together the pieces are the text again, leading and trailing white space included.
  for (const [word] of text.matchAll(/\s*\S+\s*/g)) {
    if (said++ % wordsPerTurn === 0) await breathe()
    if (signal.aborted) throw cancellation(signal)
    yield word
  }
}

async function* slowWords(words: number, slowWordMs: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let number = 1; number <= words; number++) {
    try {
      await delay(number === 1 ? 0 : slowWordMs, undefined, { signal })
    } catch {
      throw cancellation(signal)
    }
    yield number === words ? `word${number}` : `word${number} `
  }
}

/** A word counts as a token here: no tokenizer is loaded for a model that nobody pays for. */
function usageOf({ system, messages }: ModelRequest, outputTokens: number): Usage {
  const inputTokens = messages.reduce((sum, message) => sum + countWords(message.content), countWords(system))
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens }
}

function countWords(text: string): number {
  let words = 0
  let inWord = false
  for (let index = 0; index < text.length; index++) {
    const isSpace = text.charCodeAt(index) <= 32
    if (!isSpace && !inWord) words++
    inWord = !isSpace
  }
  return words
}
