import type { Message, RunState, ToolDecision } from '../../protocol/shapes.ts'

/** A tool call as far as it is known: called, perhaps answered. What the log does not hold may be missing. */
export interface ToolUse {
  callId: string
  toolName: string
  args: Record<string, unknown>
  output?: string
  success?: boolean
  durationMs?: number
  /** Whether it was let run, and why. */
  decision?: ToolDecision
  invocationId?: string
  /** Unix ms. */
  startedAt?: number
}

/** Something to show in the log, in its place. `seqs` are the entries that it stands for, beside those that are shown by themselves. */
export type Item =
  | { kind: 'message'; message: Message }
  | { kind: 'tool'; key: string; runId: string | undefined; seqs: number[]; use: ToolUse }

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
export type LiveTools = Readonly<Record<string, Partial<ToolUse>>>

/** Models number their calls anew in each run, so a call is known by both. */
export function toolKey(runId: string | undefined, callId: string): string {
  return `${runId ?? ''}/${callId}`
}

/**
 * The log as items: a tool's call and its answer, which are entries of two messages, are one. Live knowledge is added.
 */
export function itemsOf(messages: readonly Message[], live: LiveTools): Item[] {
  const items: Item[] = []
  const uses = new Map<string, Extract<Item, { kind: 'tool' }>>()
  const add = (runId: string | undefined, use: ToolUse, seqs: number[]) => {
    const key = toolKey(runId, use.callId)
    const item = { kind: 'tool', key, runId, seqs, use } as const
    uses.set(key, item)
    items.push(item)
  }
  for (const message of messages) {
    const { runId, seq, content, toolCallId, toolCalls = [] } = message
    if (toolCallId !== undefined) {
      const key = toolKey(runId, toolCallId)
      const item = uses.get(key)
      if (item) {
        item.use.output = content
        item.seqs.push(seq)
      } else {
        // Its call is on an older page.
        add(runId, { toolName: 'Tool', args: {}, ...live[key], callId: toolCallId, output: content }, [seq])
      }
      continue
    }
    const isShown = content !== '' || toolCalls.length === 0
    if (isShown) items.push({ kind: 'message', message })
    for (const [at, call] of toolCalls.entries()) {
      const known = live[toolKey(runId, call.id)]
      const use = { ...known, callId: call.id, toolName: call.name, args: call.args }
      add(runId, use, isShown || at > 0 ? [] : [seq])
    }
  }
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
