import { isIP } from 'node:net'
import * as z from 'zod'
import { isHostRule } from './host-rules.ts'

const hostRules = z
  .array(
    z
      .string()
      .max(300)
      .refine(
        isHostRule,
        'must be a name, *.name, an address or a network, each also with a port, such as 10.0.0.5:8080',
      ),
  )
  .max(500)
const port = z.number().int().min(1).max(65_535)
const key = z
  .string()
  .max(500)
  .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without spaces')

/** The settings of the sections `network` and `search`, and which hosts `http_request` may ask, in the table of `settings.ts`. */
export const networkSettings = {
  'network.ports': {
    schema: z.array(port).max(100),
    default: [80, 443, 8_080, 8_443],
    doc: 'Ports of other machines that tools may connect to.',
    live: true,
  },
  'network.allowHosts': {
    schema: hostRules,
    default: [],
    doc: 'Hosts that tools may reach though their address is private or this machine, or their port is not one of network.ports: names, addresses and networks, such as ["nas.lan", "10.0.0.0/8", "127.0.0.1:3000"]. See docs/network.md.',
    live: true,
  },
  'network.denyHosts': {
    schema: hostRules,
    default: [],
    doc: 'Hosts that tools may never reach, written in the same way; *.example.org is every name below example.org.',
    live: true,
  },
  'network.dnsServers': {
    schema: z.array(z.string().refine(isServer, 'must be an address, also with a port, such as 9.9.9.9:53')).max(10),
    default: [],
    doc: 'Servers that tools look names up at; none asks the system, with its own list of hosts.',
    live: true,
  },
  'search.provider': {
    schema: z.enum(['auto', 'searxng', 'brave', 'tavily', 'duckduckgo', 'off']),
    default: 'auto',
    doc: 'Where web_search asks. "auto" is the first of SearXNG, Brave and Tavily that is set up, else DuckDuckGo.',
    live: true,
  },
  'search.searxngUrl': {
    schema: z
      .url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:8888, or null' })
      .refine(isPlainAddress, 'no user, password, query or fragment')
      .nullable(),
    default: null,
    doc: 'Address of a SearXNG whose JSON format is on; it may be private.',
    live: true,
  },
  'search.braveKey': { schema: key, default: '', doc: 'Key of the Brave Search API.', live: true, secret: true },
  'search.tavilyKey': { schema: key, default: '', doc: 'Key of the Tavily API.', live: true, secret: true },
  'tools.httpHosts': {
    schema: hostRules,
    default: [],
    doc: 'Hosts that http_request may ask, such as ["api.example.org", "*.example.net"]; none switches it off. One with a private address has to be in network.allowHosts as well.',
    live: true,
  },
} as const

function isServer(text: string): boolean {
  const [, address, port] = /^(?:\[?([0-9a-fA-F:.]+?)\]?)(?::(\d{1,5}))?$/.exec(text) ?? []
  if (isIP(text) > 0) return true
  const isBare = address !== undefined && isIP(address) === 4
  const isBracketed = text.startsWith('[') && address !== undefined && isIP(address) === 6
  return (isBare || isBracketed) && (port === undefined || (Number(port) >= 1 && Number(port) <= 65_535))
}

/** An address without parts that an error must not show. */
function isPlainAddress(address: string): boolean {
  if (!URL.canParse(address)) return false
  const { username, password, search, hash } = new URL(address)
  return [username, password, search, hash].every(part => part === '')
}
