import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { lives } from '../../src/cli/process/alive.ts'
import { linesAfter, logFileOf, openLogFile, shorten } from '../../src/cli/process/log-file.ts'
import { processStart } from '../../src/db/process-start.ts'
import { acquireLock } from '../../src/db/sqlite/lock.ts'
import { type Installed, installProgram, openDatabase, programToken } from '../support/program.ts'
import { runCommand } from './command.ts'
import { daemonOf, gone, kill9, newDaemonHome, runFileOf, startForeigner, startTalon, talonOf } from './processes.ts'

const timeout = 90_000
const link = /http:\/\/127\.0\.0\.1:\d+\/login#code=([\w-]+)\n/
const sysexConfig = 78

let installed: Installed
let talon: ReturnType<typeof talonOf>
beforeAll(() => {
  installed = installProgram()
  talon = talonOf(installed)
}, 120_000)
afterAll(() => installed.remove())

describe('talon start --daemon', () => {
  test(
    'returns when the gateway is ready, with a link that signs in, and leaves it in a session of its own',
    async () => {
      const home = newDaemonHome()
      const { exitCode, out, err } = await talon(home, ['start', '--daemon'])
      const { pid, url } = daemonOf(home)
      expect({ exitCode, out }).toEqual({ exitCode: 0, out: expect.stringMatching(link) })
      expect(err).toContain(`process ${pid}`)
      const [, code] = link.exec(out) ?? []
      const exchanged = await fetch(`${url}/api/v1/auth/exchange`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code }),
      })
      expect(exchanged.status).toBe(200)
      if (process.platform === 'linux') expect(sessionOf(pid)).toBe(String(pid))
      // What it says goes into a file of its owner; the link, which lets anybody in, does not.
      const log = logFileOf(home)
      expect(statSync(log).mode & 0o777).toBe(0o600)
      expect(readFileSync(log, 'utf8')).toContain('"msg":"ready"')
      expect(readFileSync(log, 'utf8')).not.toContain('code=')
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
    },
    timeout,
  )

  test(
    'ends with the exit code and the last words of a start that failed',
    async () => {
      const home = newDaemonHome()
      appendFileSync(openedLog(home), 'a line of an earlier start\n')
      const { exitCode, out, err } = await talon(home, ['start', '--daemon', '--set', 'agent.maxSteps=none'])
      expect({ exitCode, out }).toEqual({ exitCode: sysexConfig, out: '' })
      expect(err).toMatch(
        /^The gateway did not start \(exit code 78\)\. It said last:\n {2}--set agent\.maxSteps: .*\n/,
      )
      expect(err).toContain(logFileOf(home))
      expect(err).not.toContain('earlier')
      expect((await talon(home, ['status'])).exitCode).toBe(3)
    },
    timeout,
  )

  test(
    'says which port is free if its own is in use',
    async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      const address = server.address()
      const port = typeof address === 'object' ? String(address?.port) : ''
      const { exitCode, err } = await talon(newDaemonHome(), ['start', '--daemon', '--port', port])
      expect(exitCode).toBe(1)
      expect(err).toContain(`Port ${port} on 127.0.0.1 is in use.`)
    },
    timeout,
  )

  test(
    'is content with a gateway that runs, unless it is to have other flags',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'])
      const { pid, url } = daemonOf(home)
      const second = await talon(home, ['start', '--daemon'])
      expect(second).toEqual({ exitCode: 0, out: '', err: `Talon 0.4.0 runs already at ${url} (process ${pid}).\n` })
      const flagged = await talon(home, ['start', '--daemon', '--set', 'log.level=warn'])
      expect(flagged).toMatchObject({ exitCode: 1, out: '', err: expect.stringContaining('talon restart') })
      expect(daemonOf(home).pid).toBe(pid)
    },
    timeout,
  )

  test(
    'stops what it has started at Ctrl-C',
    async () => {
      const home = newDaemonHome()
      const gate = gateIn(home)
      const command = startTalon(installed, home, ['start', '--daemon'], gate.env)
      const child = await gate.reached()
      command.child.kill('SIGINT')
      const { exitCode, out, err } = await command.ended
      expect({ exitCode, out }).toEqual({ exitCode: 130, out: '' })
      expect(err).toContain('Stopped before it was ready.')
      expect(lives(child)).toBe(false)
    },
    timeout,
  )

  test(
    'leaves it alone if it is killed itself',
    async () => {
      const home = newDaemonHome()
      const gate = gateIn(home)
      const command = startTalon(installed, home, ['start', '--daemon'], gate.env)
      await gate.reached()
      command.child.kill('SIGKILL')
      await command.ended
      gate.open()
      while ((await talon(home, ['status'])).exitCode !== 0) await setTimeout(100)
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
    },
    timeout,
  )
})

