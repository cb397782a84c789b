import { TalonError } from '../../../protocol/errors.ts'
import type { FetchInput, Network } from './network.ts'
import { parseTarget, shownHost } from './target.ts'

type Options = Pick<FetchInput, 'hosts' | 'configured'> & { method: string; url: string; signal: AbortSignal }

/** For a dry run: where a request would go and what allows or refuses it. Names are looked up, nothing is connected to. */
export async function foresee(network: Network, { method, url, ...options }: Options): Promise<string> {
  try {
    const { scheme, host, port, addresses, rule, url: whole } = await network.resolve(url, options)
    const where = [`Scheme: ${scheme}`, `Host: ${host}`, `Port: ${port}`, `Addresses: ${addresses.join(', ')}`]
    return [`Would send ${method} ${whole}`, ...where, `Allowed by: ${rule}`].join('\n')
  } catch (error) {
    options.signal.throwIfAborted()
    if (!(error instanceof TalonError)) throw error
    const { details } = error.extras
    const rule =
      typeof details === 'object' && details !== null && 'rule' in details ? String(details.rule) : error.code
    return `Would not send ${method} ${url}\n${error.message}\nRefused by: ${rule}`
  }
}

/** What an approval for a session covers: the host and port of a URL. */
export function subjectOf(url: string): string {
  try {
    const { host, port } = parseTarget(url)
    return `${shownHost(host)}:${port}`
  } catch {
    return url.slice(0, 200) // It is refused when it runs, with the reason.
  }
}
