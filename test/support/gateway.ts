import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect } from '../../src/client/index.ts'
import type { Scope } from '../../src/protocol/shapes.ts'
import { type RunningGateway, type StartOptions, startGateway } from '../../src/server/main.ts'
import { roomyLimits } from './roomy-limits.ts'

/** The admin token of every gateway that a test starts. */
export const testToken = 'test-token-of-at-least-thirty-two-characters'

export interface TestGateway extends RunningGateway {
  home: string
  port: number
  /** What the gateway logged, one JSON line each. */
  logs: string[]
  /** What it printed for people. */
  printed: string[]
  client(token?: string): Client
  /** A new token with these scopes. */
  token(...scopes: Scope[]): Promise<string>
  fetch(path: string, init?: RequestInit & { token?: string }): Promise<Response>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts the real gateway in this process, on a free port, with a data folder of its own. */
export async function testGateway(
  options: Partial<StartOptions> & { env?: Record<string, string> } = {},
): Promise<TestGateway> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'talon-test-')))
  const logs: string[] = []
  const printed: string[] = []
  const clients: Client[] = []
  const gateway = await startGateway({
    home,
    print: line => printed.push(line),
    writeLog: line => logs.push(line),
    ...options,
    env: { TALON_PORT: '0', TALON_TOKEN: testToken, ...roomyLimits, ...options.env },
  })
  return {
    ...gateway,
    home,
    logs,
    printed,
    port: Number(new URL(gateway.url).port),
    client(token = testToken) {
      const client = connect({ url: gateway.url, token })
      clients.push(client)
      return client
    },
    async token(...scopes) {
      return (await gateway.app.auth.createToken({ name: 'test', scopes })).token
    },
    fetch(path, { token = testToken, ...init } = {}) {
      const headers = new Headers(init.headers)
      if (token !== '' && !headers.has('authorization')) headers.set('authorization', `Bearer ${token}`)
      return fetch(`${gateway.url}${path}`, { ...init, headers })
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close()
      await gateway.stop()
      if (options.home === undefined) await rm(home, { recursive: true, force: true })
    },
  }
}