describe('talon stop', () => {
  test(
    'lets runs end, and frees the data folder',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'])
      const run = daemonOf(home)
      const chat = startTalon(installed, home, ['chat', '-m', '/slow 30'])
      await chat.until(' ')
      const { exitCode, out, err } = await talon(home, ['stop', '--json'])
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: expect.stringContaining(`Stopping process ${run.pid}`) })
      expect(JSON.parse(out)).toEqual({ stopped: true, pid: run.pid, forced: false, tookMs: expect.any(Number) })
      expect(lives(run)).toBe(false)
      expect(runFileOf(home)).toBeUndefined()
      expect(runStates(home)).toEqual(['done'])
    },
    timeout,
  )

  test(
    'exits with 0 where none runs, as systemctl does',
    async () => {
      const home = newDaemonHome()
      expect(await talon(home, ['stop'])).toEqual({ exitCode: 0, out: '', err: `No gateway runs on ${home}.\n` })
      const { exitCode, out } = await talon(home, ['stop', '--json'])
      expect({ exitCode, ...JSON.parse(out) }).toMatchObject({ exitCode: 0, stopped: false, pid: null })
    },
    timeout,
  )

  test(
    'gives up on a process that hangs, and kills it with --force',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'])
      const run = daemonOf(home)
      process.kill(run.pid, 'SIGSTOP')
      const patient = await talon(home, ['stop', '--timeout', '0.3'])
      expect(patient).toMatchObject({ exitCode: 1, err: expect.stringContaining('talon stop --force') })
      expect(lives(run)).toBe(true)
      const forced = await talon(home, ['stop', '--force', '--timeout', '0.3', '--json'])
      expect(forced.exitCode).toBe(0)
      expect(JSON.parse(forced.out)).toMatchObject({ stopped: true, forced: true })
      expect(lives(run)).toBe(false)
      expect((await talon(home, ['status'])).exitCode).toBe(3)
    },
    timeout,
  )

  test(
    'waits for one that is stopping already instead of cutting it short',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'])
      const run = daemonOf(home)
      const chat = startTalon(installed, home, ['chat', '-m', '/slow 60'])
      await chat.until(' ')
      process.kill(run.pid, 'SIGTERM')
      while (runFileOf(home)?.stopping !== true) await setTimeout(10)
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
      expect(runStates(home)).toEqual(['done'])
    },
    timeout,
  )

  test(
    'is waited for by a start in the background, which takes its place',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'])
      const run = daemonOf(home)
      const chat = startTalon(installed, home, ['chat', '-m', '/slow 60'])
      await chat.until(' ')
      process.kill(run.pid, 'SIGTERM')
      while (runFileOf(home)?.stopping !== true) await setTimeout(10)
      expect((await talon(home, ['start', '--daemon'])).exitCode).toBe(0)
      expect(lives(run)).toBe(false)
      expect(daemonOf(home).pid).not.toBe(run.pid)
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
      expect(runStates(home)).toEqual(['done'])
    },
    timeout,
  )

  test('refuses a time that is none', async () => {
    for (const text of ['soon', '-1', '1e9', '']) {
      const { exitCode, err } = await runCommand(['stop', '--timeout', text])
      expect({ exitCode, err }).toEqual({ exitCode: 2, err: expect.stringContaining('a number of seconds') })
    }
  })

  test('is for this machine only, and so is restart', async () => {
    const env = { TALON_URL: 'https://talon.example.org' }
    for (const argv of [['stop'], ['restart'], ['start', '--daemon']]) {
      const { exitCode, err } = await runCommand(argv, { env })
      expect({ exitCode, err }).toEqual({ exitCode: 2, err: expect.stringContaining('Use this command where it runs') })
    }
  })
})

