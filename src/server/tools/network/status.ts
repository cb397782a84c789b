import { STATUS_CODES } from 'node:http'
import type { ErrorCode } from '../../../protocol/errors.ts'

const codes: Readonly<Record<number, ErrorCode>> = {
  401: 'FORBIDDEN',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  410: 'NOT_FOUND',
  429: 'RATE_LIMITED',
}

/** A status of HTTP as people read it. */
export function shownStatus(status: number): string {
  return [String(status), STATUS_CODES[status]].filter(Boolean).join(' ')
}

/** The code of a tool's failure for a server that answered with a failure. */
export function codeOfStatus(status: number): ErrorCode {
  return codes[status] ?? 'PROVIDER_ERROR'
}
