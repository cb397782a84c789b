import * as z from 'zod'
import { TalonError } from '../../protocol/errors.ts'
import { foresee, subjectOf } from './network/foresee.ts'
import type { FetchResult, ResponseHead } from './network/network.ts'
import { codeOfStatus, shownStatus } from './network/status.ts'
import { kindOfType, type Reading } from './reading/reading.ts'
import { defineTool } from './tool.ts'

const maxTextBytes = 5 * 1_048_576
const maxPdfBytes = 20 * 1_048_576
const fetchTimeoutMs = 25_000
/** Fetching, and reading twice if the first way takes too long. */
const timeoutMs = 60_000
const accept = 'text/html,application/xhtml+xml,application/json,application/pdf,text/*;q=0.9,*/*;q=0.5'

const schema = z.strictObject({
  url: z.string().max(8_192).describe('A whole URL, http or https.'),
  maxChars: z.number().int().min(100).max(500_000).default(20_000).describe('Characters of text to return at most.'),
})

export default defineTool({
  name: 'web_fetch',
  description:
    'Fetches a page of the web and returns it as readable text: HTML as Markdown, JSON, feeds, plain text and the text of a PDF.',
  group: 'web',
  permission: 'network',
  schema,
  example: { url: 'https://example.org/article' },
  timeoutMs,
  taints: true,
  subject: ({ url }) => subjectOf(url),
  dryRun: ({ url }, { network, signal }) => foresee(network, { method: 'GET', url, signal }),
  async run({ url, maxChars }, { network, reader, signal }) {
    const result = await network.fetch({
      url,
      headers: { accept },
      signal,
      maxBytes: bytesOf,
      timeoutMs: fetchTimeoutMs,
    })
    const contentType = result.headers['content-type']
    if (kindOfType(contentType) === undefined) return refusal(result)
    const source = { url: result.url, contentType, bytes: result.body, cut: result.truncated, maxChars }
    const reading = await reader.read(source, signal)
    const output = shown(reading, result)
    if (result.status < 400) return output
    const error = `${new URL(result.url).host} answered ${shownStatus(result.status)}.`
    return { output, error, code: codeOfStatus(result.status) }
  },
})

/** What is no text is not even loaded. */
function bytesOf({ headers }: ResponseHead): number {
  const kind = kindOfType(headers['content-type'])
  if (kind === undefined) return 0
  // A server that does not know what it has may have a PDF.
  return kind === 'pdf' || kind === 'unknown' ? maxPdfBytes : maxTextBytes
}

function refusal({ url, headers, status }: FetchResult): never {
  const size = headers['content-length']
  const what = `${headers['content-type']}${size === undefined ? ', of unknown size' : `, ${size} bytes`}`
  const advice = 'Only text, HTML, JSON, XML and PDF can be read.'
  throw new TalonError('INVALID_MESSAGE', `${url} is ${what} (${shownStatus(status)}). ${advice}`)
}

function shown({ title, byline, published, text, totalChars, notes }: Reading, result: FetchResult): string {
  const about = [byline && `By: ${byline}`, published && `Published: ${published}`].filter(Boolean).join(' · ')
  const from = result.redirects.length > 0 ? ` (after ${result.redirects.length} redirects)` : ''
  const head = [title && `# ${title}`, `URL: ${result.url}${from}`, about, ...notes.map(note => `Note: ${note}`)]
  const left = totalChars - text.length
  const end = left > 0 ? `\n\n[… ${left} more characters; ask with a larger maxChars for them …]` : ''
  return `${head.filter(Boolean).join('\n')}\n\n${text === '' ? '[There is no text.]' : text}${end}`
}
