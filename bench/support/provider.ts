import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const answer = `${chunk({ role: 'assistant', content: 'A short ' })}${chunk({ content: 'answer.' })}${chunk({}, 'stop')}data: [DONE]\n\n`

/** A provider on loopback that answers every call at once; `keepsSockets` or not. */
export async function provider(keepsSockets: boolean): Promise<{ url: string; sockets(): number; close(): void }> {
  let sockets = 0
  const server = createServer(async (request, response) => {
    for await (const _part of request);
    const headers = { 'content-type': 'text/event-stream', ...(keepsSockets ? {} : { connection: 'close' }) }
    response.writeHead(200, headers).end(answer)
  })
  server.on('connection', () => {
    sockets += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    sockets: () => sockets,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
