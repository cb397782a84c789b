import type { SocketFigures } from './http-sockets.ts'

export interface ProviderPool extends SocketFigures {
  provider: string
}

/** How calls of one provider went since the start of the gateway. */
export interface ProviderUse {
  provider: string
  /** Why its key cannot be used, for a person; undefined if it can, or none is configured. */
  keyProblem: string | undefined
  calls: number
  failures: number
  /** Unix ms; the words hold no key. */
  lastFailure: { message: string; at: number } | undefined
}

/** What a provider said when it was asked for its models, or for one word where it has no list of them. */
export type ProviderCheck =
  | { ok: true; durationMs: number; by: 'list'; models: string[]; more: number }
  | { ok: true; durationMs: number; by: 'word' }
  | { ok: false; durationMs: number; problem: string; advice: string }
