import type * as z from 'zod'
import { TalonError } from '../../../protocol/errors.ts'
import type { FetchResult } from '../network/network.ts'
import { codeOfStatus, shownStatus } from '../network/status.ts'
import { plainText } from '../reading/plain-html.ts'
import type { SearchHit } from '../reading/reading.ts'

const maxTitleChars = 300
const maxSnippetChars = 600

/** JSON in the form that an engine promises. @throws TalonError that says what came instead */
export function jsonOf<S extends z.ZodType>({ status, body }: FetchResult, schema: S, engine: string, advice: string) {
  if (status !== 200) throw failure(engine, status, advice)
  const parsed = schema.safeParse(parse(body))
  if (parsed.success) return parsed.data
  throw new TalonError('PROVIDER_ERROR', `${engine} did not answer with results that can be read. ${advice}`)
}

export function failure(engine: string, status: number, advice: string): TalonError {
  return new TalonError(codeOfStatus(status), `${engine} answered ${shownStatus(status)}. ${advice}`)
}

/** Hits as they may be shown: with a link of the web, as plain text of a bounded length. */
export function usable(hits: readonly SearchHit[], limit: number): SearchHit[] {
  return hits
    .filter(({ url }) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))
    .slice(0, limit)
    .map(({ title, url, snippet }) => ({
      title: line(title).slice(0, maxTitleChars) || url,
      url,
      snippet: line(snippet).slice(0, maxSnippetChars),
    }))
}

function line(text: string): string {
  return plainText(text).replace(/\s+/g, ' ')
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
