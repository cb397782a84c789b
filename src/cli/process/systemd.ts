import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Which of its managers: that of an account, or that of the machine. */
export type Scope = 'user' | 'system'

export const unitName = 'talon.service'

/** The unit that a process belongs to. */
export interface Unit {
  name: string
  scope: Scope
  /** The command that manages it. */
  systemctl: string
}

/** The service that runs this process, if systemd started it as the one that `talon service install` writes. */
export function unitOf(pid: number): Unit | undefined {
  let groups: string
  try {
    groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  } catch {
    return undefined
  }
  return unitIn(groups)
}

/** The same from the text of /proc/<pid>/cgroup (cgroups(7)): lines such as 0::/system.slice/talon.service */
export function unitIn(groups: string): Unit | undefined {
  const paths = groups.split('\n').map(line => line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1))
  const path = paths.find(candidate => candidate.endsWith(`/${unitName}`))
  if (path === undefined) return undefined
  // The manager of an account is itself a service: user@1000.service.
  const scope = path.includes('.service/') ? 'user' : 'system'
  return { name: unitName, scope, systemctl: systemctlOf(scope) }
}

export function systemctlOf(scope: Scope): string {
  return scope === 'user' ? 'systemctl --user' : 'systemctl'
}

export interface Answer {
  /** Null if there is no systemctl. */
  exitCode: number | null
  out: string
  err: string
}

// It answers in milliseconds; stopping a unit takes as long as its drain.
const timeoutMs = 30_000

/** Asks the manager of that scope. */
export function askSystemctl(scope: Scope, argv: readonly string[], env: NodeJS.ProcessEnv): Answer {
  const options = { encoding: 'utf8', timeout: timeoutMs, env } as const
  const { status, error, stdout, stderr } = spawnSync(
    'systemctl',
    [...(scope === 'user' ? ['--user'] : []), '--no-pager', ...argv],
    options,
  )
  if (error && 'code' in error && error.code === 'ENOENT')
    return { exitCode: null, out: '', err: 'systemctl is missing' }
  return { exitCode: status ?? 1, out: stdout.trim(), err: (stderr || error?.message || '').trim() }
}

/** What systemd does with the unit. */
export interface UnitState {
  active: string
  sub: string
  enabled: string
  pid: number | null
  /** The file that systemd read. */
  path: string | undefined
  /** Why nothing is known. */
  problem?: string
}

/** Asks systemd about the unit. */
export function unitState(scope: Scope, env: NodeJS.ProcessEnv): UnitState {
  const names = ['ActiveState', 'SubState', 'UnitFileState', 'MainPID', 'FragmentPath']
  const { exitCode, out, err } = askSystemctl(scope, ['show', unitName, `--property=${names.join(',')}`], env)
  if (exitCode !== 0) {
    const problem = `What systemd does is not known: ${err || `exit code ${exitCode}`}.`
    return { active: 'unknown', sub: 'unknown', enabled: '', pid: null, path: undefined, problem }
  }
  const lines = out.split('\n').map((line): [string, string] => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1)]
  })
  const fields = new Map(lines)
  const field = (name: string) => fields.get(name) ?? ''
  return {
    ...{ active: field('ActiveState'), sub: field('SubState'), enabled: field('UnitFileState') },
    ...{ pid: Number(field('MainPID')) || null, path: field('FragmentPath') || undefined },
  }
}
