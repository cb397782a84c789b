import type { ReplyPayload } from '../../protocol/messages.ts'
import type { Message } from '../../protocol/shapes.ts'
import { type LiveTools, type ToolUse, toolKey } from './state.ts'

/** What the history of tools keeps of one run of a tool. */
export type ToolRecord = Pick<
  ReplyPayload<'tools.history'>['runs'][number],
  'invocationId' | 'runId' | 'toolName' | 'startedAt' | 'success' | 'durationMs' | 'decision'
>

/** A call of the log, and the time in which its tool ran. */
interface Call {
  key: string
  toolName: string
  from: number
  until: number
}

/**
 * Finds the records of the calls in a part of a log. The log names no record, but the tools of a run work one after another: a
 * record belongs to the call of its tool between whose entries it began.
 */
export function knownTools(messages: readonly Message[], records: readonly ToolRecord[]): LiveTools {
  const byRun = Map.groupBy(
    records.toSorted((a, b) => (a.invocationId < b.invocationId ? -1 : 1)),
    record => record.runId,
  )
  const known: Record<string, Partial<ToolUse>> = {}
  for (const [runId, calls] of callsOf(messages)) {
    const left = [...(byRun.get(runId) ?? [])]
    for (const { key, toolName, from, until } of calls) {
      const at = left.findIndex(
        record => record.toolName === toolName && record.startedAt >= from && record.startedAt <= until,
      )
      const found = left[at]
      if (!found) continue
      left.splice(0, at + 1)
      known[key] = aboutOf(found)
    }
  }
  return known
}

function aboutOf({ invocationId, startedAt, success, durationMs, decision }: ToolRecord): Partial<ToolUse> {
  return {
    ...{ invocationId, startedAt },
    ...(success !== null && { success }),
    ...(durationMs !== null && { durationMs }),
    ...(decision && { decision }),
  }
}

function callsOf(messages: readonly Message[]): Map<string, Call[]> {
  const runs = new Map<string, Call[]>()
  for (const { runId, timestamp, toolCalls = [], toolCallId } of messages) {
    if (runId === undefined) continue
    const calls = runs.get(runId) ?? []
    runs.set(runId, calls)
    for (const call of toolCalls) {
      calls.push({
        key: toolKey(runId, call.id),
        toolName: call.name,
        from: timestamp,
        until: Number.POSITIVE_INFINITY,
      })
    }
    if (toolCallId === undefined) continue
    const answered = calls.findIndex(({ key }) => key === toolKey(runId, toolCallId))
    const call = calls[answered]
    if (call) call.until = timestamp
    for (const later of calls.slice(answered + 1)) later.from = timestamp
  }
  return runs
}

/** Sorts behind every id that was made until this time: ids begin with it (UUID version 7). */
export function idAfter(at: number): string {
  const hex = (at + 1).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}`
}

/** Reads pages of records, newest first. */
export type ReadRecords = (page: { before: string; limit: number }) => Promise<{
  runs: ToolRecord[]
  nextCursor: string | null
}>

// A page of a log has fewer calls than that but where somebody else uses tools in the session a lot; then some are without.
const recordsPerPage = 100
const maxRecordPages = 3

/** What is known of the calls in a part of a log; nothing is asked for where there are none. */
export async function readKnownTools(messages: readonly Message[], read: ReadRecords): Promise<LiveTools> {
  const first = messages.find(message => message.toolCalls?.length)
  const last = messages.findLast(message => message.toolCallId !== undefined)
  if (!first || !last) return {}
  const records: ToolRecord[] = []
  let before = idAfter(last.timestamp)
  for (let page = 0; page < maxRecordPages; page++) {
    const { runs, nextCursor } = await read({ before, limit: recordsPerPage })
    records.push(...runs)
    if (nextCursor === null || (runs.at(-1)?.startedAt ?? 0) < first.timestamp) break
    before = nextCursor
  }
  return knownTools(messages, records)
}
