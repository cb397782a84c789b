import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { whyNoSandbox } from '../../../support/sandbox.ts'
import { type Walled, walled } from './walled.ts'

const reason = await whyNoSandbox()
let count = 0

/** A signal that aborts when the command says this word. */
function uponWord(word: string, more: { killGraceMs?: number } = {}) {
  const stop = new AbortController()
  let said = ''
  const onOutput = (_stream: string, chunk: Buffer) => {
    said += chunk
    if (said.includes(word)) stop.abort(new Error('enough'))
  }
  return { signal: stop.signal, onOutput, id: `fault-${process.pid}-${++count}`, ...more }
}

/** Processes of this machine that carry the mark of a run. */
function living(id: string): string[] {
  return readdirSync('/proc').filter(pid => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(id)
    } catch {
      return false
    }
  })
}

const id = () => `fault-${process.pid}-${++count}`

describe.skipIf(reason !== undefined)('a command in the sandbox that misbehaves', () => {
  test('never ends: it is asked to first, and may do what it has to', async () => {
    await using bench = await walled()
    const stop = uponWord('ready')
    const script = `trap 'echo bye > told; exit 0' TERM; echo ready; while :; do sleep 0.02; done`
    await expect(bench.shell(script, stop)).rejects.toThrow('enough')
    expect(existsSync(join(bench.workspace, 'told'))).toBe(true)
    expect(living(stop.id)).toEqual([])
  })

  test('ignores SIGTERM, forks twice and leaves its session: all of it is killed', async () => {
    await using bench = await walled()
    const stubborn = "trap '' TERM HUP INT; while :; do sleep 0.05; done"
    const script = `
      trap '' TERM HUP INT
      (setsid sh -c "${stubborn}" >/dev/null 2>&1 </dev/null &)
      (setsid setsid nohup sh -c "${stubborn}" >/dev/null 2>&1 </dev/null &) &
      sleep 0.2; echo ready; ${stubborn}`
    const stop = uponWord('ready')
    await expect(bench.shell(script, stop)).rejects.toThrow('enough')
    expect(living(stop.id)).toEqual([])
  })

  test('ends and leaves something in the background that holds the pipe: the answer does not wait for it', async () => {
    await using bench = await walled()
    const run = id()
    const result = await bench.shell('sleep 1000 & (setsid sleep 1001 &) ; echo done', { id: run })
    expect(result).toMatchObject({ exitCode: 0, stdout: 'done\n' })
    expect(living(run)).toEqual([])
  })

  test('closes its output and goes on: it is ended in time all the same', async () => {
    await using bench = await walled()
    const run = id()
    const result = await bench.shell('exec >&- 2>&-; sleep 1000', { timeLimitMs: 300, id: run })
    expect(result.stopped).toEqual({ by: 'time', reason: 'It did not end within 300 ms.' })
    expect(living(run)).toEqual([])
  })

  test('starts more and more processes: it is ended with all of them', async () => {
    await using bench = await walled({ 'sandbox.processes': 32 })
    const run = id()
    // As many as a machine bears if the bound does not hold.
    const script = 'i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); done; wait'
    const { stopped, stderr } = await bench.shell(script, { id: run, timeLimitMs: 30_000 })
    // The kernel refuses the next one where the account is not root; else the gateway counts.
    if (stopped) expect(stopped.by).toBe('processes')
    else expect(stderr).toContain('fork')
    expect(living(run)).toEqual([])
  })

  test('forks without an end: it is ended with all of them', async () => {
    await using bench = await walled({ 'sandbox.processes': 24 })
    const run = id()
    const script = 'bomb() { sleep 0.01; bomb & bomb & wait; }; bomb'
    const { stopped } = await bench.shell(script, { id: run, timeLimitMs: 30_000 })
    if (process.getuid?.() === 0) expect(stopped?.by).toBe('processes')
    expect(living(run)).toEqual([])
  })

  test('floods its output: it is ended, and head and tail are kept', async () => {
    await using bench = await walled()
    const run = id()
    const result = await bench.shell('echo first; yes', { id: run, maxTotalBytes: 1_048_576, maxOutputBytes: 65_536 })
    expect(result.stopped?.by).toBe('output')
    expect(result.truncated).toBe(true)
    expect(result.stdout.length).toBeLessThanOrEqual(65_536)
    expect(result.stdout).toMatch(/^first\ny\n.*bytes cut.*y\n/s)
    expect(living(run)).toEqual([])
  })

  test('eats memory: the kernel gives one process no more', async () => {
    await using bench = await walled({ 'sandbox.memoryMegabytes': 64 })
    const script = `awk 'BEGIN { s = "x"; while (1) s = s s }' 2>/dev/null; echo "exit $?"`
    const { stdout, stopped } = await bench.shell(script)
    expect(stopped).toBeUndefined()
    expect(stdout).toMatch(/^exit [1-9]/)
  })

  test('eats memory with many processes: together they may have no more', async () => {
    await using bench = await walled({ 'sandbox.memoryMegabytes': 64 })
    const run = id()
    const script = 'for i in 1 2 3 4; do { head -c 40000000 /dev/zero; sleep 1000; } | tail -n 1 & done; wait'
    const { stopped } = await bench.shell(script, { id: run, timeLimitMs: 60_000 })
    expect(stopped?.by).toBe('memory')
    expect(living(run)).toEqual([])
  })

  test('fills the disk: a file grows to its bound, and so does the private /tmp', async () => {
    await using bench = await walled({ 'sandbox.fileMegabytes': 8, 'sandbox.memoryMegabytes': 64 })
    const script = `
      head -c 50000000 /dev/zero > big 2>/dev/null; echo "file $?"
      for i in 1 2 3 4 5 6 7 8; do head -c 8000000 /dev/zero > /tmp/$i; done 2>/dev/null; echo "tmp $?"
      for i in 1 2 3 4 5 6 7 8; do head -c 8000000 /dev/zero > /dev/shm/$i; done 2>/dev/null; echo "shm $?"`
    const { stdout } = await bench.shell(script)
    expect(stdout).toMatch(/^file [1-9]\d*\ntmp [1-9]\d*\nshm [1-9]\d*\n$/)
    expect(statSync(join(bench.workspace, 'big')).size).toBe(8 * 1_048_576)
  })

  test('runs while the disk has less left than the gateway needs: it is ended', async () => {
    await using bench = await walled({}, { keepFreeBytes: Number.MAX_SAFE_INTEGER })
    expect((await bench.shell('sleep 1000', { timeLimitMs: 30_000 })).stopped?.by).toBe('disk')
  })

  test('burns processor time: it is ended when that is used up', async () => {
    await using bench = await walled({ 'sandbox.cpuSeconds': 1 })
    const { exitCode, stopped } = await bench.shell('while :; do :; done', { timeLimitMs: 60_000 })
    expect(stopped).toBeUndefined()
    expect(exitCode).toBeGreaterThan(128)
  })

  test('writes what is no UTF-8: the rest of it can be read', async () => {
    await using bench = await walled()
    const { stdout } = await bench.shell("printf 'a\\377\\376b\\303'")
    expect(stdout).toMatch(/^a\ufffd+b\ufffd$/)
  })

  test('is one of many: all are ended with the sandbox, and nothing is started after that', async () => {
    const bench: Walled = await walled()
    const runs = Array.from({ length: 5 }, id)
    const all = Promise.allSettled(runs.map(run => bench.shell('sleep 1000', { id: run })))
    await expect.poll(() => runs.flatMap(living).length).toBeGreaterThanOrEqual(5)
    await bench[Symbol.asyncDispose]()
    expect((await all).map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
    expect(runs.flatMap(living)).toEqual([])
    await expect(bench.shell('true')).rejects.toMatchObject({ code: 'DRAINING' })
  })
})
