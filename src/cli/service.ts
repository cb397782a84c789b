import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, resolve, sep } from 'node:path'
import type { Command } from 'commander'
import { loadConfig } from '../server/config.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { entry } from './entry.ts'
import { type Account, accountOf, barrier } from './process/account.ts'
import { type Places, placesOf, prepareFolder, readUnit, removeUnit, writeUnit } from './process/install.ts'
import { askSystemctl, type Scope, systemctlOf, unitName, unitState } from './process/systemd.ts'
import { unitText } from './process/unit.ts'
import type { AddCommand } from './program.ts'

interface Options {
  system?: true
  userName?: string
  dryRun?: true
  json?: true
}

/** What a command line asks for. */
interface Plan {
  scope: Scope
  home: string
  /** Folders outside of `home` that it writes to. */
  writes: string[]
  account: Account | undefined
  places: Places
  text: string
}

export const serviceCommand: AddCommand = (parent, context, exit) => {
  const command = parent
    .command('service')
    .description('Let systemd run the gateway: from the start of the machine on, and again after a crash.')
    .addHelpText('after', help)
  command
    .command('install')
    .description('Write a hardened unit for systemd and say how to start it.')
    .option(...systemOption)
    .option('--user-name <name>', 'account that it runs as, with --system')
    .option('--dry-run', 'print the unit and write nothing')
    .addHelpText('after', installHelp)
    .action(async (options, self) => exit(install(context, options, self)))
  command
    .command('uninstall')
    .description('Stop the service and remove its unit. The data stays.')
    .option(...systemOption)
    .addHelpText('after', '\nExamples:\n  talon service uninstall\n  sudo talon service uninstall --system')
    .action(async options => exit(uninstall(context, options)))
  command
    .command('status')
    .description('Say whether the unit is installed and what systemd does with it.')
    .option(...systemOption)
    .option('--json', 'print {installed, current, unit, active, sub, enabled, pid}')
    .addHelpText('after', statusHelp)
    .action(async (options, self) => exit(status(context, options, self)))
}

const systemOption = ['--system', 'the service of the machine instead of that of this account; needs root'] as const

const help = `
Examples:
  talon service install
  sudo talon service install --system --user-name talon
  talon service status`

const installHelp = `
Examples:
  talon service install
  talon service install --dry-run > talon.service
  sudo talon service install --system --user-name talon --home /var/lib/talon

Without --system it is a unit of your own account. With it, the gateway runs as the account of --user-name (by default
the one that called sudo), on /var/lib/talon unless --home or TALON_HOME names another folder. It runs this very copy of
Talon with this very Node: install it anew after either was moved. A unit of Talon's is replaced, somebody else's never.
Nothing is started: the commands that do are printed.`

const statusHelp = `
Examples:
  talon service status
  talon service status --system --json

Exit code 0 if it is active, 3 if not. How the gateway itself is says: talon status`

function install(context: Context, options: Options, self: Command): number {
  const plan = planOf(context, options, self)
  if (options.dryRun) {
    context.stdout.write(plan.text)
    return exitCodes.ok
  }
  refuseWithoutRoot(plan.scope, 'install')
  const { home, writes, account, places } = plan
  for (const folder of [home, ...writes]) prepareFolder(folder, account)
  const done = writeUnit(places, plan.text)
  const lines = [...done, ...warnings(context, plan), ...nextSteps(context, plan)]
  context.stdout.write(lines.map(line => `${line}\n`).join(''))
  return exitCodes.ok
}

function uninstall(context: Context, options: Options): number {
  const scope = scopeOf(options)
  refuseWithoutRoot(scope, 'uninstall')
  const places = placesOf(scope, context.env, homedir())
  if (!existsSync(places.unit)) {
    context.stderr.write(`There is no ${places.unit}.\n`)
    return exitCodes.ok
  }
  // Another unit of this name, such as one in a folder that this account overrides, is not ours to stop.
  const ours = unitState(scope, context.env).path === places.unit
  const stopped = ours ? askSystemctl(scope, ['disable', '--now', unitName], context.env) : undefined
  removeUnit(places)
  if (ours) askSystemctl(scope, ['daemon-reload'], context.env)
  const how = stopped?.exitCode === 0 ? 'Stopped the service and removed' : 'Removed'
  context.stdout.write(`${how} ${places.unit}. Data and ${places.environmentFile} stay.\n`)
  if (stopped && stopped.exitCode !== 0) context.stderr.write(`systemd did not stop it: ${stopped.err}\n`)
  return exitCodes.ok
}

function status(context: Context, options: Options, self: Command): number {
  const scope = scopeOf(options)
  const { unit } = placesOf(scope, context.env, homedir())
  const found = readUnit(unit)
  const current = found === undefined ? false : isCurrent(context, options, self, found)
  const { path: _path, problem, ...state } = unitState(scope, context.env)
  if (options.json) {
    context.stdout.write(`${JSON.stringify({ installed: found !== undefined, current, unit, ...state })}\n`)
  } else {
    const age = current ? '' : '; another "talon service install" would write it differently'
    const installed = found === undefined ? `Not installed: there is no ${unit}.` : `Installed: ${unit}${age}.`
    const { active, sub, enabled, pid } = state
    const runs = problem ?? `systemd: ${active} (${sub})${pid ? `, process ${pid}` : ''}, ${enabled || 'not enabled'}.`
    context.stdout.write(`${installed}\n${runs}\n`)
  }
  return state.active === 'active' ? exitCodes.ok : exitCodes.notRunning
}

