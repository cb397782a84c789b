import { LRUCache } from 'lru-cache'
import { bucketOf } from './attempts.ts'
import type { Actor, AuditEvent, Clock, From } from './record.ts'

/** What was presented to come in. */
export type Credential = 'link' | 'token' | 'cookie'

/** Says who came in and who did not, so seldom that nobody can fill the disk with it. */
export interface SignIns {
  /** A token or cookie was taken. Told again from the same address it is no news for an hour. */
  accepted(credential: Credential, tokenId: string, from: From): void
  /** The same, of what is recorded by whoever says so. */
  known(tokenId: string, from: From): void
  /** A credential was refused; `locked` if it was not even looked at, because of those before it. */
  refused(credential: Credential, from: From, locked: boolean): void
  /** Records what waits. */
  close(): void
}

interface Failures {
  from: From
  credentials: Set<Credential>
  failures: number
  locked: number
}

const hourMs = 60 * 60_000
const minuteMs = 60_000
// A token on more addresses than this in an hour is told of more often than once an hour.
const maxKnown = 10_000
// With two entries each, those who guess from everywhere write some twenty megabytes in a day at most.
const maxAddressesPerMinute = 20
const maxSignInsPerMinute = 100

/**
 * The first failure of an address is recorded at once, the others of its minute as one number at the end. Beyond so many
 * in a minute, of either outcome, only their number is recorded.
 */
export function createSignIns(deps: { clock: Clock; record: (event: AuditEvent, actor: Actor) => void }): SignIns {
  const { clock, record } = deps
  const seen = new LRUCache<string, number>({ max: maxKnown })
  const failures = new Map<string, Failures>()
  let others: Failures | undefined
  let signIns = 0
  let timer: NodeJS.Timeout | undefined

  const isNews = (tokenId: string, { address = '' }: From) => {
    const key = `${tokenId} ${bucketOf(address)}`
    const now = clock.monotonic()
    const last = seen.get(key)
    if (last !== undefined && now - last < hourMs) return false
    seen.set(key, now)
    return true
  }
  const endMinute = () => {
    clearTimeout(timer)
    timer = undefined
    for (const each of failures.values()) if (each.failures > 0) record(failed(each), nobody(each.from))
    if (others) record(failed(others), nobody({ ...others.from, address: undefined, userAgent: undefined }))
    const more = signIns - maxSignInsPerMinute
    if (more > 0) record({ action: 'sign_in', details: { more } }, nobody(unknown))
    failures.clear()
    others = undefined
    signIns = 0
  }
  const beginMinute = () => {
    timer ??= setTimeout(endMinute, minuteMs).unref()
  }
  return {
    known(tokenId, from) {
      isNews(tokenId, from)
    },
    accepted(credential, tokenId, from) {
      if (!isNews(tokenId, from)) return
      beginMinute()
      signIns += 1
      if (signIns <= maxSignInsPerMinute) record({ action: 'sign_in', details: { credential } }, { ...from, tokenId })
    },
    refused(credential, from, locked) {
      beginMinute()
      const key = bucketOf(from.address ?? '')
      const earlier = failures.get(key)
      if (earlier) return count(earlier, credential, locked)
      if (failures.size >= maxAddressesPerMinute) {
        others ??= begun(from)
        return count(others, credential, locked)
      }
      const first = begun(from)
      count(first, credential, locked)
      record(failed(first), nobody(from))
      failures.set(key, begun(from))
    },
    close: endMinute,
  }
}

const unknown: From = { channel: 'gateway', address: undefined, userAgent: undefined }

function begun(from: From): Failures {
  return { from, credentials: new Set(), failures: 0, locked: 0 }
}

function count(to: Failures, credential: Credential, locked: boolean): void {
  to.credentials.add(credential)
  to.failures += 1
  if (locked) to.locked += 1
}

function failed({ credentials, failures, locked }: Failures): AuditEvent {
  const details = { credential: [...credentials].join(', '), failures, ...(locked > 0 && { locked }) }
  return { action: 'sign_in', outcome: 'failed', details }
}

function nobody(from: From): Actor {
  return { ...from, tokenId: null }
}
