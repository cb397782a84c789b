import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as the collector was told of it. */
export interface CollectedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  start: bigint
  end: bigint
  attributes: Record<string, string | number | boolean>
  failed: boolean
}

/** `silence` never answers. */
export type CollectorAnswer = { status: number; headers?: Record<string, string>; body?: string } | 'silence'

export interface ScriptedCollector {
  /** The address for `tracing.endpoint`. */
  url: string
  /** Of the requests that were answered with 200. */
  spans: CollectedSpan[]
  requests: { path: string; headers: IncomingHttpHeaders; text: string; status: number }[]
  span(name: string): CollectedSpan
  close(): Promise<void>
}

interface Wire {
  resourceSpans: { scopeSpans: { spans: WireSpan[] }[] }[]
}

interface WireSpan extends Omit<CollectedSpan, 'attributes' | 'start' | 'end' | 'failed'> {
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: { key: string; value: Record<string, string | number | boolean> }[]
  status: { code?: number }
}

/** A real HTTP server on loopback that takes traces by OTLP as JSON, and answers as it is told to: 200 in the end. */
export async function scriptedCollector(answers: CollectorAnswer[] = []): Promise<ScriptedCollector> {
  const server = createServer(async (incoming, response) => {
    let text = ''
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk
    const answer = answers[collector.requests.length] ?? { status: 200 }
    const { status, headers, body } = answer === 'silence' ? { status: 0 } : { headers: {}, body: '{}', ...answer }
    collector.requests.push({ path: incoming.url ?? '', headers: incoming.headers, text, status })
    if (status === 200) collector.spans.push(...spansIn(text))
    if (status !== 0) response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on a port has an address of this shape.
  const { port } = server.address() as AddressInfo
  const collector: ScriptedCollector = {
    url: `http://127.0.0.1:${port}`,
    spans: [],
    requests: [],
    span(name) {
      const found = collector.spans.filter(span => span.name === name)
      const [span] = found
      if (span && found.length === 1) return span
      throw new Error(`${found.length} spans are called ${name}: ${collector.spans.map(each => each.name).join(', ')}`)
    },
    async close() {
      if (!server.listening) return
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return collector
}

function spansIn(text: string): CollectedSpan[] {
  const { resourceSpans }: Wire = JSON.parse(text)
  return resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map(({ startTimeUnixNano, endTimeUnixNano, attributes, status, ...span }) => ({
      ...span,
      start: BigInt(startTimeUnixNano),
      end: BigInt(endTimeUnixNano),
      attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, valueIn(value)])),
      failed: status.code === 2,
    }))
}

function valueIn(value: Record<string, string | number | boolean>): string | number | boolean {
  const [kind = '', content = ''] = Object.entries(value)[0] ?? []
  return kind === 'intValue' ? Number(content) : content
}
