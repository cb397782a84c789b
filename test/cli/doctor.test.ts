import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { testGateway, testToken } from '../support/gateway.ts'
import { treeOf } from '../support/tree.ts'
import { newHome, runCommand } from './command.ts'

describe('talon doctor', () => {
  it('finds no trouble in a folder that is new, and leaves it as it was', async () => {
    const home = newHome()
    const before = treeOf(home)
    const { exitCode, out, err } = await runCommand(['doctor'], { home })
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toMatch(/^Program\n {2}✓ Node \d/)
    expect(out).toMatch(/\nDatabase\n {2}· There is no database yet\.\n {6}→ Nothing: the first start makes it\.\n/)
    expect(out).toMatch(/\n\nNo trouble found\.\n$/)
    expect(treeOf(home)).toEqual(before)
  })

  it('exits with 0 for warnings and with 1 for errors, and says what to do about each', async () => {
    const home = newHome()
    chmodSync(home, 0o755)
    const warned = await runCommand(['doctor'], { home })
    expect(warned.exitCode).toBe(0)
    expect(warned.out).toContain(
      `  ! Warning: Its mode is 755, and should be 700.\n      Other accounts of this machine may look into it.\n      → chmod 700 ${home}\n`,
    )
    expect(warned.out).toMatch(/\n0 errors, 1 warning\.\n$/)
    writeFileSync(join(home, 'gateway.db'), 'no database '.repeat(100), { mode: 0o600 })
    const failed = await runCommand(['doctor'], { home })
    expect(failed.exitCode).toBe(1)
    expect(failed.out).toContain(`  ✗ Error: The database ${join(home, 'gateway.db')} cannot be used.\n`)
    expect(failed.out).toMatch(/\n1 error, 1 warning\.\n$/)
  })

  it('prints the same for a program', async () => {
    const home = newHome()
    mkdirSync(join(home, 'gateway.db'))
    const { exitCode, out } = await runCommand(['doctor', '--json', '--full'], { home })
    expect(exitCode).toBe(1)
    expect(JSON.parse(out)).toMatchObject({
      home,
      version: '9.9.9',
      running: false,
      ok: false,
      counts: { error: 1 },
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

  it('works beside a gateway that runs, and asks one that is elsewhere', async () => {
    const home = newHome()
    await using gateway = await testGateway({ home })
    const { exitCode, out } = await runCommand(['doctor'], { home })
    expect(exitCode).toBe(0)
    expect(out).toContain(`✓ Process ${process.pid} serves it on 127.0.0.1, port ${gateway.port}.`)
    const env = { TALON_URL: gateway.url, TALON_TOKEN: testToken }
    const remote = await runCommand(['doctor', '--json'], { env })
    expect(remote.exitCode).toBe(0)
    expect(JSON.parse(remote.out)).toMatchObject({ home, running: true, ok: true })
    rmSync(join(home, 'gateway.db'))
    const without = await runCommand(['doctor'], { env })
    expect(without.exitCode).toBe(1)
    expect(without.out).toContain('was removed while the gateway runs')
  })
})
