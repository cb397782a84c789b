import { once } from 'node:events'
import { connect } from 'node:net'
import { type Config, isLoopback } from '../config.ts'
import { bad, type Check, type Finding, ok, type Subject, warn } from './check.ts'

const patienceMs = 1_000
// Addresses to listen on that are none to connect to.
const everyAddress: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Who can reach the gateway, and whether its port is free or its own. */
export const networkCheck: Check = {
  name: 'network',
  group: 'network',
  async look(subject) {
    const { config } = subject
    if (!config) return []
    return [...lookAtExposure(config), ...lookAtAccess(config), ...(await lookAtPort(subject, config))]
  },
}

function lookAtExposure(config: Config): Finding[] {
  const host = config['server.host']
  if (isLoopback(host)) return [ok('network.bind', `It listens on ${host}: only this machine reaches it.`)]
  const title = `It listens on ${host}: other machines reach it, without encryption.`
  const fix = 'Put a proxy with TLS before it and listen on 127.0.0.1, or let only a private network reach it.'
  return [warn('network.bind', title, 'Tokens and messages can be read on the way.', fix)]
}

function lookAtAccess(config: Config): Finding[] {
  if (config['auth.mode'] === 'token') return [ok('network.auth', 'Callers need a token.')]
  const title = 'auth.mode is "none": every program on this machine may do everything.'
  return [warn('network.auth', title, null, 'Set auth.mode to "token", unless nobody else uses this machine.')]
}

async function lookAtPort({ holder }: Subject, config: Config): Promise<Finding[]> {
  const host = holder?.port ? (holder.host ?? config['server.host']) : config['server.host']
  const port = holder?.port || config['server.port']
  if (port === 0) return [ok('network.port', 'Any free port is taken.')]
  const answers = await listens(everyAddress[host] ?? host, port)
  if (holder?.port) {
    if (answers) return [ok('network.port', `The gateway answers on port ${port}.`)]
    const detail = 'Its process holds the data folder, and nothing listens.'
    return [
      bad(
        'network.port',
        `The gateway does not answer on port ${port}.`,
        detail,
        `Restart it (process ${holder.pid}).`,
      ),
    ]
  }
  if (!answers) return [ok('network.port', `Port ${port} is free.`)]
  const title = `Another program has port ${port} on ${host}.`
  return [
    warn(
      'network.port',
      title,
      'A start would fail.',
      'End that program, or choose another port: talon start --port 8080',
    ),
  ]
}

async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port, timeout: patienceMs })
  const late = new Promise<never>((_, reject) => socket.once('timeout', () => reject(new Error('late'))))
  try {
    await Promise.race([once(socket, 'connect'), late])
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