describe('a gateway that was killed', () => {
  test(
    'is known to be gone, and the next start finds its data',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'])
      const first = daemonOf(home)
      await talon(home, ['chat', '-m', 'remember me'])
      await kill9(first)
      expect(runFileOf(home)?.pid).toBe(first.pid)
      expect((await talon(home, ['status'])).exitCode).toBe(3)
      expect(JSON.parse((await talon(home, ['status', '--json'])).out)).toEqual({ running: false, home })
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
      expect((await talon(home, ['start', '--daemon'])).exitCode).toBe(0)
      const status = JSON.parse((await talon(home, ['status', '--json'])).out)
      expect(status).toMatchObject({ running: true, ready: true, reasons: [], stats: { sessions: 1 } })
      expect(status.bootId).not.toBe(first.bootId)
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
    },
    timeout,
  )

  test(
    "leaves a state file whose process id may be another program's, which is not touched",
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'])
      const run = daemonOf(home)
      await kill9(run)
      const foreigner = await startForeigner()
      writeRunFile(home, { ...run, pid: foreigner.pid })
      expect((await talon(home, ['status'])).exitCode).toBe(3)
      expect((await talon(home, ['login'])).exitCode).toBe(3)
      for (const argv of [['stop'], ['stop', '--force', '--timeout', '0']]) {
        expect(await talon(home, argv)).toMatchObject({ exitCode: 0, err: `No gateway runs on ${home}.\n` })
      }
      expect((await talon(home, ['restart'])).exitCode).toBe(0)
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
      expect(lives({ pid: foreigner.pid })).toBe(true)
    },
    timeout,
  )
})

describe('a data folder that somebody has', () => {
  test(
    'whose file names another process: neither of the two is touched',
    async () => {
      const home = newDaemonHome()
      const holder = await holdLock(home)
      const foreigner = await startForeigner()
      const run = runFileOf(home)
      expect(run?.processStart).toBe(processStart(holder.pid))
      // The file of an earlier process, the id of which went to another program.
      writeRunFile(home, { ...run, pid: foreigner.pid, processStart: '1' })
      for (const argv of [['stop', '--force', '--timeout', '0'], ['restart'], ['start', '--daemon']]) {
        const { exitCode, out, err } = await talon(home, argv)
        expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
        expect(err).toContain(`names process ${foreigner.pid}, which is not the one. Nothing was touched.`)
      }
      const { exitCode, out } = await talon(home, ['status', '--json'])
      expect({ exitCode, ...JSON.parse(out) }).toMatchObject({ exitCode: 1, running: true, ready: false })
      expect(lives({ pid: foreigner.pid })).toBe(true)
      expect(lives(holder)).toBe(true)
    },
    timeout,
  )

  test('for a restore is not stopped, and no gateway', async () => {
    const home = newDaemonHome()
    const holder = { pid: process.pid, bootId: 'restore', version: '0.4.0', host: '', port: 0, startedAt: 1 }
    const lock = acquireLock(home, holder)
    onTestFinished(() => lock.release())
    const says = `No gateway runs on ${home}: process ${process.pid} works on it (talon restore).`
    for (const [argv, exitCode] of [
      [['stop', '--force'], 1],
      [['restart'], 1],
      [['status'], 3],
    ] as const) {
      const ended = await runCommand([...argv], { home })
      expect(ended).toEqual({ exitCode, out: '', err: expect.stringContaining(says) })
    }
    const { out } = await runCommand(['status', '--json'], { home })
    expect(JSON.parse(out)).toEqual({ running: false, home, command: { name: 'restore', pid: process.pid } })
  })

  test('whose gateway does not listen yet runs and is not ready', async () => {
    const home = newDaemonHome()
    const holder = {
      pid: process.pid,
      bootId: 'b',
      version: '0.4.0',
      host: '127.0.0.1',
      port: 0,
      startedAt: Date.now(),
    }
    const lock = acquireLock(home, holder)
    onTestFinished(() => lock.release())
    const { exitCode, out } = await runCommand(['status', '--json'], { home })
    expect({ exitCode, ...JSON.parse(out) }).toEqual({
      ...{ exitCode: 1, running: true, ready: false, reasons: ['It is starting or ending: its port is closed.'] },
      ...{ pid: process.pid, port: 0, bootId: 'b', startedAt: holder.startedAt, version: '0.4.0' },
      uptime: expect.any(Number),
    })
    expect((await runCommand(['status'], { home })).out).toMatch(
      /^Talon 0\.4\.0 runs \(up .*, process \d+\): not ready\n/,
    )
  })
})

