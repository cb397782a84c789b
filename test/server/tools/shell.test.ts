import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { testGateway } from '../../support/gateway.ts'
import { whyNoSandbox } from '../../support/sandbox.ts'
import { workbench } from './workbench.ts'

const reason = await whyNoSandbox()

describe.skipIf(reason !== undefined)('shell_execute', () => {
  test('answers with exit code and both streams', async () => {
    await using bench = await workbench()
    await bench.tools.start()
    const result = await bench.run('shell_execute', { command: 'echo out; echo err >&2; pwd' })
    expect(result).toMatchObject({ success: true })
    expect(result.output).toBe(`Exit code 0.\n\nstdout:\nout\n${bench.workspace}\n\n\nstderr:\nerr\n`)
  })

  test('fails with what was said where the command does', async () => {
    await using bench = await workbench()
    await bench.tools.start()
    const result = await bench.run('shell_execute', { command: 'echo partly; exit 3' })
    expect(result).toMatchObject({ success: false, code: 'TOOL_FAILED', error: 'The command ended with exit code 3.' })
    expect(result.output).toContain('partly')
  })

  test('keeps its own time and shows what was said until then', async () => {
    await using bench = await workbench()
    await bench.tools.start()
    const result = await bench.run('shell_execute', { command: 'echo early; sleep 1000', timeout: 1_500 })
    expect(result).toMatchObject({ success: false, code: 'TIMEOUT', error: expect.stringContaining('1500 ms') })
    expect(result.output).toContain('early')
  })

  test('cuts a flood with head and tail kept, and ends the command', async () => {
    await using bench = await workbench({ config: { 'tools.maxOutputBytes': 65_536 } })
    await bench.tools.start()
    const result = await bench.run('shell_execute', { command: 'echo first; yes' })
    expect(result).toMatchObject({ success: false, code: 'TOO_LARGE', truncated: true })
    expect(result.output).toMatch(/first\ny\n.*bytes cut.*y\n/s)
    expect(Buffer.byteLength(result.output)).toBeLessThanOrEqual(65_536)
  })

  test('runs in a folder of the workspace, and in no other', async () => {
    await using bench = await workbench()
    await bench.tools.start()
    mkdirSync(join(bench.workspace, 'inner'))
    symlinkSync(tmpdir(), join(bench.workspace, 'out'))
    writeFileSync(join(bench.workspace, 'file'), '')
    expect((await bench.run('shell_execute', { command: 'pwd', cwd: 'inner' })).output).toContain('/inner\n')
    for (const cwd of ['..', '/etc', 'out', 'out/x', 'file', 'none', 'inner/../..', '~']) {
      expect(await bench.run('shell_execute', { command: 'pwd', cwd })).toMatchObject({ success: false, output: '' })
    }
  })

  test('tells in a dry run what the kernel would be asked, and runs nothing', async () => {
    await using bench = await workbench()
    const result = await bench.run('shell_execute', { command: 'touch ran' }, { dryRun: true })
    expect(result).toMatchObject({ success: true, dryRun: true })
    for (const word of ['"touch ran"', '--unshare-all', bench.workspace, 'no network']) {
      expect(result.output).toContain(word)
    }
    expect((await bench.run('file_list', { path: '.' })).output).toBe('. is empty.')
  })

  test('shows its output while it runs, over the wire, and other requests are served meanwhile', async () => {
    await using gateway = await testGateway()
    await gateway.app.tools.start()
    const client = gateway.client()
    const order: string[] = []
    const running = client
      .request('tools.invoke', { toolName: 'shell_execute', args: { command: 'yes', timeout: 20_000 } })
      .then(result => {
        order.push('flood')
        return result
      })
    const asleep = client
      .request('tools.invoke', { toolName: 'shell_execute', args: { command: 'sleep 1000', timeout: 3_000 } })
      .then(() => order.push('sleep'))
    for (let count = 0; count < 20; count++) await client.request('ping', {})
    order.push('pings')
    await Promise.all([running, asleep])
    expect(order.indexOf('pings')).toBeLessThan(order.indexOf('sleep'))
    expect(await running).toMatchObject({ success: false, code: 'TOO_LARGE' })
    const { components } = await client.request('gateway.status', {})
    expect(components['sandbox']).toBe('full')
  })
})

