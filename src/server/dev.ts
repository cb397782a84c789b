import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { createServer as createVite, isRunnableDevEnvironment, type Plugin, type ViteDevServer } from 'vite'
import type { RunningGateway } from './main.ts'

// Run as `node src/server/dev.ts`: one port serves the sources through Vite and everything else through the gateway,
// which starts again when a file of the server changes. Its data is in `tmp/dev`, away from a gateway in use.

const port = 19_790
const host = '127.0.0.1'
const root = fileURLToPath(new URL('../../', import.meta.url))
const home = join(root, 'tmp', 'dev')
// Editors write a file in several steps, and a checkout many files.
const settleMs = 150

const http = createServer()
const vite = await createVite({
  root,
  appType: 'custom',
  plugins: [packagesFromNode()],
  server: { middlewareMode: true, hmr: { server: http } },
})
let gateway = await start()

http.on('request', (incoming, outgoing) => {
  vite.middlewares(incoming, outgoing, () => forward(incoming, outgoing))
})
http.on('upgrade', (incoming, socket, head) => {
  // Vite's own connection is served by its own listener.
  if (!incoming.headers['sec-websocket-protocol']?.startsWith('vite-')) forwardUpgrade(incoming, socket, head)
})
http.listen(port, host)
await once(http, 'listening')
announce(await gateway.signInLink())
restartOnChange(vite)

/** The build bundles packages into the server; while developing Node loads them, since not all are ES modules. */
function packagesFromNode(): Plugin {
  return {
    name: 'talon:packages-from-node',
    configEnvironment(name, options) {
      if (name === 'ssr') options.resolve = { ...options.resolve, noExternal: [] }
    },
  }
}

/** Loads the server's sources anew and starts them on a port of their own. */
async function start(): Promise<RunningGateway> {
  const ssr = vite.environments['ssr']
  if (!ssr || !isRunnableDevEnvironment(ssr)) throw new Error('Vite cannot run the server here.')
  ssr.runner.clearCache()
  const { startGateway } = await ssr.runner.import<typeof import('./main.ts')>('/src/server/main.ts')
  const assets = { dir: join(root, 'dist', 'client'), dev: { entry: '/src/islands/boot.ts' } }
  const flags = { 'server.host': host, 'server.port': '0' }
  return startGateway({ home, env: process.env, terminal: process.stdout.isTTY === true, flags, assets })
}

function announce(link: string): void {
  process.stdout.write(`\n  ${link.replace(gateway.url, `http://${host}:${port}`)}\n\n`)
}

function restartOnChange({ watcher }: ViteDevServer): void {
  let timer: NodeJS.Timeout | undefined
  let restarting = Promise.resolve()
  watcher.on('change', file => {
    if (!/[/\\]src[/\\](server|db|protocol|islands)[/\\]/.test(file)) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      restarting = restarting.then(restart)
    }, settleMs)
  })
}

/** A mistake in the sources leaves no gateway until it is mended; the port stays open and says 502. */
async function restart(): Promise<void> {
  try {
    await gateway.stop()
    gateway = await start()
    announce(await gateway.signInLink())
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  }
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, headers, url: path } = incoming
  const upstream = request(gateway.url + path, { method, headers }, answer => {
    outgoing.writeHead(answer.statusCode ?? 502, allowInlineStyle(answer.headers))
    answer.pipe(outgoing)
  })
  upstream.on('error', error => {
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(502).end(`The gateway does not answer: ${error.message}`)
  })
  incoming.pipe(upstream)
}

/** Vite adds style sheets as elements while they are edited; a built page has none. */
function allowInlineStyle(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  const policy = headers['content-security-policy']
  if (typeof policy !== 'string') return headers
  return {
    ...headers,
    'content-security-policy': policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
  }
}

function forwardUpgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
  const upstream = connect(Number(new URL(gateway.url).port), host, () => {
    const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`]
    for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
      lines.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`)
    }
    upstream.write(`${lines.join('\r\n')}\r\n\r\n`)
    upstream.write(head)
    socket.pipe(upstream).pipe(socket)
  })
  upstream.on('error', () => socket.destroy())
  socket.on('error', () => upstream.destroy())
}
