import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { TalonError } from '../../../src/protocol/errors.ts'
import { runChild } from '../../../src/server/tools/child.ts'
import fileWrite from '../../../src/server/tools/file_write.ts'
import { gatedTool, request, toolThat, workbench } from './workbench.ts'

// A machine that does much else may take its time.
const waiting = { timeout: 15_000, interval: 20 }

describe('what is refused', () => {
  test('an unknown tool rejects with the names that come nearest', async () => {
    await using bench = await workbench()
    const failure = bench.run('file_raed', {})
    await expect(failure).rejects.toMatchObject({ code: 'TOOL_NOT_FOUND' })
    await expect(failure).rejects.toThrow(/"file_raed".*nearest are file_read, file_/)
  })

  test('names of object prototypes are no tools', async () => {
    await using bench = await workbench()
    for (const name of ['__proto__', 'constructor', 'toString']) {
      await expect(bench.run(name, {})).rejects.toMatchObject({ code: 'TOOL_NOT_FOUND' })
    }
  })

  test.each([
    [{}, /"path" is missing/],
    [{ path: 7 }, /"path" is wrong \(expected string, received number\)/],
    [{ path: 'a', startLine: '3' }, /"startLine" is wrong \(expected number, received string\)/],
    [{ path: 'a', startLine: 0 }, /"startLine" is wrong/],
    [{ path: 'a', startLine: 1.5 }, /"startLine" is wrong/],
    [{ path: 'a', start_line: 1 }, /there is no "start_line" \(did you mean "startLine"\?/],
  ])('arguments %j are answered with what is wrong, what was expected and an example', async (args, message) => {
    await using bench = await workbench()
    const outcome = await bench.run('file_read', args)
    expect(outcome).toMatchObject({ success: false, code: 'INVALID_MESSAGE', output: '' })
    expect(outcome.error).toMatch(message)
    expect(outcome.error).toContain('Example: {"path":"notes.txt"')
  })

  test('null stands for an argument that is left out', async () => {
    await using bench = await workbench()
    expect(await bench.run('file_list', { path: '.', pattern: null })).toMatchObject({ success: true })
  })

  test.each(['exec', 'network'] as const)(
    'a tool that needs %s does not run for who may only read, and is listed all the same',
    async kind => {
      let ran = false
      const tool = toolThat(
        async () => {
          ran = true
          return ''
        },
        { permission: kind },
      )
      await using bench = await workbench({ tools: [tool], profileOf: () => 'read-only' })
      const outcome = await bench.run('test_tool', {}, { request: request('r1') })
      expect(outcome).toMatchObject({ success: false, code: 'FORBIDDEN', decision: { allowed: false } })
      expect(outcome.error).toContain('"read-only" allows only tools that change nothing')
      expect(ran).toBe(false)
      expect(bench.tools.list()).toMatchObject([{ available: true }])
      expect(await bench.store.findInvocation(request('r1'))).toBeUndefined()
      expect(await bench.store.getInvocationItem(outcome.invocationId)).toMatchObject({
        success: false,
        code: 'FORBIDDEN',
        decision: { rule: 'read-only' },
      })
    },
  )

  test('a tool that does not work on this machine says why and does not run', async () => {
    const tool = toolThat(async () => 'never', { available: () => 'It needs a printer.' })
    await using bench = await workbench({ tools: [tool] })
    expect(await bench.run('test_tool', {})).toMatchObject({ success: false, error: 'It needs a printer.' })
  })
})

describe('results', () => {
  test('a run that may change something is recorded before it acts, and its result after', async () => {
    const { tool, started, open } = gatedTool('write')
    await using bench = await workbench({ tools: [tool] })
    const running = bench.run('test_tool', {})
    const { invocationId } = await started
    expect(await bench.store.getInvocation(invocationId)).toMatchObject({ toolName: 'test_tool', outcome: null })
    open()
    const outcome = await running
    expect(outcome).toMatchObject({
      success: true,
      output: 'run 1',
      decision: { allowed: true, rule: 'workspace.write' },
    })
    expect(await bench.store.getInvocation(invocationId)).toMatchObject({ outcome, tokenId: 'token' })
  })

  test('a run that can change nothing is recorded with its result before it is answered, and counted', async () => {
    await using bench = await workbench({ tools: [toolThat(async () => 'done')] })
    const asked = Array.from({ length: 300 }, (_, index) =>
      bench.run('test_tool', {}, { request: request(`r${index}`) }).then(async outcome => {
        expect(await bench.store.getInvocation(outcome.invocationId)).toMatchObject({ outcome, tokenId: 'token' })
        expect(await bench.store.findInvocation(request(`r${index}`))).toMatchObject({ id: outcome.invocationId })
      }),
    )
    await Promise.all(asked)
    const { total } = await bench.store.usage({ from: 0, to: Date.now() + 1, by: 'token', limit: 10 })
    expect(total.toolCalls).toBe(300)
  })

  test('one that takes long is in the history while it runs, whatever it may do', async () => {
    const { tool, started, open } = gatedTool()
    await using bench = await workbench({ tools: [tool] })
    const running = bench.run('test_tool', {})
    const { invocationId } = await started
    await expect.poll(() => bench.store.getInvocation(invocationId), waiting).toMatchObject({ outcome: null })
    open()
    const outcome = await running
    expect(await bench.store.getInvocation(invocationId)).toMatchObject({ outcome })
  })

  test('a budget of tool calls is held to before a tool runs, whatever it may do', async () => {
    const { tool, started, open } = gatedTool()
    await using bench = await workbench({ tools: [tool], config: { 'budget.dailyToolCalls': 9 } })
    const running = bench.run('test_tool', {})
    const { invocationId } = await started
    expect(await bench.store.getInvocation(invocationId)).toMatchObject({ outcome: null })
    open()
    await running
  })

  test('an error that is meant to be seen is told with its code', async () => {
    const tool = toolThat(async () => {
      throw new TalonError('NOT_FOUND', 'No such note.')
    })
    await using bench = await workbench({ tools: [tool] })
    expect(await bench.run('test_tool', {})).toMatchObject({
      success: false,
      error: 'No such note.',
      code: 'NOT_FOUND',
    })
  })

  test('any other error is logged and not told', async () => {
    const tool = toolThat(async () => {
      throw new Error('password is hunter2')
    })
    await using bench = await workbench({ tools: [tool] })
    const outcome = await bench.run('test_tool', {})
    expect(outcome).toMatchObject({ success: false, error: 'Internal error.', code: 'INTERNAL' })
    expect(bench.lines.some(line => line.includes(outcome.invocationId) && line.includes('hunter2'))).toBe(true)
  })

  test('output over the limit keeps head and tail and says how much was cut', async () => {
    const tool = toolThat(async () => `begin ${'é'.repeat(50_000)} end`)
    await using bench = await workbench({ tools: [tool], config: { 'tools.maxOutputBytes': 2_048 } })
    const { output, truncated } = await bench.run('test_tool', {})
    expect(truncated).toBe(true)
    expect(Buffer.byteLength(output)).toBeLessThanOrEqual(2_048)
    expect(output).toMatch(/^begin é+\n\[… \d+ bytes cut …\]\né+ end$/)
  })

  test('a dry run tells what would happen and changes nothing', async () => {
    await using bench = await workbench()
    const outcome = await bench.run('file_write', { path: 'deep/new.txt', content: 'one\ntwo\n' }, { dryRun: true })
    expect(outcome).toMatchObject({ success: true, dryRun: true, decision: { allowed: true, rule: 'workspace.write' } })
    expect(outcome.output).toContain('Would write 8 bytes into deep/new.txt, a new file.')
    expect(outcome.output).toContain('+one\n+two')
    expect(readdirSync(bench.workspace)).toEqual([])
    expect(await bench.store.getInvocation(outcome.invocationId)).toMatchObject({ outcome: { dryRun: true } })
  })
})

describe('time', () => {
  test('a run that takes too long ends with TIMEOUT, and its signal says so', async () => {
    const { tool, started } = gatedTool()
    await using bench = await workbench({ tools: [tool] })
    const running = bench.run('test_tool', {}, { timeoutMs: 30 })
    const { signal } = await started
    expect(await running).toMatchObject({ success: false, code: 'TIMEOUT' })
    expect(signal.reason).toMatchObject({ code: 'TIMEOUT' })
  })

  test('the time of the settings holds where neither caller nor tool names one', async () => {
    const { tool } = gatedTool()
    await using bench = await workbench({ tools: [tool], config: { 'tools.timeoutMs': 25 } })
    expect((await bench.run('test_tool', {})).error).toContain('within 25 ms')
  })

  test('a tool that never heeds its signal is given up after a grace', { timeout: 15_000 }, async () => {
    const tool = toolThat(() => new Promise(() => {}))
    await using bench = await workbench({ tools: [tool] })
    expect(await bench.run('test_tool', {}, { timeoutMs: 10 })).toMatchObject({ success: false, code: 'TIMEOUT' })
  })

  test('cancel by id ends a run with CANCELLED; a second cancel finds nothing', async () => {
    const { tool, started } = gatedTool()
    await using bench = await workbench({ tools: [tool] })
    const running = bench.run('test_tool', {})
    const { invocationId } = await started
    expect(bench.tools.cancel(invocationId)).toBe(true)
    expect(await running).toMatchObject({ success: false, code: 'CANCELLED', invocationId })
    expect(bench.tools.cancel(invocationId)).toBe(false)
    expect(bench.tools.cancel('unknown')).toBe(false)
  })

  test('cancel by the id of the request ends a run for its own token only', async () => {
    const { tool, started } = gatedTool()
    await using bench = await workbench({ tools: [tool] })
    const running = bench.run('test_tool', {}, { request: request('r1') })
    await started
    expect(bench.tools.cancel('r1')).toBe(false)
    expect(bench.tools.cancel('r1', 'stranger')).toBe(false)
    expect(bench.tools.cancel('r1', 'token')).toBe(true)
    expect(await running).toMatchObject({ success: false, code: 'CANCELLED' })
    expect(bench.tools.cancel('r1', 'token')).toBe(false)
  })

  test("the caller's signal cancels a run, and one that has aborted already begins none", async () => {
    const { tool, started, runs } = gatedTool()
    await using bench = await workbench({ tools: [tool] })
    const stop = new AbortController()
    const running = bench.run('test_tool', {}, { signal: stop.signal })
    await started
    stop.abort()
    expect(await running).toMatchObject({ success: false, code: 'CANCELLED' })
    const late = await bench.run('test_tool', {}, { signal: stop.signal, request: request('late') })
    expect(late).toMatchObject({ success: false, code: 'CANCELLED' })
    expect(runs()).toBe(1)
    expect(await bench.store.getInvocation(late.invocationId)).toBeUndefined()
  })

  test('a cancelled tool takes a process tree that ignores SIGTERM with it', async () => {
    const ready = Promise.withResolvers<void>()
    const tool = toolThat(async ({ signal, invocationId, workspace }) => {
      const script = `trap '' TERM; (trap '' TERM; echo ready; while :; do sleep 0.1; done) & wait; while :; do sleep 0.1; done`
      const input = { command: '/bin/sh', args: ['-c', script], cwd: workspace, env: { PATH: '/usr/bin:/bin' }, signal }
      await runChild({
        ...input,
        id: invocationId,
        maxOutputBytes: 4_096,
        killGraceMs: 100,
        onOutput: () => ready.resolve(),
      })
      return ''
    })
    await using bench = await workbench({ tools: [tool] })
    const running = bench.run('test_tool', {})
    await ready.promise
    const marked = () => processesWith('TALON_RUN=id-1')
    expect(marked().length).toBeGreaterThanOrEqual(2)
    bench.tools.cancel('id-1')
    expect(await running).toMatchObject({ success: false, code: 'CANCELLED' })
    expect(marked()).toEqual([])
  })
})

describe('many at once', () => {
  test('no more run than there are slots; the others wait their turn', async () => {
    let now = 0
    let most = 0
    const tool = toolThat(async () => {
      most = Math.max(most, ++now)
      await delay(5)
      now -= 1
      return ''
    })
    await using bench = await workbench({ tools: [tool], config: { 'tools.maxConcurrent': 3 } })
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => bench.run('test_tool', {})))
    expect(outcomes.every(outcome => outcome.success)).toBe(true)
    expect(most).toBe(3)
  })

  test('over the places to wait it answers OVERLOADED, and the same request works later', async () => {
    const { tool, started, open } = gatedTool()
    await using bench = await workbench({ tools: [tool], config: { 'tools.maxConcurrent': 1 } })
    const first = bench.run('test_tool', {})
    await started
    const waiting = Array.from({ length: 1_024 }, () => bench.run('test_tool', {}))
    const refused = bench.run('test_tool', {}, { request: request('again') })
    await expect(refused).rejects.toMatchObject({ code: 'OVERLOADED', extras: { retryAfterMs: expect.any(Number) } })
    open()
    await Promise.all([first, ...waiting])
    expect(await bench.run('test_tool', {}, { request: request('again') })).toMatchObject({ success: true })
  })

  test('a wait that takes longer than the run may ends with OVERLOADED', async () => {
    const { tool, started, open } = gatedTool()
    await using bench = await workbench({ tools: [tool], config: { 'tools.maxConcurrent': 1 } })
    const first = bench.run('test_tool', {})
    await started
    await expect(bench.run('test_tool', {}, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'OVERLOADED' })
    open()
    expect(await first).toMatchObject({ success: true })
  })

  test('a run that waits can be cancelled, and frees its place', async () => {
    const { tool, started, open, runs } = gatedTool()
    await using bench = await workbench({ tools: [tool], config: { 'tools.maxConcurrent': 1 } })
    const first = bench.run('test_tool', {})
    await started
    const waiting = bench.run('test_tool', {})
    expect(bench.tools.cancel('id-2')).toBe(true)
    expect(await waiting).toMatchObject({ success: false, code: 'CANCELLED' })
    open()
    await first
    expect(runs()).toBe(1)
  })
})

