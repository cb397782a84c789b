import { expect, test } from 'vitest'
import { type PoolFigures, poolLines } from '../../src/cli/pools.ts'
import { createRecorder } from '../../src/db/histogram.ts'
import { converse, newSession } from '../server/api/rest.ts'
import { testGateway } from '../support/gateway.ts'
import { runCommand } from './command.ts'

test('status --verbose says what the pools and the caches do', async () => {
  const baseUrl = 'http://127.0.0.1:9/v1'
  const providers = [{ name: 'acme', kind: 'openai-compatible', baseUrl, models: ['m'] }]
  await using gateway = await testGateway({
    env: { TALON_AGENT_PROVIDERS: JSON.stringify(providers), TALON_AGENT_MODEL: 'offline' },
  })
  await converse(gateway, await newSession(gateway), 'Hello')
  await gateway.fetch('/api/v1/usage')
  const { exitCode, out, err } = await runCommand(['status', '--verbose'], { home: gateway.home })
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
  expect(out).toMatch(/^ {2}writer {3}\d+ commands in \d+ commits \([\d.]+ each, \d+ at most\), \d+ waiting$/m)
  expect(out).toMatch(/^ {11}commit [\d.]+ m?s \([\d.]+ m?s at most\), wait [\d.]+ m?s \([\d.]+ m?s at most\)$/m)
  expect(out).toMatch(/^ {2}readers {2}0 of \d busy, 0 waiting, 1 reads$/m)
  expect(out).toMatch(/^ {2}cache {4}sessions: [\d.]+ % of \d+ reads, holds 1 of \d+$/m)
  expect(out).toContain('  sockets  acme (http://127.0.0.1:9): 0 open, 0 free, 0 calls running, 0 waiting\n')
  const plain = await runCommand(['status'], { home: gateway.home })
  expect(plain.out).not.toContain('writer')
})

test('status --verbose --json has the figures as the interface gives them', async () => {
  await using gateway = await testGateway()
  const { exitCode, out } = await runCommand(['status', '--verbose', '--json'], { home: gateway.home })
  expect(exitCode).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    running: true,
    pools: { writer: { commits: expect.any(Number) }, readers: { busy: 0 }, http: [], caches: expect.any(Array) },
  })
})

test('what went wrong in a pool is named only where something did', () => {
  const none = createRecorder([1]).read()
  const counted = { bounds: [1], counts: [1, 1], count: 2, sum: 3_000, max: 2_500 }
  const figures: PoolFigures = {
    writer: {
      ...{ commits: 2, commands: 8, failedCommits: 1, refused: 3, waiting: 4, waitingChars: 5 },
      ...{ commandsPerCommit: { ...counted, sum: 8, max: 6 }, commitMs: counted, waitMs: none },
    },
    readers: {
      ...{ size: 2, busy: 1, idle: 1, stuck: 1, waiting: 6, oldestMs: 7, runs: 9 },
      ...{ timeouts: 1, cancelled: 2, refused: 3, crashes: 4, waitMs: none, runMs: none },
    },
    caches: [{ name: 'tools', hits: 0, misses: 0, evictions: 5, size: 0, max: 1, ttlMs: 1 }],
    http: [],
  }
  expect(poolLines(figures)).toEqual([
    '  writer   8 commands in 2 commits (4.0 each, 6 at most), 4 waiting, 3 refused, 1 failed commits',
    '           commit 1.5 s (2.5 s at most), wait not yet',
    '  readers  1 of 2 busy, 6 waiting, 9 reads, 3 refused, 1 timed out, 2 cancelled, 4 crashed, 1 stuck',
    '           read not yet, wait not yet',
    '  cache    tools: 0 % of 0 reads, holds 0 of 1, 5 evicted',
  ])
})
