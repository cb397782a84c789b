import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ToolOutcome } from '../../../../src/server/record.ts'
import type { Config } from '../../../../src/server/settings.ts'
import { openWebServer, type WebServer } from '../../../support/web-server.ts'
import { type Workbench, workbench } from '../workbench.ts'

type Page = string | ((request: IncomingMessage, response: ServerResponse) => unknown)

/** A workbench whose tools may reach one web server of this machine. */
export interface Surfing extends AsyncDisposable {
  bench: Workbench
  site: WebServer
  open(path: string, session?: string): Promise<ToolOutcome>
  run(tool: string, args?: Record<string, unknown>, session?: string): Promise<ToolOutcome>
  /** Makes a session, so that something can be done in it. */
  session(id: string): Promise<string>
}

/** @param pages what the server has, by path; HTML, or what answers itself */
export async function surfing(
  pages: Record<string, Page>,
  config: Partial<Config> = {},
  options: Omit<Parameters<typeof workbench>[0], 'config'> = {},
): Promise<Surfing> {
  const site = await openWebServer((request, response) => {
    const page = pages[(request.url ?? '/').replace(/[?#].*/, '')]
    if (typeof page === 'function') return void page(request, response)
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' })
    response.end(page ?? '<title>Nothing</title><p>There is nothing here.')
  })
  const allowed = [`127.0.0.1:${site.port}`, ...(config['network.allowHosts'] ?? [])]
  const bench = await workbench({ ...options, config: { ...config, 'network.allowHosts': allowed } })
  const run: Surfing['run'] = (tool, args = {}, sessionId) =>
    bench.run(tool, args, sessionId === undefined ? {} : { sessionId })
  return {
    bench,
    site,
    run,
    open: (path, session) => run('browser_navigate', { url: `${site.url}${path}` }, session),
    async session(id) {
      await bench.store.createSession({ id, senderId: 'ada', channel: 'test', at: 1 })
      return id
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]()
      await site[Symbol.asyncDispose]()
    },
  }
}
