import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { HostRule } from '../../host-rules.ts'

/** What an address is, as far as it matters here; `public` is the only one that anybody may reach. */
export type AddressKind =
  | 'public'
  | 'own'
  | 'loopback'
  | 'private'
  | 'linkLocal'
  | 'carrierGradeNat'
  | 'multicast'
  | 'broadcast'
  | 'unspecified'
  | 'reserved'
  | 'embedded'
  | 'metadata'

/** Services of clouds that hand credentials to whoever can reach them; one of them has a public address. */
const metadata = new Set(
  ['169.254.169.254', '169.254.170.2', '169.254.170.23', '100.100.100.200', '168.63.129.16', 'fd00:ec2::254'].concat(
    'fd00:ec2::23',
    'fd20:ce::254',
  ),
)

const kinds: Readonly<Record<string, AddressKind>> = {
  unicast: 'public',
  loopback: 'loopback',
  private: 'private',
  uniqueLocal: 'private',
  deprecatedSiteLocal: 'private',
  linkLocal: 'linkLocal',
  carrierGradeNat: 'carrierGradeNat',
  multicast: 'multicast',
  broadcast: 'broadcast',
  unspecified: 'unspecified',
  // An IPv4 address in another one's clothes: where it leads is decided by whoever unwraps it.
  ipv4Mapped: 'embedded',
  rfc6145: 'embedded',
  rfc6052: 'embedded',
  '6to4': 'embedded',
  teredo: 'embedded',
}

// All that was ever given out of IPv6 for use on the Internet; what is not in it has a meaning of its own, or none.
const globalUnicast = ipaddr.IPv6.parse('2000::')
// IPv4-compatible, deprecated by RFC 4291.
const compatible = ipaddr.IPv6.parse('::')

/** The kind of an address. @param own addresses of this machine, normalized */
export function kindOf(address: string, own: ReadonlySet<string>): AddressKind {
  const normal = normalizeAddress(address)
  if (normal === undefined) return 'reserved'
  if (metadata.has(normal)) return 'metadata'
  const parsed = ipaddr.parse(normal)
  const kind = kinds[parsed.range()] ?? 'reserved'
  if (kind !== 'public') return kind
  if (parsed instanceof ipaddr.IPv6 && !parsed.match(globalUnicast, 3)) {
    return parsed.match(compatible, 96) ? 'embedded' : 'reserved'
  }
  return own.has(normal) ? 'own' : 'public'
}

/** An address in its one shortest form, without brackets and zone; undefined if it is none. */
export function normalizeAddress(text: string): string | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')
  // The library reads octal, hexadecimal and short forms as well, which are no addresses once a URL has been parsed.
  return isIP(bare) === 0 ? undefined : ipaddr.parse(bare).toString()
}

/** Whether an address lies in the network of a rule. */
export function isInNetwork(address: string, rule: Extract<HostRule, { kind: 'network' }>): boolean {
  const [one, other] = [ipaddr.parse(address), ipaddr.parse(rule.address)]
  return one.kind() === other.kind() && one.match(other, rule.prefix)
}

/** Whether a rule names exactly one address. */
export function isSingle(rule: HostRule): boolean {
  return rule.kind === 'network' && rule.prefix === (isIP(rule.address) === 6 ? 128 : 32)
}
