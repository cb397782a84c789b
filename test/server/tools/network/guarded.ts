import { TalonError } from '../../../../src/protocol/errors.ts'
import { loadConfig } from '../../../../src/server/config.ts'
import type { Config } from '../../../../src/server/settings.ts'
import { createNetwork, type FetchInput, type Network } from '../../../../src/server/tools/network/network.ts'
import { certificate } from '../../../support/certificate.ts'
import { type DnsServer, openDnsServer } from '../../../support/dns-server.ts'

/** The network of tools with a DNS server of its own. */
export interface Guarded extends AsyncDisposable {
  network: Network
  dns: DnsServer
  /** The values in effect; they may be changed at any time. */
  config: { -readonly [K in keyof Config]: Config[K] }
  get(url: string, more?: Partial<FetchInput>): ReturnType<Network['fetch']>
}

export async function guarded(config: Partial<Config> = {}): Promise<Guarded> {
  const dns = await openDnsServer()
  const values = { ...loadConfig({ home: '/nowhere', env: {} }).values, 'network.dnsServers': [dns.address], ...config }
  const network = createNetwork({ config: values, ca: certificate })
  const signal = new AbortController().signal
  return {
    network,
    dns,
    config: values,
    get: (url, more) => network.fetch({ url, signal, maxBytes: 1_048_576, ...more }),
    [Symbol.asyncDispose]: () => dns[Symbol.asyncDispose](),
  }
}

/** What a refusal says: the guard's rule, or else the code. `undefined` if nothing was refused. */
export async function refusalOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (!(error instanceof TalonError)) throw error
    const { details } = error.extras
    const rule = typeof details === 'object' && details !== null && 'rule' in details ? String(details.rule) : undefined
    return rule ?? error.code
  }
}
