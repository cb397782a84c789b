import { closeSync, cpSync, existsSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Client, connect, type TalonClientError } from '../../src/client/index.ts'
import {
  type Installed,
  installProgram,
  openDatabase,
  type Program,
  programToken,
  startProgram,
} from '../support/program.ts'
import { openSmallDisk, type SmallDisk, whyNoSmallDisk } from '../support/small-disk.ts'

const diskMegabytes = 24
const keptMegabytes = 4
const kept = { TALON_STORAGE_MIN_FREE_MEGABYTES: `${keptMegabytes}` }
const ballastBytes = 12 * 1024 * 1024
const clientCount = 6
const text = 'some words of a long message '.repeat(200)
const pauseMs = 50

const noDisk = whyNoSmallDisk()
let installed: Installed | undefined
beforeAll(() => {
  if (noDisk === undefined) installed = installProgram()
}, 120_000)
afterAll(() => installed?.remove())

/** A client that sends one message after the other until the load is stopped. */
interface Writer {
  client: Client
  sessionId: string
  /** Ids of messages that were acknowledged. */
  acked: string[]
  refusals: number
  finished: Promise<void>
}

interface Load {
  stopped: boolean
  faults: string[]
}

test('a disk that is filled to the last byte under load refuses writes, serves reads, and loses nothing', async ctx => {
  if (noDisk !== undefined) ctx.skip(noDisk)
  const disk = await openSmallDisk(diskMegabytes)
  onTestFinished(() => disk.close())
  const ballast = fill(disk, 'ballast', ballastBytes)
  const program = await startOn(disk)
  const load: Load = { stopped: false, faults: [] }
  const writers = await Promise.all(Array.from({ length: clientCount }, () => startWriter(program, load)))
  const client = newClient(program)
  const { sessionId: spare } = await client.request('session.create', { senderId: 'spare', channel: 'test' })

  // What is kept free is reached: it is left for what ends or removes something.
  await allRefused(writers)
  await untilReady(program, false)
  expect((await readiness(program)).reasons).toEqual([
    expect.stringMatching(/ MB free, and 4\.0 MB are kept \(storage\.minFreeMegabytes\): nothing new is stored\./),
  ])
  await expectReads(client, writers)
  await client.request('session.delete', { sessionId: spare })
  await expect(client.request('session.get', { sessionId: spare })).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })

  // The last byte is taken, by somebody else.
  const rest = fill(disk, 'rest', Number.POSITIVE_INFINITY)
  expect(freeBytes(disk)).toBe(0)
  await allRefused(writers)
  expect(await readiness(program)).toMatchObject({ ready: false, reasons: [expect.any(String)] })
  await expectReads(client, writers)

  // Space returns, and nobody has to do anything else.
  rmSync(rest)
  rmSync(ballast)
  await untilReady(program, true)
  await allAcked(writers)
  load.stopped = true
  await Promise.all(writers.map(({ finished }) => finished))
  for (const each of [...writers.map(writer => writer.client), client]) each.close()
  expect((await program.stop()).code).toBe(0)
  expect(load.faults).toEqual([])
  expectAllStored(disk, writers)
}, 240_000)

test('a gateway with the defaults is ready on a small disk, and stores', async ctx => {
  if (noDisk !== undefined) ctx.skip(noDisk)
  const disk = await openSmallDisk(16)
  onTestFinished(() => disk.close())
  const program = await startOn(disk, {})
  expect(await readiness(program)).toMatchObject({ ready: true })
  const made = await newClient(program).request('session.create', { senderId: 'a', channel: 'test' })
  expect(made.sessionId).toBeTruthy()
}, 60_000)

test('a gateway that is killed on a full disk has lost nothing when there is space again', async ctx => {
  if (noDisk !== undefined) ctx.skip(noDisk)
  const disk = await openSmallDisk(diskMegabytes)
  onTestFinished(() => disk.close())
  const ballast = fill(disk, 'ballast', ballastBytes)
  const program = await startOn(disk)
  const load: Load = { stopped: false, faults: [] }
  const writers = await Promise.all(Array.from({ length: clientCount }, () => startWriter(program, load)))
  await allAcked(writers)
  fill(disk, 'rest', Number.POSITIVE_INFINITY)
  await allRefused(writers)
  await program.kill9()
  load.stopped = true
  for (const { client } of writers) client.close()
  await Promise.all(writers.map(({ finished }) => finished))
  // Without any space it does not start, and says so in a sentence.
  await expect(startOn(disk)).rejects.toThrow(/The data folder .* cannot be written: ENOSPC: no space left on device/)
  rmSync(ballast)
  const again = await startOn(disk)
  await untilReady(again, true)
  expect((await again.stop()).code).toBe(0)
  expectAllStored(disk, writers)
}, 240_000)

