import { TalonError } from '../../../protocol/errors.ts'

/** What a guarded request may do. */
export interface FetchInput {
  url: string
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string | Buffer
  signal: AbortSignal
  /** Bytes of the body after decompression; what is longer is cut. */
  maxBytes: number
  timeoutMs?: number
  maxRedirects?: number
  /** Where it may go, redirects included; undefined for anywhere that the guard allows. */
  hosts?: readonly string[]
}

export interface FetchResult {
  /** After redirects. */
  url: string
  status: number
  headers: Readonly<Record<string, string>>
  body: Buffer
  truncated: boolean
  redirects: readonly string[]
}

/** Where a URL would lead: checked, and not connected to. */
export interface Destination {
  url: string
  host: string
  port: number
  addresses: readonly string[]
}

/** The one way out for all tools: each address is checked, and only the checked address is connected to. */
export interface Network {
  /** @throws TalonError `FORBIDDEN` that says which rule refuses it, `INVALID_MESSAGE` for what is no URL */
  resolve(url: string): Promise<Destination>
  /** @throws TalonError as `resolve`; `TIMEOUT`, `TOO_LARGE`; an Error in words for what the other side does */
  fetch(input: FetchInput): Promise<FetchResult>
}

/** Refuses everything. */
export function createNetwork(): Network {
  const refuse = () => Promise.reject(new TalonError('FORBIDDEN', 'Tools may not use the network.'))
  return { resolve: refuse, fetch: refuse }
}
