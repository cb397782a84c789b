import { maxConfigLength } from '../../protocol/session-export.ts'
import { maxIdLength, maxShortLength, maxTitleLength, type SessionState, sessionStates } from '../../protocol/shapes.ts'
import type { ImportedSession } from '../store.ts'
import { isRecord, type Json, textOf, timeOf, unlessEmpty } from './values.ts'

/** What the messages of a session tell of it. */
export interface Told {
  messages: number
  firstAt: number | undefined
  lastAt: number | undefined
  /** Of the first message that names one. */
  channel: string | undefined
}

const terminalId = 'cli-local'
// Whom v0.3 took a message to be from where a client did not say.
const defaultSenders: Readonly<Record<string, string>> = { webchat: 'web-user', cli: 'user' }

/**
 * The fields of an old session, without its messages, in today's shape. What has no place there goes into `legacy` as it
 * was, and the whole of what is too long for it; `missing` names there what the file did not say.
 */
export function toSession(
  members: ReadonlyMap<string, unknown>,
  about: { sessionId: string; modifiedAt: number; told: Told; warn: (sentence: string) => void },
): ImportedSession {
  const { told, warn } = about
  const { id, senderId, channel, state, memorySummary, metadata, config, title, senderName, ...rest } =
    Object.fromEntries(members)
  const legacy: Json = rest
  const missing: string[] = []
  const cut = cutter(legacy, warn)
  const named = (name: string, value: unknown, otherwise: string) => {
    if (value === undefined) missing.push(name)
    else if (textOf(value) === undefined) legacy[name] = value
    return cut(textOf(value) ?? otherwise, maxIdLength, name)
  }
  if (id !== about.sessionId && id !== undefined) legacy.id = id
  const inChannel = named('channel', channel, told.channel ?? (about.sessionId === terminalId ? 'cli' : 'webchat'))
  const sender = named('senderId', senderId, defaultSenders[inChannel] ?? 'unknown')
  const { createdAt, lastActiveAt, messageCount, model, ...others } = isRecord(metadata) ? metadata : {}
  if (messageCount !== undefined && messageCount !== told.messages) others.messageCount = messageCount
  const created = timeOr(createdAt, others, 'createdAt') ?? told.firstAt ?? about.modifiedAt
  const active = timeOr(lastActiveAt, others, 'lastActiveAt') ?? told.lastAt ?? created
  const modelId = optional(model, others, 'model', maxShortLength)
  // The beginning of a name would be the name of no model.
  if (modelId === undefined && typeof others.model === 'string') warn('The name of the model is too long to be one.')
  if (metadata !== undefined && !isRecord(metadata)) legacy.metadata = metadata
  else if (unlessEmpty(others)) legacy.metadata = others
  const session: ImportedSession = {
    senderId: sender,
    channel: inChannel,
    createdAt: created,
    lastActiveAt: active,
    state: stateOf(state, told.messages, legacy),
    title: cut(optional(title, legacy, 'title') ?? '', maxTitleLength, 'title') || null,
    senderName: cut(optional(senderName, legacy, 'senderName') ?? '', maxShortLength, 'senderName') || null,
    model: modelId ?? null,
    memorySummary: optional(memorySummary, legacy, 'memorySummary') ?? null,
  }
  const isLong = isRecord(config) && JSON.stringify(config).length > maxConfigLength
  if (isLong) warn(`The field "config" has more than ${maxConfigLength} characters: it is kept, but not used.`)
  if (isRecord(config) && !isLong) session.config = config
  else if (config !== undefined && config !== null) legacy.config = config
  if (missing.length > 0) legacy.missing = missing
  const kept = unlessEmpty(legacy)
  if (kept) session.legacy = kept
  return session
}

/** Cuts a text to what its field may hold, and keeps the whole. */
function cutter(legacy: Json, warn: (sentence: string) => void) {
  return (text: string, maxLength: number, name: string): string => {
    if (text.length <= maxLength) return text
    legacy[name] = text
    warn(`The field "${name}" has ${text.length} characters: the first ${maxLength} are used, and the whole is kept.`)
    // Not in the middle of a character.
    return text.slice(0, maxLength).replace(/[\uD800-\uDBFF]$/, '')
  }
}

function stateOf(state: unknown, messages: number, legacy: Json): SessionState {
  const known = sessionStates.find(each => each === state)
  // What was at work was so in a process that is dead.
  if (known) return known === 'active' ? 'idle' : known
  if (state !== undefined) legacy.state = state
  return messages > 0 ? 'idle' : 'created'
}

function timeOr(value: unknown, legacy: Json, name: string): number | undefined {
  const time = timeOf(value)
  if (value !== undefined && time !== value) legacy[name] = value
  return time
}

function optional(value: unknown, legacy: Json, name: string, maxLength = Number.POSITIVE_INFINITY) {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string' && value.length <= maxLength) {
    if (!value.isWellFormed()) legacy[name] = value
    return value
  }
  legacy[name] = value
  return undefined
}