function planOf(context: Context, options: Options, self: Command): Plan {
  const scope = scopeOf(options)
  const account = scope === 'system' ? accountOf(nameOf(context, options)) : undefined
  const { home: named } = self.optsWithGlobals<{ home?: string }>()
  // The folder of root would be no place for a service.
  const home = scope === 'system' && !named && !context.env.TALON_HOME ? '/var/lib/talon' : context.home
  const places = placesOf(scope, context.env, homedir())
  const { environmentFile } = places
  const writes = writesOf(context, home)
  const program = { node: process.execPath, entry, namespaces: allowsNamespaces() }
  const text = unitText({ scope, home, writes, account, environmentFile, ...program })
  return { scope, home, writes, account, places, text }
}

function scopeOf({ system, userName }: Options): Scope {
  if (userName !== undefined && !system) {
    throw new CommandError('--user-name goes with --system: a service of your own runs as you.', exitCodes.usage)
  }
  return system ? 'system' : 'user'
}

function nameOf({ env }: Context, { userName }: Options): string {
  const name = userName ?? env.SUDO_USER
  if (name) return name
  throw new CommandError(
    'Name the account that it is to run as, such as: talon service install --system --user-name talon',
    exitCodes.usage,
  )
}

function refuseWithoutRoot(scope: Scope, verb: string): void {
  if (scope === 'user' || process.getuid?.() === 0) return
  throw new CommandError(`The service of the machine is root's to ${verb}. Use: sudo talon service ${verb} --system`)
}

/** Folders outside of the data folder that its settings let it write to. */
function writesOf({ env }: Context, home: string): string[] {
  const { values } = loadConfig({ home, env })
  const [workspace, log] = [values['tools.workspace'], values['log.file']]
  const roots = values['tools.roots'].filter(root => root.writable).map(root => root.path)
  const folders = [resolve(home, workspace), ...roots, ...(log === null ? [] : [dirname(resolve(home, log))])]
  return [...new Set(folders)].filter(folder => folder !== home && !folder.startsWith(`${home}${sep}`))
}

// What Debian, Ubuntu and the kernel itself have to forbid it with, and the text that says so.
const namespaceSwitches: readonly (readonly [file: string, off: string])[] = [
  ['/proc/sys/kernel/unprivileged_userns_clone', '0'],
  ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1'],
  ['/proc/sys/user/max_user_namespaces', '0'],
]

function allowsNamespaces(): boolean {
  return !namespaceSwitches.some(([file, off]) => existsSync(file) && readFileSync(file, 'utf8').trim() === off)
}

/** Whether the unit is the one that would be written now. */
function isCurrent(context: Context, { system }: Options, self: Command, found: string): boolean {
  const userName = /^User=(.*)$/m.exec(found)?.[1]
  try {
    return (
      planOf(context, { ...(system && { system }), ...(userName !== undefined && { userName }) }, self).text === found
    )
  } catch {
    // With settings that cannot be read, or an account that is gone, none would be written.
    return false
  }
}

function warnings({ env }: Context, { home, account, places }: Plan): string[] {
  const shell = Object.keys(env).filter(
    name => name.startsWith('TALON_') && !['TALON_HOME', 'TALON_URL'].includes(name),
  )
  const closed = account && [process.execPath, entry, `${home}/x`].map(path => barrier(path, account)).find(Boolean)
  const owner = account && statSync(home).uid !== account.uid
  return [
    ...(shell.length > 0
      ? [`Note: the service does not see ${shell.join(', ')} of this shell; ${places.environmentFile} is for that.`]
      : []),
    ...(account?.uid === 0 ? ['Warning: it runs as root. An account of its own is safer: --user-name talon'] : []),
    ...(closed ? [`Warning: ${account?.name} may not enter ${closed}, and so cannot run Talon from there.`] : []),
    ...(owner
      ? [`Warning: ${home} is not ${account.name}'s. Give it to that account: chown -R ${account.name}: ${home}`]
      : []),
  ]
}

function nextSteps({ env }: Context, { scope, home, account }: Plan): string[] {
  const systemctl = systemctlOf(scope)
  const user = env.USER || env.LOGNAME || '$USER'
  const missing = askSystemctl(scope, ['--version'], env).exitCode === null
  const own = scope === 'user'
  return [
    missing ? 'systemctl is missing here, so that nothing can be started now. Where systemd runs:' : 'Go on with:',
    `  ${systemctl} daemon-reload`,
    `  ${systemctl} enable --now ${unitName}`,
    ...(own ? [`  loginctl enable-linger ${user}   # so that it also runs while you are not signed in`] : []),
    `  journalctl ${own ? '--user ' : ''}-u ${unitName}   # its log`,
    own
      ? '  talon login   # a link to sign in'
      : `  sudo -u ${account?.name} ${entry} login --home ${home}   # a link to sign in`,
  ]
}
