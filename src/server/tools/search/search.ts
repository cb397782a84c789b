import type { Network } from '../network/network.ts'
import type { Reader } from '../reading/reader.ts'
import type { SearchHit } from '../reading/reading.ts'
import type { Engine } from './engine.ts'

const maxAnswerBytes = 2 * 1_048_576
const timeoutMs = 20_000

interface SearchTools {
  network: Network
  reader: Reader
  signal: AbortSignal
}

/** Asks an engine. @throws TalonError as the network does, or as the engine reads its answer */
export async function search(engine: Engine, query: string, limit: number, tools: SearchTools): Promise<SearchHit[]> {
  const { network, signal } = tools
  // A key is for this address and no other, so nothing is followed.
  const asked = { ...engine.request(query, limit), signal, maxBytes: maxAnswerBytes, timeoutMs, maxRedirects: 0 }
  return await engine.read(await network.fetch(asked), limit, tools)
}

/** Hits as text, one below the other. */
export function shownHits(hits: readonly SearchHit[], engine: string, query: string): string {
  if (hits.length === 0) return `${engine} found nothing for ${JSON.stringify(query)}.`
  const lines = hits.map(({ title, url, snippet }, at) =>
    [`${at + 1}. ${title}`, `   ${url}`, ...(snippet === '' ? [] : [`   ${snippet}`])].join('\n'),
  )
  return `${engine}, for ${JSON.stringify(query)}:\n\n${lines.join('\n\n')}`
}
