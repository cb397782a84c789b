import { BlockList, isIP } from 'node:net'

// A proxy in front of a proxy is as long as it gets; what is longer was made up.
const maxHops = 20

/** What is asked for the address of a client: the peer, its headers, and whom to believe. */
export interface Peer {
  remoteAddress: string | undefined
  forwardedFor: string | undefined
}

/** Says where requests come from. The list may change at any time; it is parsed once. */
export function createClientAddress(trusted: () => readonly string[]): (peer: Peer) => string {
  const isProxy = createProxies(trusted)
  return ({ remoteAddress, forwardedFor }) => {
    let address = plain(remoteAddress ?? 'unknown')
    if (forwardedFor === undefined || trusted().length === 0) return address
    // Each proxy adds whom it saw at the end; the first from there that is no proxy of ours is the client.
    for (const hop of forwardedFor.split(',').slice(-maxHops).reverse()) {
      if (!isProxy(address)) break
      const before = plain(hop.trim())
      if (isIP(before) === 0) break
      address = before
    }
    return address
  }
}

/** Tells whether an address is that of a proxy of ours. */
export function createProxies(trusted: () => readonly string[]): (address: string) => boolean {
  let parsedFrom: readonly string[] | undefined
  let proxies = new BlockList()
  return written => {
    const list = trusted()
    if (list !== parsedFrom) {
      proxies = blockListOf(list)
      parsedFrom = list
    }
    const address = plain(written)
    const version = isIP(address)
    return version !== 0 && proxies.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

/** Whether this is an address, or a network as `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 6 ? 128 : 32))
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** An IPv4 address that came over an IPv6 socket, as it is written elsewhere. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
