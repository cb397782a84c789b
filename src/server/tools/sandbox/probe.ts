import type { ChildResult } from '../child.ts'
import type { SandboxLevel } from './sandbox.ts'

/** A level that may be used, and why it is no better one. */
export interface Verdict {
  level: SandboxLevel
  reason: string | undefined
}

/** What was found out about this machine, each by trying it. Undefined is "it works", a text says why it does not. */
export interface Findings {
  bubblewrap: string | undefined
  limits: string | undefined
  container: { walled: boolean; reason: string }
}

const order: readonly SandboxLevel[] = ['full', 'container', 'limits', 'off']

/** Asks about each wall from within, in the shell of the system; a wall that is missing is named. */
export const wallProbe = [
  "grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status || echo capabilities",
  "grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/self/status || echo privileges",
  "grep -q '^Seccomp:[[:space:]]*2$' /proc/self/status || echo filter",
  '[ "$(grep -c : /proc/net/dev)" = 1 ] || echo network',
  '[ ! -w / ] && [ ! -w /usr ] && [ ! -w /proc/sys/kernel/core_pattern ] || echo system',
  '[ ! -e "$1/run" ] || echo files',
  '[ -w . ] || echo workspace',
  ': > /tmp/probe; chmod 4700 /tmp/probe 2>/dev/null && echo setuid',
].join('\n')

/** Asks whether the kernel knows the limits of this process. */
export const limitProbe = [
  'grep -q "^Max data size  *$2 " /proc/self/limits || echo memory',
  'grep -q "^Max file size  *$3 " /proc/self/limits || echo files',
  'echo probed',
].join('\n')

/** Why a probe does not show what it should; undefined if it does. */
export function faultOf({ stdout, stderr, exitCode }: ChildResult): string | undefined {
  const missing = stdout.split('\n').filter(word => word !== '' && word !== 'probed')
  if (missing.length > 0) return `these walls do not hold: ${missing.join(', ')}`
  if (stdout.endsWith('probed\n')) return undefined
  return stderr.trim().split('\n')[0]?.slice(0, 300) || `it ended with exit code ${exitCode}`
}

/** The best level that was seen to work and that the setting allows. */
export function verdictOf({ bubblewrap, limits, container }: Findings, setting: 'auto' | SandboxLevel): Verdict {
  const best = setting === 'auto' ? 'full' : setting
  const mayBe = (level: SandboxLevel) => order.indexOf(level) >= order.indexOf(best)
  const capped = best === 'full' ? undefined : `The setting sandbox.level is "${best}".`
  if (mayBe('full') && bubblewrap === undefined) return { level: 'full', reason: undefined }
  const reason = capped ?? bubblewrap
  if (mayBe('container') && container.walled) return { level: 'container', reason }
  const outside = capped && best === 'container' ? container.reason : reason
  if (mayBe('limits') && limits === undefined) return { level: 'limits', reason: outside }
  return { level: 'off', reason: best === 'off' ? capped : [outside, limits].filter(Boolean).join(' ') }
}