async function startOn(disk: SmallDisk, env: Record<string, string> = kept): Promise<Program> {
  if (!installed) throw new Error('The program was not installed.')
  const program = await startProgram(installed, { home: join(disk.folder, 'home'), disk, env })
  onTestFinished(() => void program.kill9())
  return program
}

function newClient({ url }: Program): Client {
  const client = connect({ url, token: programToken, backoffBaseMs: 20, backoffCapMs: 200 })
  onTestFinished(() => client.close())
  return client
}

async function startWriter(program: Program, load: Load): Promise<Writer> {
  const client = newClient(program)
  const { sessionId } = await client.request('session.create', { senderId: 'ada', channel: 'test' })
  const writer: Writer = { client, sessionId, acked: [], refusals: 0, finished: Promise.resolve() }
  writer.finished = write(writer, load)
  return writer
}

async function write(writer: Writer, load: Load): Promise<void> {
  const { client, sessionId, acked } = writer
  while (!load.stopped) {
    try {
      acked.push((await client.request('session.send_message', { sessionId, text })).messageId)
    } catch (error) {
      const { code, message } = error as TalonClientError // The client rejects with nothing else.
      if (code === 'STORAGE_UNAVAILABLE') writer.refusals += 1
      else if (!load.stopped && !isLost(code)) load.faults.push(`${code} ${message}`)
    }
    await delay(pauseMs)
  }
}

/** Whether a code says that the gateway went away. */
function isLost(code: string): boolean {
  return ['CONNECTION_LOST', 'TIMEOUT', 'CLOSED'].includes(code)
}

/** Every client is refused from now on, at least once more. */
async function allRefused(writers: Writer[]): Promise<void> {
  const before = writers.map(({ refusals }) => refusals)
  await until(() => writers.every(({ refusals }, index) => refusals > (before[index] ?? 0)))
}

async function allAcked(writers: Writer[]): Promise<void> {
  const before = writers.map(({ acked }) => acked.length)
  await until(() => writers.every(({ acked }, index) => acked.length > (before[index] ?? 0)))
}

async function expectReads(client: Client, writers: Writer[]): Promise<void> {
  for (const { sessionId, acked } of writers) {
    const { messages } = await client.request('session.history', { sessionId, after: 0, limit: 1 })
    expect(messages.map(({ id }) => id)).toEqual(acked.slice(0, 1))
  }
}

async function readiness({ url }: Program): Promise<{ ready: boolean; reasons: string[] }> {
  const answer = await fetch(`${url}/readyz`)
  const { reasons } = (await answer.json()) as { reasons: string[] } // What the route answers.
  return { ready: answer.status === 200, reasons }
}

async function untilReady(program: Program, wanted: boolean): Promise<void> {
  while ((await readiness(program)).ready !== wanted) await delay(pauseMs)
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(pauseMs)
}

/** Makes a file of this size, or of as much as there is place for. */
function fill(disk: SmallDisk, name: string, bytes: number): string {
  const file = disk.outside(join(disk.folder, name))
  const descriptor = openSync(file, 'w')
  const block = Buffer.alloc(4_096, 1)
  try {
    for (let written = 0; written < bytes; ) written += writeSync(descriptor, block)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    closeSync(descriptor)
  }
  return file
}

function freeBytes(disk: SmallDisk): number {
  const { bavail, bsize } = statfsSync(disk.outside(disk.folder))
  return bavail * bsize
}

/** Holds what the database says, without the help of the gateway, against what was acknowledged. */
function expectAllStored(disk: SmallDisk, writers: Writer[]): void {
  const copy = mkdtempSync(join(tmpdir(), 'talon-copy-'))
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }))
  for (const name of ['gateway.db', 'gateway.db-wal']) {
    const file = disk.outside(join(disk.folder, 'home', name))
    if (existsSync(file)) cpSync(file, join(copy, name))
  }
  const database = openDatabase(copy)
  onTestFinished(() => void database.close())
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
  const content = database.prepare<[string], string>('SELECT content FROM messages WHERE id = ?').pluck()
  const acked = writers.flatMap(writer => writer.acked)
  expect(acked.length).toBeGreaterThanOrEqual(clientCount)
  expect(acked.filter(id => content.get(id) !== text)).toEqual([])
  expect(database.prepare("SELECT count(*) FROM runs WHERE state = 'running'").pluck().get()).toBe(0)
}
