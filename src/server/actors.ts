import type { Actor, Call } from './record.ts'

/** What the gateway does by itself. */
export const byGateway: Actor = { tokenId: null, channel: 'gateway', address: undefined, userAgent: undefined }

/** Who makes a request. */
export function actorOf({ tokenId, from }: Pick<Call, 'tokenId' | 'from'>): Actor {
  return { ...from, tokenId }
}

/** Who a run of the agent works for. */
export function agentFor(tokenId: string | null): Actor {
  return { tokenId, channel: 'agent', address: undefined, userAgent: undefined }
}
