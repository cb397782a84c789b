import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type ChildInput, runChild } from '../../../src/server/tools/child.ts'

const folder = mkdtempSync(join(tmpdir(), 'talon-child-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

function shell(script: string, more: Partial<ChildInput> = {}): ChildInput {
  const id = `child-${process.pid}-${++count}`
  const env = { PATH: '/usr/bin:/bin' }
  const signal = new AbortController().signal
  return { command: '/bin/sh', args: ['-c', script], cwd: folder, env, signal, id, maxOutputBytes: 65_536, ...more }
}

function living(id: string): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(id)
    } catch {
      return false
    }
  })
}

test('a program gives its output, its errors and its exit code', async () => {
  const result = await runChild(shell('cat; echo problem >&2; exit 3', { stdin: 'hello' }))
  expect(result).toEqual({ exitCode: 3, signal: null, stdout: 'hello', stderr: 'problem\n', truncated: false })
})

test('a program sees nothing of our environment', async () => {
  process.env.TALON_CANARY = 'secret'
  const { stdout } = await runChild(shell('env'))
  delete process.env.TALON_CANARY
  expect(stdout).not.toContain('secret')
  expect(stdout.split('\n').filter(line => /^(HOME|USER|NODE)/.test(line))).toEqual([])
})

test('a program that does not exist is an error, not a crash', async () => {
  await expect(runChild({ ...shell(''), command: '/no/such/program' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a flood of output is bounded and keeps both ends', async () => {
  const result = await runChild(shell('echo first; yes | head -c 20000000; echo last'))
  expect(result.truncated).toBe(true)
  expect(result.stdout.length).toBeLessThanOrEqual(65_536)
  expect(result.stdout).toMatch(/^first\n.*bytes cut.*last\n$/s)
})

test('what is left in the background ends with the program', async () => {
  const input = shell('sleep 1000 & (setsid sleep 1001 >/dev/null 2>&1 &) ; echo done')
  const startedAt = performance.now()
  expect((await runChild(input)).stdout).toBe('done\n')
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  expect(living(input.id)).toEqual([])
})

test('an abort asks the tree to end first', async () => {
  const stop = new AbortController()
  const input = shell(`trap 'echo bye > told; exit 0' TERM; echo ready; while :; do sleep 0.05; done`, {
    signal: stop.signal,
    onOutput: () => stop.abort(new Error('enough')),
  })
  await expect(runChild(input)).rejects.toThrow('enough')
  expect(existsSync(join(folder, 'told'))).toBe(true)
  expect(living(input.id)).toEqual([])
})

test('an abort kills what ignores SIGTERM, has forked, and has left session and group', async () => {
  const stop = new AbortController()
  const stubborn = `trap '' TERM; while :; do sleep 0.05; done`
  const input = shell(
    `trap '' TERM
     (${stubborn}) &
     setsid sh -c "${stubborn.replaceAll('"', '')}" >/dev/null 2>&1 &
     (setsid sh -c "${stubborn.replaceAll('"', '')}" >/dev/null 2>&1 &)
     sleep 0.2; echo ready
     ${stubborn}`,
    { signal: stop.signal, killGraceMs: 100 },
  )
  const alive = Promise.withResolvers<number>()
  const running = runChild({
    ...input,
    onOutput: () => {
      alive.resolve(living(input.id).length)
      stop.abort(new Error('enough'))
    },
  })
  await expect(running).rejects.toThrow('enough')
  expect(await alive.promise).toBeGreaterThanOrEqual(4)
  expect(living(input.id)).toEqual([])
})

test('a signal that has aborted already starts nothing', async () => {
  await expect(runChild(shell('touch started', { signal: AbortSignal.abort(new Error('no')) }))).rejects.toThrow('no')
  expect(existsSync(join(folder, 'started'))).toBe(false)
})

test('a program that does not read what it is given does no harm', async () => {
  const result = await runChild(shell('exit 0', { stdin: 'x'.repeat(5_000_000) }))
  expect(result.exitCode).toBe(0)
})
