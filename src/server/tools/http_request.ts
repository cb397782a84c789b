import * as z from 'zod'
import { foresee, subjectOf } from './network/foresee.ts'
import { checkedHeaders } from './network/headers.ts'
import type { FetchResult } from './network/network.ts'
import { shownStatus } from './network/status.ts'
import { decode } from './reading/charset.ts'
import { kindOfType } from './reading/reading.ts'
import { defineTool } from './tool.ts'

const maxBodyChars = 1_048_576
const maxResponseBytes = 2 * 1_048_576

const schema = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).describe('In capital letters.'),
  url: z.string().max(8_192).describe('A whole URL whose host is allowed by tools.httpHosts.'),
  headers: z.record(z.string().max(200), z.string()).default({}).describe('Headers of the request.'),
  body: z.string().max(maxBodyChars).optional().describe('The body, such as JSON.'),
})

/** Headers that say something about an answer; others, such as cookies, are of the connection or of nobody's use. */
const shownHeaders =
  /^(?:content-(?:type|length|language|disposition|range)|date|etag|last-modified|location|cache-control|expires|retry-after|link|allow|vary|www-authenticate|x-request-id|x-total-count|(?:x-)?ratelimit.*)$/

export default defineTool({
  name: 'http_request',
  description: 'Sends an HTTP request to one of the hosts that the setting tools.httpHosts allows.',
  group: 'web',
  permission: 'network',
  schema,
  example: { method: 'POST', url: 'https://api.example.org/items', body: '{"name":"one"}' },
  taints: true,
  available: ({ config }) =>
    config['tools.httpHosts'].length > 0 ? undefined : 'No host is allowed: list some in the setting tools.httpHosts.',
  subject: ({ url }) => subjectOf(url),
  async dryRun({ method, url, headers, body }, { network, signal, config }) {
    const names = Object.keys(checkedHeaders(headers))
    const where = await foresee(network, { method, url, signal, hosts: config['tools.httpHosts'] })
    const sent = [`Headers: ${names.join(', ') || 'none'}`, `Body: ${Buffer.byteLength(body ?? '')} bytes`]
    return [where, ...sent].join('\n')
  },
  async run({ method, url, headers, body }, { network, signal, config }) {
    const result = await network.fetch({
      url,
      method,
      headers: body === undefined ? headers : { ...typeOf(body, headers), ...headers },
      ...(body === undefined ? {} : { body }),
      signal,
      maxBytes: maxResponseBytes,
      hosts: config['tools.httpHosts'],
    })
    return shown(result)
  },
})

function typeOf(body: string, headers: Readonly<Record<string, string>>): Record<string, string> {
  if (Object.keys(headers).some(name => name.toLowerCase() === 'content-type')) return {}
  return { 'content-type': isJson(body) ? 'application/json' : 'text/plain; charset=utf-8' }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function shown({ status, url, headers, body, truncated, redirects }: FetchResult): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    shownHeaders.test(name) ? [`${name}: ${value.slice(0, 1_000)}`] : [],
  )
  const from = redirects.length > 0 ? [`after ${redirects.length} redirects, from ${url}`] : []
  const cut = truncated ? `\n[… cut at ${maxResponseBytes} bytes …]` : ''
  return `HTTP ${[shownStatus(status), ...from].join(' ')}\n${lines.join('\n')}\n\n${textOf(headers, body)}${cut}`
}

function textOf(headers: FetchResult['headers'], body: Buffer): string {
  const type = headers['content-type']
  const kind = kindOfType(type)
  if (body.length === 0) return '[no body]'
  if (kind === undefined || kind === 'pdf' || (kind === 'unknown' && body.includes(0))) {
    return `[${body.length} bytes of ${type ?? 'an unknown type'}, not shown]`
  }
  return decode(body, type)
}
