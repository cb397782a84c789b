import { validateHeaderName, validateHeaderValue } from 'node:http'
import { TalonError } from '../../../protocol/errors.ts'

const maxHeaders = 50
const maxValueLength = 8_192

/** Headers of one connection, RFC 9110 section 7.6.1, and those that say where a request goes or where it ends. */
const ours = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'expect',
  'accept-encoding',
  'http2-settings',
  'forwarded',
])

/** What another host may see of a request that was meant for the first one. */
const carriedOver = new Set(['accept', 'accept-language', 'user-agent', 'content-type'])

/** Headers as they are sent, by lower case names. @throws TalonError `INVALID_MESSAGE` for those that may not be set */
export function checkedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers)
  if (entries.length > maxHeaders) throw invalid(`There are over ${maxHeaders} headers.`)
  const checked = new Map<string, string>()
  for (const [given, value] of entries) {
    const name = given.toLowerCase()
    const shown = JSON.stringify(given.slice(0, 60))
    if (!isValid(name, value)) throw invalid(`The header ${shown} holds characters that no header can carry.`)
    if (value.length > maxValueLength) throw invalid(`The header ${shown} has over ${maxValueLength} characters.`)
    if (isOurs(name)) throw invalid(`The header ${shown} is set by Talon itself. Leave it out.`)
    if (checked.has(name)) throw invalid(`The header ${shown} is there twice.`)
    checked.set(name, value)
  }
  return Object.fromEntries(checked)
}

/** What is left of a request's headers when it is sent on to another origin. */
export function withoutPrivate(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => carriedOver.has(name)))
}

/** Headers of one message that are for the next hop only, with those that its `Connection` names. */
export function isHopByHop(name: string, connection: string | undefined): boolean {
  const named = (connection ?? '').toLowerCase().split(',')
  return ours.has(name) ? !forwarded.has(name) : named.some(token => token.trim() === name)
}

// They are of the message and not of the connection, so that a proxy passes them on.
const forwarded = new Set(['host', 'content-length', 'accept-encoding', 'expect', 'forwarded'])

function isOurs(name: string): boolean {
  return ours.has(name) || name.startsWith('proxy-') || name.startsWith('x-forwarded-') || name.startsWith(':')
}

function isValid(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}

function invalid(message: string): TalonError {
  return new TalonError('INVALID_MESSAGE', message)
}
