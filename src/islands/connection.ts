import { computed, signal } from '@preact/signals'
import { type Client, type ClientState, connect } from '../client/index.ts'
import { protocolVersion } from '../protocol/version.ts'
import { keepApprovals } from './parts/approvals.ts'

/** How the page's connection is, in the words that the page needs. On the server it is always `idle`. */
export type Link =
  | { status: 'idle' }
  | { status: 'connecting' }
  /** `resumed` counts the events that were caught up on since this connection began. */
  | { status: 'open'; draining: boolean; resumed: number }
  /** `nextAt` is the moment (Unix ms) of the next try; undefined while one is under way. */
  | { status: 'reconnecting'; draining: boolean; attempt: number; nextAt: number | undefined }
  | { status: 'signed-out' }
  | { status: 'version'; message: string }
  | { status: 'closed'; message: string }

// The one connection of this page. A browser tab has one user; on the server nobody opens it and nobody writes here.
const link = signal<Link>({ status: 'idle' })
let client: Client | undefined

/** How the connection is, for whoever shows it. */
export const connection = computed(() => link.value)

/** Whether what the user does reaches the gateway at once. */
export const isOpen = computed(() => link.value.status === 'open')

/** The client of this page; the first call opens the connection. For browsers only. */
export function gateway(): Client {
  if (client) return client
  const opened = connect({ url: location.origin, client: { name: 'talon-dashboard', version: protocolVersion } })
  client = opened
  keepApprovals(opened)
  show(opened, opened.state)
  opened.onState(state => show(opened, state))
  return opened
}

function show(opened: Client, state: ClientState): void {
  if (link.value.status === 'signed-out') return
  link.value = linkOf(state)
  // A browser is not told why an upgrade was refused, so the page asks over HTTP before it goes on knocking.
  if (state.status === 'reconnecting' && state.nextInMs > 0 && state.attempt > 0) askWhetherSignedIn(opened)
}

function linkOf(state: ClientState): Link {
  switch (state.status) {
    case 'connecting':
      return { status: 'connecting' }
    case 'open':
      return { status: 'open', draining: state.reason === 'draining', resumed: state.resumed }
    case 'reconnecting': {
      const { attempt, nextInMs, reason } = state
      const nextAt = nextInMs > 0 ? Date.now() + nextInMs : undefined
      return { status: 'reconnecting', draining: reason === 'draining', attempt, nextAt }
    }
    case 'closed':
      if (state.reason === 'auth' || state.reason === 'revoked') return { status: 'signed-out' }
      return { status: state.reason === 'version' ? 'version' : 'closed', message: state.message }
  }
}

async function askWhetherSignedIn(opened: Client): Promise<void> {
  const answer = await fetch('/api/v1/sessions?limit=1').catch(() => undefined)
  if (answer?.status !== 401) return
  link.value = { status: 'signed-out' }
  opened.close()
}
