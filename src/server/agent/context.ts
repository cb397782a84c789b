import type { LogEntry, Run } from '../../db/store.ts'
import type { App } from '../record.ts'
import type { ModelMessage } from './model.ts'

// English text and code have about four characters to a token; counting three leaves room for other scripts.
const charactersPerToken = 3
// What is left of the window is for the system prompt, the tools and the answer.
const shareOfWindow = 0.6
// No tool result may take more than this part of what the window holds.
const toolResultsInWindow = 8
const headShare = 0.7
const pageEntries = 100
const pageBytes = 1024 * 1024

export interface Context {
  messages: ModelMessage[]
  /** Running summary of what came before `messages`, if the log is longer than the window. */
  summary: string | undefined
  /** Newest seq that is neither in `messages` nor in the summary; 0 if nothing is missing. */
  leftOutThrough: number
}

/**
 * What a model is told of a session: the log up to the run's own message, with what earlier runs answered and what this
 * run did so far, from the newest back as far as the window holds it. Nothing is removed from the log; what does not fit
 * is represented by the running summary.
 */
export async function buildContext(app: Pick<App, 'store'>, run: Run, contextTokens: number): Promise<Context> {
  const budget = windowCharacters(contextTokens)
  const entries: LogEntry[] = []
  let used = 0
  let before: number | undefined
  for (let full = false; !full && before !== 1; ) {
    const page = await app.store.history({ ...placeOf(run), before, limit: pageEntries, maxBytes: pageBytes })
    for (const stored of page.entries.toReversed()) {
      const entry = shortened(stored, budget / toolResultsInWindow)
      const isLater = entry.message.role === 'user' && entry.seq > run.messageSeq
      if (!isLater) used += sizeOf(entry)
      // The run's own message is always there, however long it is.
      full = used > budget && entry.seq < run.messageSeq
      if (full) break
      if (!isLater) entries.unshift(entry)
      before = entry.seq
    }
    if (!page.hasMore || page.entries.length === 0) break
  }
  const oldest = before ?? 1
  const stored = await app.store.getMemorySummary(run.sessionId)
  // One that stands for no entry of the log came with an import, and stands for what was before it.
  const summary = oldest > 1 || stored?.throughSeq === 0 ? stored : undefined
  const leftOutThrough = oldest > 1 && (summary?.throughSeq ?? 0) < oldest - 1 ? oldest - 1 : 0
  return { messages: toModelMessages(inRunOrder(entries, run)), summary: summary?.summary || undefined, leftOutThrough }
}

/** An entry whose text, if a tool gave it, is no longer than this: head and tail, as a model asks for the rest if it wants it. */
export function shortened(entry: LogEntry, maxCharacters: number): LogEntry {
  const { message } = entry
  if (message.role !== 'tool' || message.content.length <= maxCharacters) return entry
  const head = message.content.slice(0, maxCharacters * headShare)
  const tail = message.content.slice(-maxCharacters * (1 - headShare))
  const leftOut = message.content.length - head.length - tail.length
  return { ...entry, message: { ...message, content: `${head}\n[… ${leftOut} characters left out …]\n${tail}` } }
}

/** How many characters of a conversation a window of so many tokens holds, beside everything else that goes in. */
export function windowCharacters(contextTokens: number): number {
  return Math.floor(contextTokens * charactersPerToken * shareOfWindow)
}

function placeOf({ sessionId, epoch }: Run): { sessionId: string; epoch: number } {
  return { sessionId, epoch }
}

/** Messages that came in during a run stand in the log before its answer; a model reads each answer behind its question. */
function inRunOrder(entries: readonly LogEntry[], run: Run): LogEntry[] {
  const asked = new Map<string, number>()
  for (const { message } of entries) if (message.role === 'user' && message.runId) asked.set(message.runId, message.seq)
  const place = ({ seq, message }: LogEntry) => asked.get(message.runId ?? '') ?? seq
  return entries.filter(entry => place(entry) <= run.messageSeq).toSorted((a, b) => place(a) - place(b))
}

/**
 * The entries as a model reads them. Providers refuse a tool call without its result and a result without its call, and
 * a log may hold both: a run that was interrupted, or a window that begins in the middle of a turn.
 */
export function toModelMessages(entries: readonly LogEntry[]): ModelMessage[] {
  const messages: ModelMessage[] = []
  let open = new Map<string, string>()
  const closeOpenCalls = () => {
    for (const [toolCallId, toolName] of open) {
      messages.push({
        role: 'tool',
        toolCallId,
        toolName,
        content: 'No result: the run was interrupted.',
        success: false,
      })
    }
    open = new Map()
  }
  for (const { message } of entries) {
    if (message.role === 'tool') {
      const toolName = message.toolCallId === undefined ? undefined : open.get(message.toolCallId)
      if (message.toolCallId === undefined || toolName === undefined) continue
      open.delete(message.toolCallId)
      messages.push({ role: 'tool', toolCallId: message.toolCallId, toolName, content: message.content, success: true })
      continue
    }
    closeOpenCalls()
    if (message.role !== 'assistant') messages.push({ role: message.role, content: message.content })
    else if (message.toolCalls?.length) {
      open = new Map(message.toolCalls.map(call => [call.id, call.name]))
      messages.push({ role: 'assistant', content: message.content, toolCalls: message.toolCalls })
    } else if (message.content !== '') messages.push({ role: 'assistant', content: message.content })
  }
  closeOpenCalls()
  return messages
}

function sizeOf({ message }: LogEntry): number {
  const calls = message.toolCalls ? JSON.stringify(message.toolCalls).length : 0
  return message.content.length + calls + 20
}