describe('the same request again', () => {
  test('while it runs, waits for the same result', async () => {
    const { tool, runs, started, open } = gatedTool()
    await using bench = await workbench({ tools: [tool] })
    const first = bench.run('test_tool', {}, { request: request('r1') })
    const second = bench.run('test_tool', {}, { request: request('r1') })
    await started
    const third = bench.run('test_tool', {}, { request: request('r1') })
    open()
    const outcome = await first
    expect(await second).toEqual({ ...outcome, duplicate: true })
    expect(await third).toEqual({ ...outcome, duplicate: true })
    expect(outcome.duplicate).toBeUndefined()
    expect(runs()).toBe(1)
  })

  test('afterwards, gets the stored result, also after a restart', async () => {
    await using bench = await workbench()
    const args = { path: 'log.txt', content: 'once\n', append: true }
    const first = await bench.run('file_write', args, { request: request('r1') })
    expect(await bench.run('file_write', args, { request: request('r1') })).toEqual({ ...first, duplicate: true })
    const later = bench.restarted()
    const again = await later.run({ toolName: 'file_write', args, tokenId: 'token', request: request('r1') })
    expect(again).toEqual({ ...first, duplicate: true })
    expect(readFileSync(join(bench.workspace, 'log.txt'), 'utf8')).toBe('once\n')
  })

  test('with another payload is a CONFLICT, while it runs and afterwards', async () => {
    const { tool, started, open } = gatedTool()
    await using bench = await workbench({ tools: [tool] })
    const first = bench.run('test_tool', {}, { request: request('r1') })
    await started
    const other = () => bench.run('test_tool', {}, { request: request('r1', 'other') })
    await expect(other()).rejects.toMatchObject({ code: 'CONFLICT' })
    open()
    await first
    await expect(other()).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('of another token is another request', async () => {
    await using bench = await workbench()
    const args = { path: 'log.txt', content: 'x', append: true }
    await bench.run('file_write', args, { request: request('r1') })
    await bench.run('file_write', args, { request: { ...request('r1'), tokenId: 'second' } })
    expect(readFileSync(join(bench.workspace, 'log.txt'), 'utf8')).toBe('xx')
  })

  test('after a crash is INTERRUPTED and never runs again', async () => {
    const { tool, runs, started, open } = gatedTool('write')
    await using bench = await workbench({ tools: [tool] })
    const lost = bench.run('test_tool', {}, { request: request('r1') })
    await started
    const again = { toolName: 'test_tool', args: {}, tokenId: 'token', request: request('r1') }
    const before = await bench.restarted().run(again)
    expect(before).toMatchObject({ success: false, code: 'INTERRUPTED', duplicate: true })
    await bench.store.interruptInvocations({ at: Date.now() })
    const after = await bench.restarted().run(again)
    expect(after).toMatchObject({ success: false, code: 'INTERRUPTED', invocationId: 'id-1', duplicate: true })
    expect(runs()).toBe(1)
    open()
    await lost
  })

  test.each([
    ['no tool', 'file_raed', {}],
    ['arguments that are wrong', 'file_write', { path: 7 }],
    ['a tool that may not run', 'exec_tool', {}],
    ['a session that is not there', 'file_write', { path: 'b.txt', content: '' }],
  ])('with a payload of %s is a CONFLICT all the same', async (_what, toolName, args) => {
    const denied = toolThat(async () => '', { permission: 'exec' })
    await using bench = await workbench({ tools: [fileWrite, { ...denied, name: 'exec_tool' }] })
    await bench.run('file_write', { path: 'a.txt', content: '' }, { request: request('r1') })
    const other = bench.run(toolName, args, { sessionId: 'none-such', request: request('r1', 'other') })
    await expect(other).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(readdirSync(bench.workspace)).toEqual(['a.txt'])
  })

  test('gets the stored result also when the tool is gone or its session deleted since', async () => {
    await using bench = await workbench()
    await bench.store.createSession({ id: 's', senderId: 'ann', channel: 'web', at: 1 })
    const again = { sessionId: 's', request: request('r1') }
    const first = await bench.run('file_list', { path: '.' }, again)
    expect(first).toMatchObject({ success: true })
    await bench.store.deleteSession({ sessionId: 's', at: 2, cut: { messageId: 'cut' } })
    expect(await bench.run('file_list', { path: '.' }, again)).toEqual({ ...first, duplicate: true })
    const withoutTools = bench.restarted([])
    const repeated = await withoutTools.run({ toolName: 'file_list', args: { path: '.' }, tokenId: 'token', ...again })
    expect(repeated).toEqual({ ...first, duplicate: true })
    const fresh = bench.run('file_list', { path: '.' }, { sessionId: 's', request: request('r2') })
    await expect(fresh).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND', extras: { sessionId: 's' } })
  })

  test('of a dry run gets the result of the first, and in earnest it is a CONFLICT', async () => {
    await using bench = await workbench()
    const args = { path: 'a.txt', content: 'one\n' }
    const dry = { dryRun: true, request: request('r1', 'dry') }
    const [first, meanwhile] = await Promise.all([1, 2].map(() => bench.run('file_write', args, dry)))
    expect(first).toMatchObject({ success: true, dryRun: true })
    expect(meanwhile).toEqual({ ...first, duplicate: true })
    expect(await bench.run('file_write', args, dry)).toEqual({ ...first, duplicate: true })
    const earnest = bench.run('file_write', args, { request: request('r1', 'earnest') })
    await expect(earnest).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(readdirSync(bench.workspace)).toEqual([])
  })

  test('of a dry run that a crash interrupted says that it was one', async () => {
    await using bench = await workbench()
    await bench.store.beginInvocation({
      id: 'lost',
      tokenId: 'token',
      sessionId: null,
      runId: null,
      toolName: 'file_list',
      args: {},
      startedAt: 1,
      request: request('r1'),
    })
    await bench.store.interruptInvocations({ at: 2 })
    const repeated = await bench.run('file_list', {}, { dryRun: true, request: request('r1') })
    expect(repeated).toMatchObject({ invocationId: 'lost', code: 'INTERRUPTED', dryRun: true, duplicate: true })
  })

  test('after a refusal is tried anew', async () => {
    await using bench = await workbench()
    const wrong = await bench.run('file_write', { path: 'a.txt' }, { request: request('r1', 'wrong') })
    expect(wrong).toMatchObject({ success: false, code: 'INVALID_MESSAGE' })
    const right = await bench.run('file_write', { path: 'a.txt', content: '' }, { request: request('r1', 'right') })
    expect(right).toMatchObject({ success: true })
    expect(existsSync(join(bench.workspace, 'a.txt'))).toBe(true)
  })
})

function processesWith(mark: string): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)
    } catch {
      return false
    }
  })
}