describe.skipIf(reason !== undefined)('processes that tools leave running', () => {
  const session = { sessionId: 'one' }
  const other = { sessionId: 'other' }

  test('are started, read from where one was, and stopped', async () => {
    await using bench = await workbench()
    await bench.tools.start()
    const command = 'echo hello; read line; echo never'
    const started = await bench.run('process_start', {
      command: `sleep 0.01; ${command}; sleep 1000 | cat`,
      name: 'greeter',
    })
    expect(started.success).toBe(true)
    const id = /^(p\d+) \(greeter\): /.exec(started.output)?.[1]
    expect(id).toBe('p1')
    await expect
      .poll(async () => (await bench.run('process_output', { id, waitMs: 1_000 })).output)
      .toMatch(/running .*Output:\nhello\nnever\n\n\nGo on reading with since=12\.$/s)
    expect((await bench.run('process_output', { id, since: 12 })).output).toContain('No new output.')
    expect((await bench.run('process_list', {})).output).toContain('p1 (greeter): running')
    const stopped = await bench.run('process_stop', { id })
    expect(stopped.output).toContain('ended. It was stopped by process_stop.')
    expect((await bench.run('process_list', {})).output).toContain('ended.')
  })

  test('say so at once where they fail at once', async () => {
    await using bench = await workbench()
    await bench.tools.start()
    await bench.run('process_start', { command: 'echo problem >&2; exit 4' })
    await expect
      .poll(async () => (await bench.run('process_output', { id: 'p1', waitMs: 500 })).output)
      .toMatch(/ended\. Exit code 4\..*problem/s)
  })

  test('are seen by their session alone', async () => {
    await using bench = await workbench()
    for (const { sessionId: id } of [session, other]) {
      await bench.store.createSession({ id, senderId: 'ann', channel: 'web', at: 1 })
    }
    await bench.tools.start()
    await bench.run('process_start', { command: 'sleep 1000' }, session)
    expect((await bench.run('process_list', {}, session)).output).toContain('p1: running')
    expect((await bench.run('process_list', {}, other)).output).toContain('No process runs here')
    for (const [tool, args] of [
      ['process_output', { id: 'p1' }],
      ['process_stop', { id: 'p1' }],
    ] as const) {
      expect(await bench.run(tool, args, other)).toMatchObject({ success: false, code: 'NOT_FOUND' })
      expect(await bench.run(tool, args)).toMatchObject({ success: false, code: 'NOT_FOUND' })
    }
  })

  test('are bounded for each session', async () => {
    await using bench = await workbench()
    await bench.store.createSession({ id: session.sessionId, senderId: 'ann', channel: 'web', at: 1 })
    await bench.tools.start()
    const start = () => bench.run('process_start', { command: 'sleep 1000' }, session)
    const started = await Promise.all(Array.from({ length: 10 }, start))
    expect(started.filter(({ success }) => success)).toHaveLength(8)
    expect(started.find(({ success }) => !success)).toMatchObject({ code: 'OVERLOADED' })
  })

  test('end with their session, and at the latest with the gateway', async () => {
    const gateway = await testGateway()
    const { app } = gateway
    const client = gateway.client()
    await app.tools.start()
    const ids: string[] = []
    for (const senderId of ['reset', 'deleted', 'kept']) {
      const { sessionId } = await client.request('session.create', { senderId, channel: 'test' })
      ids.push(sessionId)
      const args = { command: 'sleep 1000' }
      await client.request('tools.invoke', { toolName: 'process_start', args, sessionId })
    }
    const [reset = '', deleted = '', kept = ''] = ids
    const runningIn = (id: string) => app.processes.list(`session ${id}`).filter(({ running }) => running).length
    expect(ids.map(runningIn)).toEqual([1, 1, 1])
    await client.request('session.reset', { sessionId: reset })
    await client.request('session.delete', { sessionId: deleted })
    await expect.poll(() => ids.map(runningIn)).toEqual([0, 0, 1])
    await gateway[Symbol.asyncDispose]()
    expect(runningIn(kept)).toBe(0)
  })
})