describe('talon restart', () => {
  test(
    'starts it anew with the flags that it had, and with those that are given',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon', '--set', 'log.level=warn', '--set', 'agent.maxSteps=7'])
      const first = daemonOf(home)
      const { exitCode, out } = await talon(home, ['restart', '--set', 'agent.maxSteps=8'])
      expect({ exitCode, out }).toEqual({ exitCode: 0, out: expect.stringMatching(link) })
      const second = daemonOf(home)
      expect(second.pid).not.toBe(first.pid)
      expect(second.bootId).not.toBe(first.bootId)
      expect(second.flags).toEqual({ 'log.level': 'warn', 'agent.maxSteps': '8' })
      await gone(first)
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
    },
    timeout,
  )

  test(
    'stops nothing for settings that cannot be used',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'])
      const run = daemonOf(home)
      const flagged = await talon(home, ['restart', '--set', 'agent.maxSteps=none'])
      expect(flagged).toMatchObject({ exitCode: sysexConfig, err: expect.stringMatching(/^--set agent\.maxSteps: /) })
      for (const setting of ['agent.providers=[{"id":"a"}]', 'tools.workspace=/', 'log.file=run/cli.token']) {
        const { exitCode, err } = await talon(home, ['restart', '--set', setting])
        expect({ exitCode, err }).toEqual({ exitCode: sysexConfig, err: expect.not.stringContaining('Stopping') })
      }
      writeFileSync(join(home, 'talon.json'), '{')
      expect((await talon(home, ['restart'])).exitCode).toBe(sysexConfig)
      expect(daemonOf(home).pid).toBe(run.pid)
      expect((await talon(home, ['status'])).exitCode).toBe(0)
    },
    timeout,
  )

  test(
    'starts one where none runs',
    async () => {
      const home = newDaemonHome()
      expect((await talon(home, ['restart'])).exitCode).toBe(0)
      expect((await talon(home, ['stop'])).exitCode).toBe(0)
    },
    timeout,
  )
})

describe('talon status', () => {
  test(
    'exits with 1 for a gateway that is not ready, with the reason',
    async () => {
      const home = newDaemonHome()
      await talon(home, ['start', '--daemon'], { TALON_TOKEN: programToken })
      const chat = startTalon(installed, home, ['chat', '-m', '/slow 150'])
      await chat.until(' ')
      process.kill(daemonOf(home).pid, 'SIGTERM')
      while (runFileOf(home)?.stopping !== true) await setTimeout(10)
      const { exitCode, out } = await runCommand(['status', '--json'], { home, env: { TALON_TOKEN: programToken } })
      expect(exitCode).toBe(1)
      expect(JSON.parse(out)).toMatchObject({ running: true, ready: false, reasons: [expect.any(String)] })
    },
    timeout,
  )
})

