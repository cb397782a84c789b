import { isIP } from 'node:net'

/** One line of a list of hosts. Without a port it is about every port that may be used at all. */
export type HostRule = { port: number | undefined } & (
  | { kind: 'name'; name: string }
  /** Every name below this one, at any depth, but not itself. */
  | { kind: 'below'; name: string }
  | { kind: 'network'; address: string; prefix: number }
)

const bracketed = /^\[([0-9a-f:.]+)(?:\/(\d{1,3}))?\](?::(\d{1,5}))?$/
const plain = /^([^:/[\]]+)(?:\/(\d{1,2}))?(?::(\d{1,5}))?$/
const label = /^(?!-)[a-z0-9_-]{1,63}$/

/**
 * Reads `example.org`, `*.example.org`, `10.0.0.5`, `10.0.0.0/8`, `fd00::/8`, each also with a port, as `[fd00::1]:8080`.
 * Undefined if it is none of them.
 */
export function parseHostRule(text: string): HostRule | undefined {
  const lower = text.trim().toLowerCase()
  // An IPv6 address without brackets has no port: it could not be told from its last part.
  const [, address = '', prefix, port] =
    bracketed.exec(isIP(lower.split('/')[0] ?? '') === 6 ? `[${lower}]` : lower) ?? []
  if (isIP(address) === 6) return networkOf(address, prefix, port, 128)
  const [, host = '', hostPrefix, hostPort] = plain.exec(lower) ?? []
  if (isIP(host) === 4) return networkOf(host, hostPrefix, hostPort, 32)
  return hostPrefix === undefined ? nameOf(host, hostPort) : undefined
}

/** For the table of settings. */
export function isHostRule(text: string): boolean {
  return parseHostRule(text) !== undefined
}

/** A name as it is looked up: lower case, in the ASCII form of IDNA, without the dot of the root; undefined if it is none. */
export function normalizeName(text: string): string | undefined {
  const url = `http://${text}/`
  if (/[\s/\\?#@:%]/.test(text) || !URL.canParse(url)) return undefined
  const name = new URL(url).hostname.replace(/\.$/, '')
  return name.length <= 253 && name.split('.').every(part => label.test(part)) && isIP(name) === 0 ? name : undefined
}

function networkOf(address: string, prefix: string | undefined, port: string | undefined, bits: number) {
  const length = prefix === undefined ? bits : Number(prefix)
  if (length > bits || !isPort(port)) return undefined
  return { kind: 'network' as const, address, prefix: length, port: numberOf(port) }
}

function nameOf(text: string, port: string | undefined): HostRule | undefined {
  const below = text.startsWith('*.')
  const name = normalizeName(below ? text.slice(2) : text)
  if (name === undefined || !isPort(port)) return undefined
  return { kind: below ? 'below' : 'name', name, port: numberOf(port) }
}

function isPort(text: string | undefined): boolean {
  return text === undefined || (Number(text) >= 1 && Number(text) <= 65_535)
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}
