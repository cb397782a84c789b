import type { Config } from '../../settings.ts'
import type { FetchInput, FetchResult } from '../network/network.ts'
import type { Reader } from '../reading/reader.ts'
import type { SearchHit } from '../reading/reading.ts'

/** A way to ask for something to be searched. */
export interface Engine {
  /** As people know it. */
  name: string
  request(query: string, limit: number): Pick<FetchInput, 'url' | 'method' | 'headers' | 'body' | 'configured'>
  /**
   * The hits of an answer, in its order; none is made up, and none is guessed.
   * @throws TalonError `PROVIDER_ERROR`, `FORBIDDEN`, `RATE_LIMITED` for an answer without results that says why
   */
  read(answer: FetchResult, limit: number, tools: { reader: Reader; signal: AbortSignal }): Promise<SearchHit[]>
}

export type SearchSettings = Pick<
  Config,
  'search.provider' | 'search.searxngUrl' | 'search.braveKey' | 'search.tavilyKey'
>

/** Where the engines are asked that have one address for everybody. */
export interface Endpoints {
  brave: string
  tavily: string
  duckduckgo: string
}
