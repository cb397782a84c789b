import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { TalonError } from '../../../protocol/errors.ts'
import { createSlots } from '../slots.ts'
import { refused } from './target.ts'

/** A name has a handful; a list without end would be time spent on checking it. */
const maxAddresses = 64
const tryTimeoutMs = 2_000
const tries = 3
const totalTimeoutMs = 10_000
/** The system's own look-up holds a thread of Node's pool for as long as it likes; files need the others. */
const maxSystemLookups = 2
const maxWaiting = 256

/** Finds the addresses of a name, once for each question. */
export interface Names {
  /** @throws TalonError `NOT_FOUND`, `TIMEOUT`, `PROVIDER_ERROR`, `OVERLOADED`; the reason of `signal` */
  addressesOf(host: string, signal: AbortSignal): Promise<string[]>
}

/** @param servers asked each time, because it is a setting; none for the system's own look-up */
export function createNames(servers: () => readonly string[]): Names {
  const slots = createSlots(() => maxSystemLookups, maxWaiting)

  async function system(host: string, signal: AbortSignal): Promise<string[]> {
    const release = await slots.acquire(signal, totalTimeoutMs)
    // Whoever waits may leave, but the thread is taken until the system answers.
    const found = lookup(host, { all: true, order: 'ipv4first' }).finally(release)
    return (await found).map(({ address }) => address)
  }

  return {
    async addressesOf(host, signal) {
      if (isIP(host) > 0) return [host]
      // Never asked of others, RFC 6761 section 6.3.
      if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1']
      const list = servers()
      const limit = AbortSignal.any([signal, AbortSignal.timeout(totalTimeoutMs)])
      const asked = list.length > 0 ? ask(host, list, limit) : system(host, limit)
      const found = await abandonable(asked, limit).catch((error: unknown) => {
        signal.throwIfAborted()
        throw explained(error, host, limit.aborted)
      })
      if (found.length === 0) throw notFound(host)
      if (found.length > maxAddresses) {
        throw refused('answer', `${host} has ${found.length} addresses; a name with over ${maxAddresses} is not used.`)
      }
      return found
    },
  }
}

/** Asks for both kinds of addresses at once; one of them is enough. */
async function ask(host: string, servers: readonly string[], signal: AbortSignal): Promise<string[]> {
  const resolver = new Resolver({ timeout: tryTimeoutMs, tries })
  resolver.setServers(servers)
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    const found = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
    const failures = answers.flatMap(answer => (answer.status === 'rejected' ? [answer.reason as unknown] : []))
    // That one kind has no address says nothing if the other could not be asked for.
    const failed = failures.find(error => !isAbsence(error)) ?? failures[0]
    if (found.length === 0 && failed !== undefined) throw failed
    return found
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

async function abandonable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => {}) // Nobody waits for it any more.
  }
}

function explained(error: unknown, host: string, isLate: boolean): unknown {
  if (error instanceof TalonError) return error
  if (isAbsence(error)) return notFound(host)
  const code = codeOf(error)
  if (isLate || code === 'ETIMEOUT')
    return new TalonError('TIMEOUT', `The name ${host} could not be looked up in time.`)
  return new TalonError('PROVIDER_ERROR', `The name ${host} could not be looked up (${code || 'no answer'}).`)
}

function notFound(host: string): TalonError {
  return new TalonError('NOT_FOUND', `There is no host ${host}. Check the spelling of the URL.`)
}

function isAbsence(error: unknown): boolean {
  return ['ENOTFOUND', 'ENODATA', 'EAI_NODATA', 'EAI_NONAME'].includes(codeOf(error))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
