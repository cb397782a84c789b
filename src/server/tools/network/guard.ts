import { networkInterfaces } from 'node:os'
import { type HostRule, parseHostRule } from '../../host-rules.ts'
import type { Config } from '../../settings.ts'
import { type AddressKind, isInNetwork, isSingle, kindOf, normalizeAddress } from './address.ts'
import type { Names } from './resolver.ts'
import { refused, shownHost, type Target } from './target.ts'

/** A target that may be connected to, at these addresses and no others. */
export interface Route extends Pick<Target, 'host' | 'port'> {
  addresses: readonly string[]
  /** What allows it. */
  rule: string
}

/** What one request may do beside, or instead of, what the settings say. */
export interface Scope {
  /** Patterns of the hosts that it may go to; undefined for anywhere that the guard allows. */
  hosts?: readonly string[] | undefined
  /** The origin of an address in the settings, which may be private because it was configured. */
  configured?: string | undefined
}

/** Decides where tools may go. */
export interface Guard {
  /**
   * Looks a target up, once, and checks every address that it has.
   * @throws TalonError `FORBIDDEN` with the rule in its details, or what the look-up throws
   */
  check(target: Pick<Target, 'host' | 'port'>, scope: Scope, signal: AbortSignal): Promise<Route>
}

type GuardSettings = Pick<Config, 'network.ports' | 'network.allowHosts' | 'network.denyHosts'>

const words: Record<AddressKind, string> = {
  public: 'an address of the Internet',
  own: 'an address of the machine that Talon runs on',
  loopback: 'the machine that Talon runs on',
  private: 'an address of a private network',
  linkLocal: 'an address of the local link',
  carrierGradeNat: "an address inside a provider's network",
  multicast: 'a multicast address',
  broadcast: 'a broadcast address',
  unspecified: 'no address of a machine',
  reserved: 'a reserved address',
  embedded: 'an address that hides another one',
  metadata: 'the metadata service of a cloud',
}

// A name is believed to be where its owner put it: in a network of the owner's, not at a service that nobody runs.
const reachedByName: readonly AddressKind[] = ['public', 'own', 'loopback', 'private', 'carrierGradeNat']
const neverReached: readonly AddressKind[] = ['multicast', 'broadcast', 'unspecified']

export function createGuard(config: GuardSettings, names: Names): Guard {
  return {
    async check(target, { hosts, configured }, signal) {
      const { host, port } = target
      const allowed = [...rulesOf(config['network.allowHosts']), ...ruleOfOrigin(configured)]
      const denied = rulesOf(config['network.denyHosts'])
      refuseUnlisted(target, hosts)
      refuseDenied(denied, host, undefined, port)
      // Without a rule for this port no answer could allow it, so nobody is asked.
      if (!config['network.ports'].includes(port) && !allowed.some(rule => rule.port === port)) throw badPort(target)
      const addresses = (await names.addressesOf(host, signal)).map(address => normalizeAddress(address) ?? address)
      const own = ownAddresses()
      // One bad address spoils all: an answer that mixes them is how a name leads a careless reader inside.
      const rules = addresses.map(address => {
        refuseDenied(denied, host, address, port)
        return ruleFor(target, address, kindOf(address, own), allowed)
      })
      return { host, port, addresses, rule: [...new Set(rules)].join(', ') }
    },
  }

  function ruleFor(target: Pick<Target, 'host' | 'port'>, address: string, kind: AddressKind, allowed: HostRule[]) {
    const usable = config['network.ports'].includes(target.port)
    const covering = allowed.filter(
      rule => matches(rule, target.host, address) && (rule.port === undefined ? usable : rule.port === target.port),
    )
    if (kind === 'public' && usable) return 'network.public'
    if (covering.some(rule => mayReach(rule, kind))) return 'network.allowHosts'
    if (kind === 'public') throw badPort(target)
    throw refused(`address.${kind}`, refusalOf(target, address, kind))
  }
}

/** Whether a pattern of a list of hosts is about this host; `address` is one of its addresses, if they are known. */
export function matches(rule: HostRule, host: string, address: string | undefined): boolean {
  if (rule.kind === 'name') return rule.name === host
  if (rule.kind === 'below') return host.endsWith(`.${rule.name}`)
  const known = address ?? normalizeAddress(host)
  return known !== undefined && isInNetwork(known, rule)
}

/** Whether the patterns of a list allow this host and port. */
export function isListed(patterns: readonly string[], { host, port }: Pick<Target, 'host' | 'port'>): boolean {
  return rulesOf(patterns).some(
    rule => matches(rule, host, undefined) && (rule.port === undefined || rule.port === port),
  )
}

function mayReach(rule: HostRule, kind: AddressKind): boolean {
  if (neverReached.includes(kind)) return false
  if (kind === 'metadata') return isSingle(rule)
  return rule.kind === 'network' || reachedByName.includes(kind)
}

function refuseUnlisted(target: Pick<Target, 'host' | 'port'>, hosts: readonly string[] | undefined): void {
  if (hosts === undefined || isListed(hosts, target)) return
  throw refused(
    'unlisted',
    `${shownHost(target.host)}:${target.port} is not one of the hosts that this tool may ask. List it in tools.httpHosts.`,
  )
}

function refuseDenied(denied: HostRule[], host: string, address: string | undefined, port: number): void {
  const rule = denied.find(rule => matches(rule, host, address) && (rule.port === undefined || rule.port === port))
  if (rule) throw refused('denied', `${shownHost(host)}:${port} is on the list network.denyHosts.`)
}

function badPort({ host, port }: Pick<Target, 'host' | 'port'>): Error {
  return refused(
    'port',
    `Port ${port} is not one that tools may use. Add it to network.ports, or list ${shownHost(host)}:${port} in network.allowHosts.`,
  )
}

function refusalOf({ host, port }: Pick<Target, 'host' | 'port'>, address: string, kind: AddressKind): string {
  const where = host === address ? `${address} is` : `${host} is at ${address}, which is`
  const advice = neverReached.includes(kind)
    ? 'Tools never connect there.'
    : `Tools may go there only if network.allowHosts lists it, as ${shownHost(reachedByName.includes(kind) ? host : address)}:${port}.`
  return `${where} ${words[kind]}. ${advice}`
}

function rulesOf(list: readonly string[]): HostRule[] {
  // What is no rule was refused when the setting was read.
  return list.map(parseHostRule).filter(rule => rule !== undefined)
}

function ruleOfOrigin(origin: string | undefined): HostRule[] {
  if (origin === undefined) return []
  const { hostname, port, protocol } = new URL(origin)
  return rulesOf([`${hostname.replace(/\.$/, '')}:${port || (protocol === 'https:' ? 443 : 80)}`])
}

/** Read each time: they change while a gateway runs. */
function ownAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return new Set(all.flatMap(({ address }) => normalizeAddress(address) ?? []))
}
