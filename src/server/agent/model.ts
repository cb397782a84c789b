import type { TraceContext } from '../record-tracing.ts'

/** Tokens of one model call, as the provider counted them. */
export interface Usage {
  inputTokens: number
  outputTokens: number
  totalTokens: number
}

/** A tool as a model is told of it; `parameters` is JSON Schema. */
export interface ModelTool {
  name: string
  description: string
  parameters: Record<string, unknown>
}

export interface ModelToolCall {
  id: string
  name: string
  args: Record<string, unknown>
}

/** One entry of the context. A `tool` message answers the call of the same id in an earlier `assistant` message. */
export type ModelMessage =
  | { role: 'user' | 'system'; content: string }
  | { role: 'assistant'; content: string; toolCalls?: ModelToolCall[] }
  | { role: 'tool'; toolCallId: string; toolName: string; content: string; success: boolean }

export interface ModelRequest {
  system: string
  messages: ModelMessage[]
  tools: ModelTool[]
  signal: AbortSignal
  /** Called when the provider works without an event to show for it: it thinks, or writes the arguments of a call. */
  onActivity?: () => void
  /** The span that asks; the provider is told of it. */
  trace?: TraceContext | undefined
}

/** What a model says, in order: text and tool calls, then exactly one `finish`. It throws `TalonError` otherwise. */
export type ModelEvent =
  | { type: 'text'; text: string }
  | { type: 'tool_call'; call: ModelToolCall }
  | {
      type: 'finish'
      usage: Usage | undefined
      cachedInputTokens?: number
      reason: 'stop' | 'tool_calls' | 'length' | 'other'
    }

/** One model of one provider. */
export interface Model {
  provider: string
  id: string
  /** Size of the context window, in tokens. */
  contextTokens: number
  /** The longest answer that is asked for, in tokens; the provider's own bound if absent. */
  maxOutputTokens?: number | undefined
  /** It costs nothing. */
  free?: boolean
  stream(request: ModelRequest): AsyncIterable<ModelEvent>
}
