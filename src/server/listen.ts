import { createServer } from 'node:net'
import type { ServerType } from '@hono/node-server'
import { StartError } from './start-error.ts'

/** Listens, and resolves with the port. @throws StartError that names a free port where this one is in use */
export async function listen(server: ServerType, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ port, host, backlog: 4_096 }, () => resolve())
  try {
    await promise
  } catch (error) {
    throw await listenError(error, host, port)
  }
  server.off('error', reject)
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

async function listenError(error: unknown, host: string, port: number): Promise<unknown> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    const free = await nextFreePort(host, port + 1)
    const advice = free === undefined ? 'Choose another' : `Port ${free} is free`
    return new StartError(`Port ${port} on ${host} is in use. ${advice}: talon start --port ${free ?? '<number>'}`)
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new StartError(`This machine has no address ${host} to listen on.`)
  if (code === 'EACCES') {
    return new StartError(
      `Listening on port ${port} is not allowed. Choose one above 1023: talon start --port <number>`,
    )
  }
  return error
}

const portsTried = 50

async function nextFreePort(host: string, from: number): Promise<number | undefined> {
  for (let port = from; port < Math.min(from + portsTried, 65_536); port++) {
    const probe = createServer()
    const free = await new Promise<boolean>(resolve => {
      probe.once('error', () => resolve(false))
      probe.listen(port, host, () => resolve(true))
    })
    if (free) {
      await new Promise(resolve => probe.close(resolve))
      return port
    }
  }
  return undefined
}
