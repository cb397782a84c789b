import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/server/doctor.ts'
import { testGateway, testToken } from '../support/gateway.ts'
import { treeOf } from '../support/tree.ts'
import { newHome, runCommand } from './command.ts'

// Whoever runs the tests may be root, and have no bubblewrap: what is said of the machine is not judged here.
const lines = (out: string, sign: string) => out.split('\n').filter(line => line.startsWith(`  ${sign} `)).length

describe('talon doctor', () => {
  it('finds no trouble in a folder that is new, and leaves it as it was', async () => {
    const home = newHome()
    const before = treeOf(home)
    const { exitCode, out, err } = await runCommand(['doctor'], { home })
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toMatch(/^Program\n {2}✓ Node \d/)
    expect(out).toMatch(/\nDatabase\n {2}· There is no database yet\.\n {6}→ Nothing: the first start makes it\.\n/)
    expect(out).toMatch(/\nSecurity\n.* {2}✓ \d\d checks found nothing \(talon doctor --security shows each\)\.\n/s)
    expect(lines(out, '✗')).toBe(0)
    expect(treeOf(home)).toEqual(before)
  })

  it('exits with 0 for warnings and with 1 for errors, and says what to do about each', async () => {
    const home = newHome()
    // The usual port may be taken between the two.
    const env = { TALON_PORT: '0' }
    chmodSync(home, 0o755)
    const warned = await runCommand(['doctor'], { home, env })
    expect(warned.exitCode).toBe(0)
    expect(warned.out).toContain(
      `  ! Warning: Its mode is 755, and should be 700.\n      Other accounts of this machine may look into it.\n      → chmod 700 ${home}\n`,
    )
    const warnings = lines(warned.out, '!')
    expect(warned.out).toMatch(new RegExp(`\\n0 errors, ${warnings} warnings?\\.\\n$`))
    writeFileSync(join(home, 'gateway.db'), 'no database '.repeat(100), { mode: 0o600 })
    const failed = await runCommand(['doctor'], { home, env })
    expect(failed.exitCode).toBe(1)
    expect(failed.out).toContain(`  ✗ Error: The database ${join(home, 'gateway.db')} cannot be used.\n`)
    expect(failed.out).toMatch(new RegExp(`\\n1 error, ${warnings} warnings?\\.\\n$`))
  })

  it('prints the same for a program', async () => {
    const home = newHome()
    mkdirSync(join(home, 'gateway.db'))
    const { exitCode, out } = await runCommand(['doctor', '--json', '--full', '--offline'], { home })
    expect(exitCode).toBe(1)
    expect(JSON.parse(out)).toMatchObject({
      home,
      version: '9.9.9',
      running: false,
      ok: false,
      counts: { error: 1 },
      risks: { critical: 0 },
      findings: expect.arrayContaining([
        {
          id: 'database.opens',
          group: 'database',
          severity: 'error',
          title: expect.any(String),
          detail: 'It is no file.',
          fix: expect.any(String),
        },
      ]),
    })
  })

  it('shows every check of the security audit, each with its risk, why it matters and what to do', async () => {
    const env = { TALON_LIMITS: 'off', TALON_TOKEN: 'short', TALON_LOG_LEVEL: 'debug' }
    const { exitCode, out } = await runCommand(['doctor', '--security'], { env })
    expect(exitCode).toBe(1)
    expect(out).toMatch(/^Security\n {2}✓ It listens on a loopback address/)
    expect(out).toContain('  ✗ Critical: TALON_TOKEN has 5 characters; a start refuses fewer than 32.\n')
    expect(out).toMatch(
      / {2}! Medium: All limits are off\.\n {6}One client .*\n {6}→ talon config set limits\.enabled=on\n/,
    )
    expect(out).toContain('  · Low: log.level is "debug".\n')
    expect(out).toContain('  · Note: Clients of Talon v0.3 are served.\n')
    expect(out).toMatch(/\n\n1 critical, \d medium, 1 low\.\n$/)
    expect(out).not.toContain('Program')
  })

  it('asks the gateway that runs about its settings, which may be others than those of this shell', async () => {
    const home = newHome()
    await using gateway = await testGateway({ home, env: { TALON_METRICS_PUBLIC: 'true', TALON_LOG_LEVEL: 'debug' } })
    const { exitCode, out } = await runCommand(['doctor'], { home })
    expect(exitCode).toBe(0)
    expect(out).toContain(`✓ Process ${process.pid} serves it on 127.0.0.1, port ${gateway.port}.`)
    expect(out).toContain(`✓ The gateway answers on port ${gateway.port}.`)
    expect(out).toMatch(/\nRunning gateway\n {2}✓ It takes work\.\n/)
    expect(out).toContain('· Note: Anybody who reaches it may read /metrics.')
    const security = await runCommand(['doctor', '--security'], { home })
    expect(security.out).toContain('· Low: log.level is "debug".')
  })

  it('says so if the gateway that runs does not let it ask', async () => {
    const home = newHome()
    await using gateway = await testGateway({ home })
    const env = { TALON_TOKEN: `tln_other_${'x'.repeat(43)}` }
    const { out } = await runCommand(['doctor', '--json'], { home, env })
    const report = JSON.parse(out) as Report // What the command prints.
    expect(report.findings.find(({ id }) => id === 'gateway.answers')).toMatchObject({ severity: 'warn' })
    expect(report.findings.find(({ id }) => id === 'network.port')?.title).toContain(`port ${gateway.port}`)
    expect(report.counts.warn).toBe(report.findings.filter(({ severity }) => severity === 'warn').length)
  })

  it('asks a gateway that is elsewhere', async () => {
    const home = newHome()
    await using gateway = await testGateway({ home })
    const env = { TALON_URL: gateway.url, TALON_TOKEN: testToken }
    const remote = await runCommand(['doctor', '--json'], { env })
    expect(remote.exitCode).toBe(0)
    expect(JSON.parse(remote.out)).toMatchObject({ home, running: true, ok: true })
    rmSync(join(home, 'gateway.db'))
    // Another kind of report: one of the same kind would be that of a moment ago.
    const without = await runCommand(['doctor', '--full'], { env })
    expect(without.exitCode).toBe(1)
    expect(without.out).toContain('was removed while the gateway runs')
  })
})
