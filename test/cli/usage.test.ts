import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, newSession } from '../server/api/rest.ts'
import { type TestGateway, testGateway } from '../support/gateway.ts'
import { newHome, runCommand } from './command.ts'

describe('talon usage', () => {
  let gateway: TestGateway
  let sessionId: string
  beforeAll(async () => {
    gateway = await testGateway({ env: { TALON_BUDGET_DAILY_TOKENS: '1000000' } })
    sessionId = await newSession(gateway)
    await converse(gateway, sessionId, 'one two three')
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  const usage = (...argv: string[]) => runCommand(['usage', ...argv], { home: gateway.home })

  it('shows what was spent, the sum of it, and the budgets', async () => {
    const { exitCode, out, err } = await usage()
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toMatch(/^day +runs +calls +input +output +cost \(USD\) +unpriced +tools +time\n/)
    expect(out).toMatch(/\n\d{4}-\d\d-\d\d +1 +1 +\d+ +\d+ +0\.00 +0 +0 +\d+ m?s/)
    expect(out).toMatch(/\nin all +1 +1 /)
    expect(out).toMatch(/\ndailyTokens +\d+ of 1,000,000 tokens +0 % +0 +\d{4}-\d\d-\d\d 00:00 UTC\n$/)
  })

  it('adds it up by model, session and token', async () => {
    expect((await usage('--by', 'model')).out).toMatch(/^model .*\noffline\/offline +1 /)
    expect((await usage('--by', 'session')).out).toContain(`\n${sessionId} `)
    expect((await usage('--by', 'token')).out).toMatch(/^token .*\n\S.*\nin all /)
  })

  it('prints JSON and CSV for programs', async () => {
    const report = JSON.parse((await usage('--by', 'model', '--limit', '1', '--json')).out)
    expect(report).toMatchObject({ by: 'model', more: expect.any(Boolean), total: { runs: 1, costUsd: 0 } })
    const { out } = await usage('--by', 'model', '--csv')
    expect(out).toMatch(/^provider,model,runs,.*\r\noffline,offline,1,/)
  })

  it('says that nothing was spent, and what is wrong with what was asked', async () => {
    const nothing = await usage('--from', '2001-01-01', '--to', '2001-02-01')
    expect(nothing).toMatchObject({ exitCode: 0, err: 'Nothing was spent from 2001-01-01 to 2001-02-01.\n' })
    for (const format of [[], ['--csv']]) {
      const wrong = await usage('--from', 'yesterday', ...format)
      expect(wrong).toMatchObject({ exitCode: 1, err: expect.stringContaining('must be a day such as 2026-11-23') })
    }
    expect(await usage('--by', 'colour')).toMatchObject({ exitCode: 2 })
    expect(await usage('--limit', '0')).toMatchObject({ exitCode: 2, err: expect.stringContaining('1 to 10,000') })
    expect(await usage('--json', '--csv')).toMatchObject({ exitCode: 2 })
  })

  it('says how to start a gateway where none runs', async () => {
    for (const format of [[], ['--csv']]) {
      expect(await runCommand(['usage', ...format], { home: newHome() })).toMatchObject({
        exitCode: 3,
        err: expect.stringContaining('talon start'),
      })
    }
  })
})
