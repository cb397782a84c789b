/** A document as it came from a server. */
export interface Source {
  /** After redirects; what its links are relative to. */
  url: string
  contentType: string | undefined
  bytes: Uint8Array
  /** Whether its end is missing. */
  cut: boolean
  /** Of the text; what is longer is cut. */
  maxChars: number
}

/** What a person would read in it. */
export interface Reading {
  kind: 'html' | 'pdf' | 'feed' | 'xml' | 'json' | 'text'
  text: string
  /** Length of the whole text, or of as much of it as was made. */
  totalChars: number
  title?: string | undefined
  byline?: string | undefined
  /** As the document writes it. */
  published?: string | undefined
  /** What a reader has to know about how the text was made. */
  notes: string[]
}

/** One hit of a search. */
export interface SearchHit {
  title: string
  url: string
  snippet: string
}

/** What a page of results turned out to be. */
export type ResultsPage =
  | { kind: 'results'; hits: SearchHit[] }
  | { kind: 'none' }
  | { kind: 'challenge' | 'unreadable' }

/** What the side process can be asked for; `plain` reads HTML without making a document of it. */
export type Task =
  | { name: 'read'; input: Source; plain: boolean }
  | { name: 'results'; input: { html: string; maxHits: number } }

export type TaskResult = { name: 'read'; result: Reading } | { name: 'results'; result: ResultsPage }

const htmlTypes = ['text/html', 'application/xhtml+xml']

/** What a content type is read as; undefined if it is nothing that can be. A missing one is told by the bytes. */
export function kindOfType(contentType: string | undefined): Reading['kind'] | 'unknown' | undefined {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type === '' || type === 'application/octet-stream' || type === 'binary/octet-stream') return 'unknown'
  if (htmlTypes.includes(type)) return 'html'
  if (type === 'application/pdf' || type === 'application/x-pdf') return 'pdf'
  if (type === 'application/rss+xml' || type === 'application/atom+xml') return 'feed'
  if (type === 'text/xml' || type === 'application/xml' || type.endsWith('+xml')) return 'xml'
  if (type === 'application/json' || type === 'text/json' || type.endsWith('+json')) return 'json'
  const isText = type.startsWith('text/') || textTypes.has(type)
  return isText ? 'text' : undefined
}

const textTypes = new Set([
  'application/javascript',
  'application/ecmascript',
  'application/x-javascript',
  'application/x-ndjson',
  'application/jsonl',
  'application/yaml',
  'application/x-yaml',
  'application/toml',
  'application/sql',
  'application/x-sh',
  'application/x-www-form-urlencoded',
])
