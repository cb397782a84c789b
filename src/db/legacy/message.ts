import { type Role, roles, type ToolCall, type Usage } from '../../protocol/shapes.ts'
import type { ImportedEntry } from '../store.ts'
import { isRecord, type Json, textOf, timeOf, typeOf, unlessEmpty } from './values.ts'

/** What a message follows from beside itself. */
export interface Surroundings {
  /** Of the session, once it is known. */
  channel: string | undefined
  /** Of the message before; it stands in for a time that is missing. */
  previousAt: number
  newId: () => string
  warn: (problem: string) => void
}

const maxIdLength = 128
// A role that no version wrote, where it is plain what it means.
const otherRoles: Readonly<Record<string, Role>> = {
  human: 'user',
  ai: 'assistant',
  bot: 'assistant',
  function: 'tool',
}

/**
 * A message of v0.3.3 as an entry of a log. What the entry has no place for goes into `legacy` as it was: unknown
 * fields, results of tools but for their output, values of a type that was not expected.
 */
export function toEntry(value: unknown, around: Surroundings): ImportedEntry {
  const spareId = around.newId()
  if (!isRecord(value)) {
    around.warn(`is ${typeOf(value)} and no object: it is kept as the text of a system message`)
    return { id: spareId, spareId, role: 'system', content: textFrom(value), timestamp: around.previousAt }
  }
  const { id, role, content, timestamp, channel, toolCalls, toolResults, tokenUsage, model, ...rest } = value
  const legacy: Json = rest
  const entry: ImportedEntry = {
    ...idOf(id, spareId),
    role: roleOf(role, legacy, around),
    content: contentOf(content, toolResults, legacy),
    timestamp: timestampOf(timestamp, legacy, around),
  }
  if (channel !== undefined && channel !== around.channel) legacy.channel = channel
  takeCalls(entry, toolCalls, legacy)
  takeResults(entry, toolResults, legacy)
  takeUsage(entry, tokenUsage, legacy)
  if (typeof model === 'string') entry.model = model
  else if (model !== undefined) legacy.model = model
  if (entry.role === 'assistant' && !entry.toolCalls) entry.final = true
  const kept = unlessEmpty(legacy)
  if (kept) entry.legacy = kept
  return entry
}

/** Usage in our shape, from any of the names that providers have for it. */
export function usageOf(value: unknown): Usage | undefined {
  if (!isRecord(value)) return undefined
  const number = (...names: string[]) => names.map(name => value[name]).find(found => typeof found === 'number')
  const input = number('promptTokens', 'inputTokens', 'prompt_tokens', 'input_tokens')
  const output = number('completionTokens', 'outputTokens', 'completion_tokens', 'output_tokens')
  if (typeof input !== 'number' || typeof output !== 'number') return undefined
  const total = number('totalTokens', 'total_tokens')
  return { inputTokens: input, outputTokens: output, totalTokens: typeof total === 'number' ? total : input + output }
}

function idOf(id: unknown, spareId: string): Pick<ImportedEntry, 'id' | 'spareId' | 'legacyId'> {
  if (id === undefined || id === null || id === '') return { id: spareId, spareId }
  const old = textFrom(id)
  return old.length <= maxIdLength ? { id: old, spareId } : { id: spareId, spareId, legacyId: old }
}

function roleOf(role: unknown, legacy: Json, around: Surroundings): Role {
  const known = roles.find(each => each === role)
  if (known) return known
  const meant = typeof role === 'string' ? otherRoles[role] : undefined
  around.warn(`has the role ${role === undefined ? 'of nobody' : JSON.stringify(role)}: ${meant ?? 'system'} was taken`)
  legacy.role = role ?? null
  return meant ?? 'system'
}

/** A lone surrogate has no place in the text of a database, so the text as it was is kept as JSON. */
function contentOf(content: unknown, toolResults: unknown, legacy: Json): string {
  if (typeof content === 'string') {
    if (!content.isWellFormed()) legacy.content = content
    return content
  }
  legacy.contentType = typeOf(content)
  if (content !== undefined && content !== null) return textFrom(content)
  const output = Array.isArray(toolResults) && isRecord(toolResults[0]) ? toolResults[0].output : undefined
  return typeof output === 'string' ? output : ''
}

function timestampOf(timestamp: unknown, legacy: Json, around: Surroundings): number {
  const time = timeOf(timestamp)
  if (time === timestamp && time !== undefined) return time
  legacy.timestamp = timestamp ?? null
  if (time !== undefined) return time
  around.warn('has no time: that of the message before it was taken')
  return around.previousAt
}

function takeCalls(entry: ImportedEntry, toolCalls: unknown, legacy: Json): void {
  if (toolCalls === undefined || (Array.isArray(toolCalls) && toolCalls.length === 0)) return
  const calls = Array.isArray(toolCalls) ? toolCalls.map((call, index) => toolCallOf(call, `${entry.id}_${index}`)) : []
  if (calls.length > 0) entry.toolCalls = calls.map(({ call }) => call)
  if (calls.length === 0 || calls.some(({ isWhole }) => !isWhole)) legacy.toolCalls = toolCalls
}

/** `isWhole` if nothing of it was lost on the way. */
function toolCallOf(value: unknown, spareId: string): { call: ToolCall; isWhole: boolean } {
  const from = isRecord(value) ? value : {}
  const id = textOf(from.id)
  const name = textOf(from.tool) ?? textOf(from.name)
  const args = isRecord(from.args) ? from.args : undefined
  const isWhole = id !== undefined && name !== undefined && args !== undefined && Object.keys(from).length === 3
  return { call: { id: id ?? spareId, name: name ?? 'unknown', args: args ?? argsFromText(from.args) }, isWhole }
}

function argsFromText(args: unknown): Json {
  if (args === undefined || args === null) return {}
  try {
    const read: unknown = JSON.parse(String(args))
    return isRecord(read) ? read : { value: read }
  } catch {
    return { value: args }
  }
}

/** The output of a tool stood twice; what is the same as the content is not kept a second time. */
function takeResults(entry: ImportedEntry, toolResults: unknown, legacy: Json): void {
  if (toolResults === undefined) return
  const results: unknown[] = Array.isArray(toolResults) ? toolResults : [toolResults]
  const [first] = results
  const link = isRecord(first) && isRecord(first.metadata) ? textOf(first.metadata.confirmation) : undefined
  if (entry.role === 'tool' && link !== undefined) entry.toolCallId = link
  legacy.toolResults = results.map(result => {
    if (!isRecord(result) || result.output !== entry.content) return result
    const { output: _output, ...others } = result
    return others
  })
}

function takeUsage(entry: ImportedEntry, tokenUsage: unknown, legacy: Json): void {
  if (tokenUsage === undefined) return
  const usage = usageOf(tokenUsage)
  if (usage) entry.usage = usage
  const isWhole = usage !== undefined && isRecord(tokenUsage) && Object.keys(tokenUsage).length === 3
  if (!isWhole) legacy.tokenUsage = tokenUsage
}

function textFrom(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
