import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../../../src/server/config.ts'
import { runChild } from '../../../../src/server/tools/child.ts'
import { bubblewrapArgs } from '../../../../src/server/tools/sandbox/bubblewrap.ts'
import { findingsOn } from '../../../../src/server/tools/sandbox/findings.ts'
import { limitsOf } from '../../../../src/server/tools/sandbox/limits.ts'
import { type Findings, faultOf, verdictOf } from '../../../../src/server/tools/sandbox/probe.ts'
import type { SandboxLevel } from '../../../../src/server/tools/sandbox/sandbox.ts'
import { programOf } from '../../../../src/server/tools/sandbox/system.ts'
import { testGateway } from '../../../support/gateway.ts'
import { whyNoSandbox } from '../../../support/sandbox.ts'
import { walled } from './walled.ts'

const reason = await whyNoSandbox()
const inside = { walled: true, reason: 'inside' }
const outside = { walled: false, reason: 'outside' }

const table: readonly [Partial<Findings>, 'auto' | SandboxLevel, SandboxLevel, string | undefined][] = [
  [{}, 'auto', 'full', undefined],
  [{}, 'full', 'full', undefined],
  [{ bubblewrap: 'no bwrap' }, 'auto', 'limits', 'no bwrap'],
  [{ bubblewrap: 'no bwrap' }, 'full', 'limits', 'no bwrap'],
  [{ bubblewrap: 'no bwrap', container: inside }, 'auto', 'container', 'no bwrap'],
  [{ bubblewrap: 'no bwrap', limits: 'no prlimit' }, 'auto', 'off', 'no bwrap no prlimit'],
  [{ bubblewrap: 'no bwrap', limits: 'no prlimit', container: inside }, 'auto', 'container', 'no bwrap'],
  [{ container: inside }, 'container', 'container', 'The setting sandbox.level is "container".'],
  [{}, 'container', 'limits', 'outside'],
  [{ limits: 'no prlimit' }, 'container', 'off', 'outside no prlimit'],
  [{ container: inside }, 'limits', 'limits', 'The setting sandbox.level is "limits".'],
  [{ container: inside }, 'off', 'off', 'The setting sandbox.level is "off".'],
]

test.each(table)('with %j and the setting %s the level is %s', (found, setting, level, why) => {
  const findings = { bubblewrap: undefined, limits: undefined, container: outside, ...found }
  expect(verdictOf(findings, setting)).toEqual({ level, reason: why })
})

test('a probe that names a wall, ends early or says nothing shows no wall', () => {
  const result = { exitCode: 0, signal: null, stderr: '', truncated: false }
  expect(faultOf({ ...result, stdout: 'probed\n' })).toBeUndefined()
  expect(faultOf({ ...result, stdout: 'network\nsetuid\nprobed\n' })).toContain('network, setuid')
  expect(faultOf({ ...result, stdout: '', stderr: 'bwrap: no\nmore', exitCode: 1 })).toBe('bwrap: no')
  expect(faultOf({ ...result, stdout: '', exitCode: 1 })).toContain('exit code 1')
})

test('nothing is claimed before it was tried', async () => {
  await using gateway = await testGateway()
  const { sandbox, tools } = gateway.app
  // Asked for in the first moment, the list knows already what it takes to know.
  const listed = await gateway.client().request('tools.list', {})
  expect(JSON.stringify(listed.tools)).not.toContain('being probed')
  await tools.start()
  expect(sandbox.reason ?? '').not.toContain('being probed')
  expect(gateway.logs.filter(line => line.includes('commands of tools run'))).toHaveLength(1)
  const { components } = await gateway.client().request('gateway.status', {})
  expect(components['sandbox']).toBe(sandbox.level)
  const metrics = await (await gateway.fetch('/metrics')).text()
  expect(metrics).toContain(`talon_sandbox_info{level="${sandbox.level}"} 1`)
})

test.skipIf(programOf('prlimit') === undefined)('limits are tried in a workspace that is not there yet', async () => {
  const home = mkdtempSync(join(tmpdir(), 'talon-sandbox-'))
  const limits = limitsOf(loadConfig({ home, env: {} }).values)
  const ground = { home, workspace: join(home, 'workspace'), limits }
  const machine = { prlimit: programOf('prlimit'), walls: 'There is no bubblewrap.' }
  const { signal } = new AbortController()
  const found = await findingsOn(machine, ground, ({ argv: [command, ...args], cwd, env }) =>
    runChild({ command, args, cwd, env, signal, id: 'probe', maxOutputBytes: 4_096 }),
  )
  rmSync(home, { recursive: true })
  expect(found).toMatchObject({ bubblewrap: 'There is no bubblewrap.', limits: undefined })
})

describe.skipIf(reason !== undefined)('with a lower level set', () => {
  test.each(['limits', 'off'] as const)('%s is what is used, and commands still end whole', async level => {
    await using bench = await walled({ 'sandbox.level': level, 'sandbox.fileMegabytes': 1 })
    expect(bench.sandbox).toMatchObject({ level, reason: `The setting sandbox.level is "${level}".` })
    process.env['TALON_CANARY'] = 'canary'
    const script = 'env; (setsid sleep 1000 &); head -c 3000000 /dev/zero > big 2>/dev/null; stat -c %s big'
    const { stdout } = await bench.shell(script)
    delete process.env['TALON_CANARY']
    expect(stdout).not.toContain('canary')
    expect(stdout).toContain(level === 'limits' ? '\n1048576\n' : '\n3000000\n')
    const [first] = bench.sandbox.describe({ argv: ['/bin/true'], cwd: bench.workspace })
    expect(first).toMatch(level === 'limits' ? /prlimit$/ : /true$/)
  })

  test('limits bounds memory and processes of all together', async () => {
    await using bench = await walled({ 'sandbox.level': 'limits', 'sandbox.processes': 16 })
    const script = 'i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i+1)); done; wait'
    expect((await bench.shell(script, { timeLimitMs: 30_000 })).stopped?.by).toBe('processes')
  })
})

test('a data folder within a part of the system that is shown is masked, and the workspace in it is not', () => {
  const system = {
    binds: ['--ro-bind', '/usr', '/usr'],
    programBinds: [],
    networkBinds: [],
    shown: ['/usr'],
    path: '/usr/bin',
  }
  const limits = { memoryBytes: 1, cpuSeconds: 1, fileBytes: 1, processes: 1 }
  const argsFor = (home: string) => {
    const workspace = `${home}/workspace`
    const view = { home, workspace, cwd: workspace, readOnly: false, network: false, readable: [] }
    return bubblewrapArgs('/usr/bin/bwrap', system, view, limits).join(' ')
  }
  expect(argsFor('/usr/local/talon')).toMatch(
    /--ro-bind \/usr \/usr .*--tmpfs \/usr\/local\/talon --bind \/usr\/local\/talon\/workspace /,
  )
  expect(argsFor('/usrlocal/talon')).not.toContain('--tmpfs /usrlocal')
})
