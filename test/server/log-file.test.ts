import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/server/config.ts'
import { openGatewayLog } from '../../src/server/log/open.ts'
import { refuseLogFile } from '../../src/server/log/place.ts'
import { fileSink, type Sink, standardOutput } from '../../src/server/log/sinks.ts'

const patient = { timeout: 10_000 }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'talon-log-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function nowhere(lines: string[] = []): Sink {
  return { write: line => lines.push(line), close: async () => undefined }
}

interface SinkOptions {
  maxBytes?: number
  keepFiles?: number
  meanwhile?: Sink
  lookEveryMs?: number
}

function sinkOf(options: SinkOptions, failures: unknown[] = []): Sink {
  const file = join(folder, 'talon.log')
  const events = { failed: (error: unknown) => failures.push(error), lost: () => undefined }
  return fileSink({ file, maxBytes: 1_000, keepFiles: 2, meanwhile: nowhere(), ...options }, events)
}

const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const lineOf = (number: number) => `${String(number).padStart(99, '0')}\n`

describe('a log file', () => {
  test('is for its owner only, and goes on where it ended', async () => {
    for (const part of ['first\n', 'second\n']) {
      const sink = sinkOf({})
      sink.write(part)
      await sink.close()
      sink.write('after the end\n')
    }
    expect(read('talon.log')).toBe('first\nsecond\n')
    expect(statSync(join(folder, 'talon.log')).mode & 0o777).toBe(0o600)
  })

  test('is renamed when it is full, and as many are kept as were asked for, without a line lost between them', async () => {
    const sink = sinkOf({})
    for (let number = 1; number <= 45; number++) sink.write(lineOf(number))
    await sink.close()
    expect(readdirSync(folder).sort()).toEqual(['talon.log', 'talon.log.1', 'talon.log.2'])
    const lines = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, index) => lineOf(from + index)).join('')
    // What was full is written to its end after its successor was opened, and before the end.
    expect(read('talon.log.2')).toBe(lines(21, 30))
    expect(read('talon.log.1')).toBe(lines(31, 40))
    expect(read('talon.log')).toBe(lines(41, 45))
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  })

  test('is full already if an earlier start filled it', async () => {
    writeFileSync(join(folder, 'talon.log'), 'x'.repeat(990))
    const sink = sinkOf({})
    sink.write(lineOf(1))
    sink.write(lineOf(2))
    await sink.close()
    expect(read('talon.log')).toBe(lineOf(2))
    await expect.poll(() => read('talon.log.1'), patient).toBe(`${'x'.repeat(990)}${lineOf(1)}`)
  })

  test('takes away what an earlier start was to keep beyond it', async () => {
    for (const number of [1, 2, 3, 4]) writeFileSync(join(folder, `talon.log.${number}`), 'old\n')
    const sink = sinkOf({})
    for (let number = 1; number <= 10; number++) sink.write(lineOf(number))
    await sink.close()
    expect(readdirSync(folder).sort()).toEqual(['talon.log', 'talon.log.1', 'talon.log.2'])
    expect(read('talon.log.2')).toBe('old\n')
  })

  test('keeps no other where none is to be kept', async () => {
    const sink = sinkOf({ keepFiles: 0 })
    for (let number = 1; number <= 15; number++) sink.write(lineOf(number))
    await sink.close()
    expect(readdirSync(folder)).toEqual(['talon.log'])
    expect(read('talon.log').split('\n')).toHaveLength(6)
  })

  test('is made anew after somebody has moved or removed it', async () => {
    const sink = sinkOf({ lookEveryMs: 20 })
    sink.write('one\n')
    await expect.poll(() => read('talon.log'), patient).toBe('one\n')
    renameSync(join(folder, 'talon.log'), join(folder, 'moved.log'))
    await expect.poll(() => existsSync(join(folder, 'talon.log')), patient).toBe(true)
    sink.write('two\n')
    await expect.poll(() => read('talon.log'), patient).toBe('two\n')
    rmSync(join(folder, 'talon.log'))
    await expect.poll(() => existsSync(join(folder, 'talon.log')), patient).toBe(true)
    sink.write('three\n')
    await sink.close()
    expect(read('moved.log')).toBe('one\n')
    expect(read('talon.log')).toBe('three\n')
  })

  test('is made anew when it is full, though nobody has seen that it was removed', async () => {
    const failures: unknown[] = []
    const sink = sinkOf({}, failures)
    rmSync(join(folder, 'talon.log'))
    for (let number = 1; number <= 12; number++) sink.write(lineOf(number))
    await sink.close()
    expect(read('talon.log')).toBe(lineOf(11) + lineOf(12))
    expect(failures).toEqual([])
  })

  test('grows on if it cannot be renamed, and tells of it', async () => {
    mkdirSync(join(folder, 'talon.log.1', 'a folder in its place'), { recursive: true })
    const failures: unknown[] = []
    const sink = sinkOf({ keepFiles: 1 }, failures)
    for (let number = 1; number <= 12; number++) sink.write(lineOf(number))
    await sink.close()
    expect(read('talon.log').split('\n')).toHaveLength(13)
    expect(failures).toHaveLength(1)
  })
})

