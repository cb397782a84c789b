/**
 * Talon v0.3 on the wire: maps its frames to this protocol and back, so that nothing else knows of it. A v0.3 client
 * sends no `version` and no `hello`, gets no deltas, and is told of a run by `agent.response`, `tool.call`,
 * `tool.result`, `agent.response.end` and `session.message.final`.
 */
import type { ErrorPayload } from './errors.ts'
import type { Usage } from './shapes.ts'

type Payload = Record<string, unknown>
export interface LegacyFrame {
  type: string
  payload: Payload
}

/** Per run: how often the model has called tools; v0.3's `iteration` counts how often it was asked. */
export type LegacyRuns = Map<string, number>

// Runs of one connection that have not ended; v0.3 works one at a time.
const maxRuns = 100
// v0.3 has no paging, so it gets the longest page.
const listLimit = 200

/** What came after v0.3 and decides over what tools may do, now or later: its clients, which nobody looks after, never asked for it. */
export function isBeyondLegacy(type: string): boolean {
  return type.startsWith('approval.') || type.startsWith('schedule.') || type === 'session.elevate'
}

/** The payload of a v0.3 request in the terms of this protocol. */
export function fromLegacy(type: string, { profile: _unknown, ...payload }: Payload): Payload {
  if (type === 'session.create') return { senderId: 'web-user', channel: 'webchat', ...withoutNull(payload) }
  if (type === 'session.list') return { limit: listLimit }
  if (type === 'channel.message') return { channel: 'webchat', senderId: 'web-user', ...withoutNull(payload) }
  return withoutNull(payload)
}

/** A reply as v0.3 expects it; undefined where it expects none. */
export function toLegacyReply(type: string, payload: Payload): LegacyFrame | undefined {
  return type === 'session.accepted' ? undefined : { type, payload }
}

/** An error as v0.3 words it. */
export function toLegacyError(error: ErrorPayload): LegacyFrame {
  if (error.code === 'SESSION_NOT_FOUND') return { type: 'session.error', payload: { ...error } }
  const sentence = error.code === 'INVALID_MESSAGE' && !error.error.startsWith('Unknown message type')
  return { type: 'error', payload: { ...error, error: sentence ? 'Invalid message format' : error.error } }
}

/** An event as v0.3 expects it: none, one or several frames. `runs` belongs to the connection. */
export function toLegacyEvents(type: string, payload: Payload, runs: LegacyRuns): LegacyFrame[] {
  const runId = typeof payload['runId'] === 'string' ? payload['runId'] : ''
  const steps = runs.get(runId) ?? 0
  // A tool belongs to the step that called it, everything else to the next.
  const iteration = steps + 1
  switch (type) {
    case 'config.updated':
    case 'error':
      return [{ type, payload }]
    case 'run.started':
      remember(runs, runId, 0)
      return [{ type: 'agent.response', payload: { type: 'thinking', content: '', iteration: 1 } }]
    case 'tool.call': {
      const toolCall = { id: payload['callId'], name: payload['toolName'], args: payload['args'] }
      return [{ type, payload: { type: 'tool_call', toolCall, iteration: Math.max(1, steps) } }]
    }
    case 'tool.result': {
      const toolResult = {
        id: payload['callId'],
        output: payload['output'] || (payload['error'] ?? ''),
        success: payload['success'],
      }
      return [{ type, payload: { type: 'tool_result', toolResult, iteration: Math.max(1, steps) } }]
    }
    case 'session.message':
      return toolCallText(payload, runs)
    case 'session.message.final':
      runs.delete(runId)
      return finalFrames(payload, iteration)
    case 'session.error': {
      runs.delete(runId)
      const response = { type: 'agent.response', payload: { type: 'error', content: payload['error'], iteration } }
      return [response, { type, payload }]
    }
    case 'run.finished':
      // One that ended with an answer or an error is forgotten by now; v0.3 knew no other end, and would wait on.
      if (!runs.delete(runId)) return []
      return [
        { type: 'agent.response', payload: { type: 'error', content: payload['error'] ?? 'Stopped.', iteration } },
      ]
    default:
      return []
  }
}

/** What the model said beside its tool calls. */
function toolCallText(payload: Payload, runs: LegacyRuns): LegacyFrame[] {
  // Made by the gateway itself, after the events table.
  const message = payload['message'] as { role?: string; content?: string; runId?: string } | undefined
  if (message?.role !== 'assistant') return []
  const { runId = '', content } = message
  const iteration = (runs.get(runId) ?? 0) + 1
  remember(runs, runId, iteration)
  if (!content) return []
  return [{ type: 'agent.response', payload: { type: 'text', content: message.content, iteration } }]
}

function finalFrames(payload: Payload, iteration: number): LegacyFrame[] {
  // Made by the gateway itself, after the events table.
  const final = payload as { sessionId: string; message: { content: string }; usage?: Usage; model?: string }
  const { sessionId, message, model } = final
  const usage = final.usage && legacyUsage(final.usage)
  const about = { ...(usage && { usage }), ...(model !== undefined && { model }) }
  return [
    { type: 'agent.response', payload: { type: 'text', content: message.content, iteration } },
    { type: 'agent.response.end', payload: { type: 'done', ...about, providerId: model ?? 'offline', iteration } },
    { type: 'session.message.final', payload: { sessionId, message, ...about } },
  ]
}

function legacyUsage(usage: Usage): Payload {
  return { ...usage, promptTokens: usage.inputTokens, completionTokens: usage.outputTokens }
}

function remember(runs: LegacyRuns, runId: string, steps: number): void {
  const oldest = runs.keys().next().value
  if (runs.size >= maxRuns && oldest !== undefined && !runs.has(runId)) runs.delete(oldest)
  runs.set(runId, steps)
}

/** v0.3 wrote null where this protocol leaves a field out. */
function withoutNull(payload: Payload): Payload {
  return Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== null))
}