describe('the log of a gateway in the background', () => {
  test('is cut without losing a line once it is too long', async () => {
    const home = newDaemonHome()
    const file = logFileOf(home)
    const { descriptor } = openLogFile(file)
    writeSync(descriptor, 'one\ntwo\n')
    await shorten(file, 8)
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n')
    const cutting = shorten(file, 7)
    // Written while it is copied.
    writeSync(descriptor, 'three\n')
    await cutting
    writeSync(descriptor, 'four\n')
    closeSync(descriptor)
    expect(readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8')).toBe('one\ntwo\nthree\nfour\n')
    expect(readFileSync(file, 'utf8')).not.toContain('one')
    expect(statSync(`${file}.1`).mode & 0o777).toBe(0o600)
    expect(existsSync(`${file}.1.new`)).toBe(false)
    expect(linesAfter(file, 0, 1)).toEqual(['four'])
  })
})

test('when a process began is told of those that live, and of no other', async () => {
  expect(processStart(process.pid)).toMatch(/\d/)
  expect(processStart(process.pid)).toBe(processStart(process.pid))
  const foreigner = await startForeigner()
  const began = processStart(foreigner.pid)
  foreigner.kill('SIGKILL')
  await once(foreigner, 'exit')
  expect(lives({ pid: foreigner.pid, processStart: began })).toBe(false)
  // Above the largest number of a process on Linux (2^22).
  expect(processStart(4_194_305)).toBeUndefined()
})

/** Field 6 of /proc/<pid>/stat: the session. */
function sessionOf(pid: number): string | undefined {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[3]
}

function openedLog(home: string): string {
  const file = logFileOf(home)
  closeSync(openLogFile(file).descriptor)
  return file
}

/** Stops the gateway that `start --daemon` starts before its first line, until the gate opens. */
function gateIn(home: string) {
  const [script, here, open] = ['gate.cjs', 'gate.here', 'gate.open'].map(name => join(home, name))
  if (!script || !here || !open) throw new Error('no names')
  writeFileSync(
    script,
    `const { existsSync, renameSync, writeFileSync } = require('node:fs')
     if (process.argv.includes('--announce')) {
       writeFileSync(${JSON.stringify(`${here}.new`)}, String(process.pid))
       renameSync(${JSON.stringify(`${here}.new`)}, ${JSON.stringify(here)})
       const cell = new Int32Array(new SharedArrayBuffer(4))
       while (!existsSync(${JSON.stringify(open)})) Atomics.wait(cell, 0, 0, 20)
     }`,
  )
  return {
    env: { NODE_OPTIONS: `--require ${script}` },
    async reached() {
      while (!existsSync(here)) await setTimeout(20)
      const pid = Number(readFileSync(here, 'utf8'))
      return { pid, processStart: processStart(pid) }
    },
    open: () => writeFileSync(open, ''),
  }
}

async function holdLock(home: string): Promise<{ pid: number; processStart: string | undefined }> {
  const script = fileURLToPath(new URL('../db/children/hold-lock.ts', import.meta.url))
  const child = spawn(process.execPath, [script, home], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const pid = child.pid ?? 0
  return { pid, processStart: processStart(pid) }
}

function writeRunFile(home: string, run: object): void {
  mkdirSync(join(home, 'run'), { recursive: true })
  writeFileSync(join(home, 'run', 'gateway.json'), JSON.stringify(run))
}

/** The states of all runs of a gateway that does not run. */
function runStates(home: string): unknown[] {
  const database = openDatabase(home)
  try {
    return database.prepare('SELECT state FROM runs ORDER BY created_at').pluck().all()
  } finally {
    database.close()
  }
}