test.skipIf(!existsSync('/dev/full'))('lines go elsewhere while the disk is full, which is told once', async () => {
  const [failures, elsewhere]: [unknown[], string[]] = [[], []]
  const events = { failed: (error: unknown) => failures.push(error), lost: () => undefined }
  const meanwhile = nowhere(elsewhere)
  const sink = fileSink({ file: '/dev/full', maxBytes: 1_000_000, keepFiles: 1, meanwhile }, events)
  sink.write('one\n')
  await expect.poll(() => failures, patient).toHaveLength(1)
  sink.write('two\n')
  sink.write('three\n')
  await sink.close()
  expect(failures).toHaveLength(1)
  expect(failures[0]).toMatchObject({ code: 'ENOSPC' })
  expect(elsewhere).toEqual(['two\n', 'three\n'])
})

test.skipIf(!existsSync('/dev/full'))(
  'output on a full disk is told of once, though telling makes a line',
  async () => {
    const failures: unknown[] = []
    const sink: Sink = standardOutput(
      {
        failed(error) {
          failures.push(error)
          sink.write('told\n')
        },
        lost: () => undefined,
      },
      openSync('/dev/full', 'a'),
    )
    sink.write('one\n')
    await expect.poll(() => failures, patient).toHaveLength(1)
    for (let number = 1; number <= 20; number++) {
      sink.write(lineOf(number))
      await nextTurn()
    }
    await sink.close()
    expect(failures).toHaveLength(1)
  },
)

describe('the settings of the log', () => {
  const open = (env: Record<string, string>) =>
    openGatewayLog({ home: folder, env, config: loadConfig({ home: folder, env }).values, terminal: false })

  test('name a file in the data folder, whose folder is made; it is JSON without what is secret', async () => {
    const log = open({ TALON_LOG_FILE: 'logs/gateway.log', ACME_API_KEY: 'plain words as a key' })
    log.info({ n: 1 }, 'hello')
    log.warn('the key is: plain words as a key')
    await log.close()
    const lines = read('logs/gateway.log').trimEnd().split('\n')
    expect(lines.map(line => JSON.parse(line).msg)).toEqual(['hello', 'the key is: [redacted]'])
    expect(statSync(join(folder, 'logs')).mode & 0o777).toBe(0o700)
  })

  test('are refused with the reason if the file cannot be opened', () => {
    mkdirSync(join(folder, 'taken'))
    expect(() => open({ TALON_LOG_FILE: 'taken' })).toThrow(/^log\.file: .*taken cannot be written: .*EISDIR/)
    expect(() => open({ TALON_LOG_FILE: 'no/such/folder.log' })).toThrow(/^log\.file: .*ENOENT/)
  })

  test.each([
    'talon.json',
    'Talon.JSON.last-good',
    'gateway.db',
    'gateway.db-wal',
    'run/gateway.lock',
    'run/cli.token',
    'secrets/key',
    'backups/x.backup',
    './logs/../gateway.db',
    'link',
    'folder/gateway.json',
  ])('are refused for a file that Talon itself uses: %s', name => {
    mkdirSync(join(folder, 'run'))
    symlinkSync(join(folder, 'run'), join(folder, 'folder'))
    writeFileSync(join(folder, 'gateway.db'), '')
    symlinkSync(join(folder, 'gateway.db'), join(folder, 'link'))
    expect(() => open({ TALON_LOG_FILE: name })).toThrow(/^log\.file: .* is what Talon itself uses/)
    expect(readdirSync(folder).sort()).toEqual(['folder', 'gateway.db', 'link', 'run'])
  })

  test('are refused for a file that tools may change, and may name any other', () => {
    const workspace = join(folder, 'workspace')
    const refuse = (name: string) => () => refuseLogFile(folder, name, [workspace])
    expect(refuse('workspace/talon.log')).toThrow(/^log\.file: .* lies in tools\.workspace/)
    expect(refuse('run.log')).not.toThrow()
    expect(refuse('logs/talon.log')).not.toThrow()
    expect(refuse(join(folder, '..', `${basename(folder)}.log`))).not.toThrow()
    rmSync(`${folder}.log`)
  })

  test('are refused if they make no sense', () => {
    const values = (env: Record<string, string>) => () => loadConfig({ home: folder, env })
    expect(values({ TALON_LOG_MAX_MEGABYTES: '0' })).toThrow('TALON_LOG_MAX_MEGABYTES: must be at least 1 (got 0)')
    expect(values({ TALON_LOG_KEEP_FILES: '-1' })).toThrow('TALON_LOG_KEEP_FILES')
    expect(values({ TALON_LOG_FORMAT: 'xml' })).toThrow('TALON_LOG_FORMAT')
  })
})
