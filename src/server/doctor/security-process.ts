import { realpathSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { isLoopback } from '../config.ts'
import type { Audited, SecurityRow, Weakness } from './security.ts'

const ownFolders = ['run', 'backups', 'secrets', 'exports', 'logs', 'tools', 'trash']
const systemFolders = ['/bin', '/boot', '/dev', '/etc', '/lib', '/proc', '/root', '/sbin', '/sys', '/usr', '/var/lib']

/** What the process may do, what its tools reach, and what it tells of itself. */
export const processRows: readonly SecurityRow[] = [
  {
    id: 'process.root',
    fine: 'It does not run as root.',
    why: 'Whatever goes wrong in it, or in a tool, goes wrong for the whole machine.',
    look({ machine, live }) {
      if (!machine.root) return []
      const title = live
        ? 'The gateway runs as root.'
        : 'This is root, and a gateway that it starts has all its rights.'
      return [{ risk: 'medium', title, fix: 'sudo talon service install --system --user-name talon' }]
    },
  },
  {
    id: 'process.debugger',
    fine: 'No debugger may enter it.',
    why: 'Whoever reaches the port of a debugger runs any code in the process, with all keys in its memory.',
    look: lookAtDebugger,
  },
  {
    id: 'tools.workspace',
    fine: 'Tools see a folder of their own.',
    why: 'A model that was misled by what it read may read or overwrite all that is in there.',
    look: lookAtWorkspace,
  },
  {
    id: 'log.level',
    fine: 'The log tells neither too little nor too much.',
    why: 'With too little, an intrusion leaves no trace; with too much, it is lost among each request of everybody.',
    look({ config }) {
      const level = config['log.level']
      if (!['trace', 'debug', 'fatal', 'silent'].includes(level)) return []
      return [{ risk: 'low', title: `log.level is "${level}".`, fix: 'talon config set log.level=info' }]
    },
  },
  {
    id: 'log.kept',
    fine: 'The log of some time is kept.',
    why: 'What was done before an intrusion was noticed is then not known any more.',
    look({ config }) {
      if (config['log.file'] === null || config['log.keepFiles'] > 0) return []
      const title = `A full log is thrown away at ${config['log.maxMegabytes']} MB: log.keepFiles is 0.`
      return [{ risk: 'low', title, fix: 'talon config set log.keepFiles=5, and restart.' }]
    },
  },
]

function lookAtDebugger({ machine, env }: Audited): Weakness[] {
  const address = machine.debugger
  if (address !== undefined) {
    const { hostname, host } = new URL(address)
    const risk = isLoopback(hostname) ? 'medium' : 'critical'
    return [{ risk, title: `A debugger may enter at ${host}.`, fix: 'Start it without --inspect.' }]
  }
  const option = /--inspect\S*/.exec(env['NODE_OPTIONS'] ?? '')?.[0]
  if (option === undefined) return []
  return [{ risk: 'medium', title: `NODE_OPTIONS has ${option}.`, fix: 'Unset NODE_OPTIONS, and restart.' }]
}

function lookAtWorkspace({ home, config, machine }: Audited): Weakness[] {
  const setting = config['tools.workspace']
  const workspace = realPath(resolve(home, setting))
  const data = realPath(home)
  const fix = 'talon config set tools.workspace=workspace, and restart.'
  if (isWithin(workspace, data)) {
    return [{ risk: 'critical', title: `tools.workspace (${workspace}) holds the data folder.`, fix }]
  }
  const own = ownFolders.find(name => isWithin(join(data, name), workspace))
  if (own !== undefined) {
    return [{ risk: 'critical', title: `tools.workspace is ${own}/, which Talon itself uses.`, fix }]
  }
  const account = realPath(machine.accountHome)
  if (isWithin(workspace, account)) {
    const title = `tools.workspace (${workspace}) holds the home folder of the account, with its keys of SSH.`
    return [{ risk: 'high', title, fix }]
  }
  const system = systemFolders.find(folder => isWithin(folder, workspace))
  // The account of a service has its home below /var/lib, and root below /root.
  if (system === undefined || isWithin(data, workspace) || isWithin(account, workspace)) return []
  return [{ risk: 'high', title: `tools.workspace (${workspace}) is a folder of the system.`, fix }]
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // It is made at its first use.
    return path
  }
}
