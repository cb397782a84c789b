import { isIP } from 'node:net'
import { TalonError } from '../../../protocol/errors.ts'
import { normalizeName } from '../../host-rules.ts'
import { normalizeAddress } from './address.ts'

const maxUrlLength = 8_192

/** Where a URL points, in the one form that everything is compared in. */
export interface Target {
  url: URL
  scheme: 'http' | 'https'
  /** A name in ASCII without the dot of the root, or an address without brackets. */
  host: string
  port: number
}

/**
 * Reads a URL as browsers do, so that `127。0。0。1`, `0x7f.1` and `2130706433` are the address that they stand for.
 * @throws TalonError `INVALID_MESSAGE` for what is no URL, `FORBIDDEN` for another scheme or credentials
 */
export function parseTarget(text: string): Target {
  // Parsers disagree on these: some drop them, some end the host there.
  if (text.length > maxUrlLength || /[\p{Cc}\p{Zs}\u2028\u2029\\]/u.test(text) || !URL.canParse(text)) {
    const shown = JSON.stringify(text.slice(0, 100))
    throw new TalonError('INVALID_MESSAGE', `${shown} is no URL. Give a whole one, such as https://example.org/page.`)
  }
  return targetOf(new URL(text))
}

/** The same of a URL that was read already, such as that of a redirect. */
export function targetOf(url: URL): Target {
  const scheme = url.protocol.slice(0, -1)
  if (scheme !== 'http' && scheme !== 'https') {
    throw refused('scheme', `Tools may use http and https only, and not ${scheme}.`)
  }
  if (url.username !== '' || url.password !== '') {
    throw refused('credentials', 'A URL may not hold a user name or a password. Leave them out.')
  }
  const host = hostOf(url.hostname)
  return { url: withoutFragment(url), scheme, host, port: Number(url.port || (scheme === 'https' ? 443 : 80)) }
}

/** A host of a URL or of a `CONNECT` in its one form. @throws TalonError `INVALID_MESSAGE` */
export function hostOf(hostname: string): string {
  const host = normalizeAddress(hostname) ?? normalizeName(hostname)
  if (host !== undefined) return host
  throw new TalonError('INVALID_MESSAGE', `${JSON.stringify(hostname.slice(0, 100))} is no name of a host.`)
}

/** A host as it is written before a port. */
export function shownHost(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}

/** What the network guard refuses, with the name of the rule. */
export function refused(rule: string, message: string): TalonError {
  return new TalonError('FORBIDDEN', message, { details: { rule: `network.${rule}` } })
}

function withoutFragment(url: URL): URL {
  const copy = new URL(url)
  copy.hash = ''
  return copy
}
