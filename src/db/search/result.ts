import type { SearchHit } from '../../protocol/shapes.ts'

export interface SearchInput {
  /** As a person writes it; `query.ts` has the language. */
  query: string
  /** Looks in this session only. */
  sessionId?: string | undefined
  limit: number
  /** Unix ms; what was said lately ranks higher. */
  now: number
}

export interface SearchResult {
  /** Best first: `rank` is higher for a better one, and comparable within one answer only. */
  hits: SearchHit[]
  /** About how many messages are not searched yet; 0 but for a while after a large import. */
  unindexed: number
}
