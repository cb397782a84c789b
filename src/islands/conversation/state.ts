import type { Message, RunState } from '../../protocol/shapes.ts'

/** A tool call as far as it is known: called, perhaps answered. What is only live (success, duration) may be missing. */
export interface ToolUse {
  callId: string
  toolName: string
  args: Record<string, unknown>
  output?: string
  success?: boolean
  durationMs?: number
}

/** Something to show in the log, in its place. */
export type Item =
  | { kind: 'message'; message: Message }
  | { kind: 'tool'; key: string; runId: string | undefined; use: ToolUse }

export interface Run {
  runId: string
  state: RunState
}

/** The part of an answer that is not stored yet. */
export interface Answer {
  runId: string
  text: string
  /** Index of the last piece in `text`, -1 before the first. */
  index: number
}

/** A message that was written here and is not in the log yet. */
export interface Pending {
  /** Id of the request that carries it. */
  requestId: string
  text: string
  /** Known once it was accepted. */
  messageId?: string
}

/** What is known of tool calls beside the log, by `toolKey`. */
export type LiveTools = Readonly<Record<string, ToolUse>>

/** Models number their calls anew in each run, so a call is known by both. */
export function toolKey(runId: string | undefined, callId: string): string {
  return `${runId ?? ''}/${callId}`
}

/**
 * The log as items: a tool's call and its answer, which are entries of two messages, are one. Live knowledge is added.
 * Calls that are live only, because their entry is not here yet, come last.
 */
export function itemsOf(messages: readonly Message[], live: LiveTools): Item[] {
  const items: Item[] = []
  const uses = new Map<string, ToolUse>()
  const add = (runId: string | undefined, use: ToolUse) => {
    const key = toolKey(runId, use.callId)
    uses.set(key, use)
    items.push({ kind: 'tool', key, runId, use })
  }
  for (const message of messages) {
    if (message.toolCallId !== undefined) {
      const key = toolKey(message.runId, message.toolCallId)
      const use = uses.get(key)
      if (use) use.output ??= message.content
      // Its call is on an older page.
      else
        add(message.runId, {
          callId: message.toolCallId,
          toolName: 'Tool',
          args: {},
          ...live[key],
          output: message.content,
        })
      continue
    }
    if (message.content !== '' || !message.toolCalls?.length) items.push({ kind: 'message', message })
    for (const call of message.toolCalls ?? []) {
      const known = live[toolKey(message.runId, call.id)]
      add(message.runId, { ...known, callId: call.id, toolName: call.name, args: call.args })
    }
  }
  for (const [key, use] of Object.entries(live)) if (!uses.has(key)) add(key.split('/', 1)[0], use)
  return items
}

/** Adds the next piece. Pieces may come merged, so that a higher index appends; a known one is a repetition. */
export function addDelta(answer: Answer | null, delta: { runId: string; delta: string; index: number }): Answer {
  if (answer?.runId !== delta.runId) return { runId: delta.runId, text: delta.delta, index: delta.index }
  if (delta.index <= answer.index) return answer
  return { runId: answer.runId, text: answer.text + delta.delta, index: delta.index }
}

/** The answer after an entry of the log: what is stored is not shown a second time; pieces that follow are counted on. */
export function afterEntry(answer: Answer | null, message: Message): Answer | null {
  if (!answer || message.role !== 'assistant') return answer
  return { ...answer, text: '' }
}

/** The messages that still wait: the entry answers the one it was made of, or the oldest of the same text. */
export function withoutEntry(pending: readonly Pending[], message: Message): readonly Pending[] {
  if (message.role !== 'user' || pending.length === 0) return pending
  const own = pending.findIndex(waiting => waiting.messageId === message.id)
  const at = own >= 0 ? own : pending.findIndex(waiting => !waiting.messageId && waiting.text === message.content)
  return at < 0 ? pending : pending.toSpliced(at, 1)
}
