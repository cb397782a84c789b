import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Config } from '../config.ts'
import { bad, type Check, type Finding, ok, type Subject, warn } from './check.ts'

const maxAnswerBytes = 16 * 1024
// Addresses to listen on that are none to connect to.
const everyAddress: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Whether the port is free, the gateway's own or somebody else's, and whether the address is one of this machine. */
export const networkCheck: Check = {
  name: 'network',
  group: 'network',
  async look(subject) {
    const { config, holder } = subject
    if (!config) return []
    if (holder?.port) return [await lookAtOwn(subject, config)]
    return [...(await lookAtAddress(config)), ...(await lookAtPort(subject, config))]
  },
}

/** A gateway that runs may have got its address and port from the command line. */
async function lookAtOwn({ holder, patience }: Subject, config: Config): Promise<Finding> {
  const [host, port] = [holder?.host ?? config['server.host'], holder?.port ?? 0]
  const title = `The gateway answers on port ${port}.`
  if ((await answerOf(host, port, patience.portMs)) !== 'nobody') return ok('network.port', title)
  const detail = 'Its process holds the data folder, and nothing listens.'
  const fix = `talon restart (process ${holder?.pid}).`
  return bad('network.port', `The gateway does not answer on port ${port}.`, detail, fix)
}

/** Listens for a moment on any free port of the address, so that no gateway which starts now finds its own taken. */
async function lookAtAddress(config: Config): Promise<Finding[]> {
  const host = config['server.host']
  const server = createServer()
  try {
    server.listen({ host: bare(host), port: 0, exclusive: true })
    await once(server, 'listening')
    return []
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    const fix = 'talon config set server.host=127.0.0.1, or an address that "ip address" shows.'
    return [bad('network.address', `Nobody can listen on ${host} here.`, `${reason}.`, fix)]
  } finally {
    server.close()
  }
}

async function lookAtPort({ machine, patience }: Subject, config: Config): Promise<Finding[]> {
  const [host, port] = [config['server.host'], config['server.port']]
  if (port === 0) return [ok('network.port', 'Any free port is taken.')]
  const who = await answerOf(host, port, patience.portMs)
  if (who === 'nobody') {
    if (port >= machine.firstFreePort || machine.root) return [ok('network.port', `Port ${port} is free.`)]
    const title = `Port ${port} is free, and only root may listen on it.`
    const fix = 'Take a higher port and let a proxy listen on this one: talon config set server.port=19789'
    return [warn('network.port', title, null, fix)]
  }
  const title = `Another ${who === 'talon' ? 'Talon gateway' : 'program'} has port ${port} on ${host}.`
  const fix = 'End that program, or choose another port: talon start --port 8080'
  return [warn('network.port', title, 'A start would fail.', fix)]
}

/** Who listens there, as far as one question tells. */
async function answerOf(host: string, port: number, patienceMs: number): Promise<'nobody' | 'program' | 'talon'> {
  const socket = connect({ host: bare(everyAddress[host] ?? host), port })
  const late = setTimeout(() => socket.destroy(), patienceMs)
  try {
    const closed = once(socket, 'close').then(() => Promise.reject(new Error('It was closed.')))
    await Promise.race([once(socket, 'connect'), closed])
    return isTalon(await ask(socket)) ? 'talon' : 'program'
  } catch {
    return 'nobody'
  } finally {
    clearTimeout(late)
    socket.destroy()
  }
}

/** What it answers to a question of HTTP; empty if it does not speak that. */
async function ask(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', chunk => {
    text += chunk
    if (text.length > maxAnswerBytes) socket.destroy()
  })
  // Whatever ends it, `close` follows.
  socket.on('error', () => undefined)
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await new Promise(resolve => socket.once('close', resolve))
  return text
}

function isTalon(answer: string): boolean {
  return /^x-request-id:/im.test(answer) && answer.includes('{"status":"ok"')
}

/** An address without the brackets that it has in a URL. */
function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}
