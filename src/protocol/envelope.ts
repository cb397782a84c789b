import { TalonError } from './errors.ts'
import { protocolVersion } from './version.ts'

/** What every frame carries, in both directions. */
export interface Frame {
  id: string
  type: string
  version: string | undefined
  timestamp: number | undefined
  payload: Record<string, unknown>
  /** W3C Trace Context, as in the header of that name; what cannot be read is as good as absent. */
  traceparent?: string | undefined
}

/** A frame of the gateway, as a client reads it. */
export interface ServerFrame {
  id: string
  type: string
  version: string
  timestamp: number
  payload: Record<string, unknown>
  replyTo?: string
  epoch?: number
  seq?: number
}

const maxIdLength = 128
const maxTypeLength = 100
// Deeper than any payload of ours; recursion over a deeper one could exhaust the stack of whoever reads it next.
const maxDepth = 32
const forbiddenKeys = new Set(['__proto__', 'constructor'])

/**
 * Reads one text frame of a client.
 * @throws TalonError `INVALID_MESSAGE` with a sentence that names the field; `id` in `details` where it could be read.
 */
export function parseFrame(text: string): Frame {
  const value = parseJson(text)
  if (!isRecord(value)) throw invalid('Invalid message format: a frame is a JSON object.')
  const { id, type, version, timestamp, payload = {}, traceparent } = value
  if (typeof id !== 'string' || id.length === 0 || id.length > maxIdLength) {
    throw invalid(`Invalid message format: "id" must be a string of 1 to ${maxIdLength} characters.`)
  }
  if (typeof type !== 'string' || type.length === 0 || type.length > maxTypeLength) {
    throw invalid(`Invalid message format: "type" must be a string of 1 to ${maxTypeLength} characters.`, id)
  }
  if (version !== undefined && typeof version !== 'string') {
    throw invalid('Invalid message format: "version" must be a string such as "1.0.0".', id)
  }
  if (timestamp !== undefined && (typeof timestamp !== 'number' || !Number.isFinite(timestamp))) {
    throw invalid('Invalid message format: "timestamp" must be a number of milliseconds.', id)
  }
  if (!isRecord(payload)) throw invalid('Invalid message format: "payload" must be an object.', id)
  refuseHostileKeys(text, value, id)
  return {
    id,
    type,
    version,
    timestamp,
    payload,
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
  }
}

/**
 * Reads the body of an HTTP request by the same rules as a payload; an empty one is `{}`.
 * @throws TalonError `INVALID_MESSAGE`
 */
export function parseBody(text: string): Record<string, unknown> {
  const value = text.trim() === '' ? {} : parseJson(text)
  if (!isRecord(value)) throw invalid('The body must be a JSON object.')
  refuseHostileKeys(text, value)
  return value
}

/** The text of one frame of the gateway. `payload` is JSON already, so that it is written once for all who get it. */
export function writeFrame(
  frame: { id: string; type: string; replyTo?: string | undefined; epoch?: number; seq?: number; timestamp: number },
  payload: string,
): string {
  const reply = frame.replyTo === undefined ? '' : `,"replyTo":${JSON.stringify(frame.replyTo)}`
  const place = frame.seq === undefined ? '' : `,"epoch":${frame.epoch},"seq":${frame.seq}`
  return `{"id":${JSON.stringify(frame.id)},"type":"${frame.type}","version":"${protocolVersion}","timestamp":${frame.timestamp}${reply}${place},"payload":${payload}}`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('Invalid message format: this is not valid JSON.')
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(message: string, id?: string): TalonError {
  return new TalonError('INVALID_MESSAGE', message, id === undefined ? {} : { details: { id } })
}

/** Walks a frame only if its text could hold a hostile key or is deep, because most never do and the walk costs more than the parse. */
function refuseHostileKeys(text: string, value: Record<string, unknown>, id?: string): void {
  const suspicious = text.includes('__proto__') || text.includes('constructor')
  if (!suspicious && !text.includes('\\u') && !couldBeDeep(text)) return
  const queue: { node: object; depth: number }[] = [{ node: value, depth: 1 }]
  for (let next = queue.pop(); next; next = queue.pop()) {
    if (next.depth > maxDepth) throw invalid(`Invalid message format: nested deeper than ${maxDepth} levels.`, id)
    for (const [key, child] of Object.entries(next.node)) {
      if (forbiddenKeys.has(key) && !Array.isArray(next.node)) {
        throw invalid(`Invalid message format: the key "${key}" is not allowed.`, id)
      }
      if (typeof child === 'object' && child !== null) queue.push({ node: child, depth: next.depth + 1 })
    }
  }
}

/** Counts opening brackets up to the bound: an upper bound of the depth that needs no parsing. */
function couldBeDeep(text: string): boolean {
  let seen = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if ((code === 0x7b || code === 0x5b) && ++seen > maxDepth) return true
  }
  return false
}
