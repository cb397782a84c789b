import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { findFault } from '../../src/db/sqlite/check.ts'
import { missingCommits, readCommitRecord } from '../../src/db/sqlite/commit-number.ts'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { openReader } from '../../src/db/sqlite/open.ts'
import { seeded } from '../crash/load.ts'
import { sendUntilKilled } from '../support/killed-store.ts'
import { migrationsDir, sendText } from '../support/store.ts'

const damagesPerDatabase = 300
const openedWhole = 6
const acknowledgements = 40

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'talon-wal-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** What a killed process left: its files, the newest commit that it acknowledged, and the ids of all messages in order. */
interface Killed {
  files: Map<string, Buffer>
  newest: number
  ids: string[]
}

type Random = (below: number) => number

const damages: Record<string, (log: Buffer, random: Random) => Buffer> = {
  'cut off': (log, random) => log.subarray(0, random(log.length)),
  'with a flipped bit': (log, random) => {
    const at = random(log.length)
    log.writeUInt8(log.readUInt8(at) ^ (1 << random(8)), at)
    return log
  },
  'with garbage in it': (log, random) => {
    const from = random(log.length)
    const to = Math.min(log.length, from + 1 + random(4_096))
    for (let at = from; at < to; at++) log.writeUInt8(random(256), at)
    return log
  },
  'with zeros in it': (log, random) => {
    const from = random(log.length)
    return log.fill(0, from, Math.min(log.length, from + 1 + random(8_192)))
  },
  'with a garbled header': (log, random) => {
    log.writeUInt8(random(256), random(32))
    return log
  },
  'cut off and continued with garbage': (log, random) => {
    const kept = log.subarray(0, random(log.length))
    return Buffer.concat([kept, Buffer.from(Array.from({ length: random(10_000) }, () => random(256)))])
  },
}

async function killOne(before: (file: string) => Promise<void>): Promise<Killed> {
  const home = mkdtempSync(join(root, 'killed-'))
  const file = join(home, 'gateway.db')
  await before(file)
  await sendUntilKilled({
    file,
    prefix: 'm',
    onAcknowledged: (count, kill) => count === acknowledgements && kill(),
  })
  const names = ['gateway.db', 'gateway.db-wal', 'gateway.db-shm', 'gateway.commit']
  const files = new Map(names.map(name => [name, readFileSync(join(home, name))]))
  const newest = readCommitRecord(home)?.newest ?? 0
  return { files, newest, ids: readHome(home).ids }
}

/** What a database holds. One whose log is lost from the beginning may not even have its tables. */
function readHome(home: string): { verdict: unknown; ids: string[]; commits: number } {
  const connection = openReader(join(home, 'gateway.db'))
  const { database } = connection
  const verdict = database.pragma('integrity_check', { simple: true })
  const hasTables = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'counts'").get() !== undefined
  const ids = hasTables ? database.prepare<[], string>('SELECT id FROM messages ORDER BY rowid').pluck().all() : []
  const commits = hasTables ? database.prepare<[], number>('SELECT commits FROM counts').pluck().get() : 0
  connection.close()
  return { verdict, ids, commits: commits ?? 0 }
}

function lay(home: string, { files }: Killed, log: Buffer): void {
  mkdirSync(home)
  for (const [name, content] of files) writeFileSync(join(home, name), name.endsWith('-wal') ? log : content)
}

function damagedLogs(killed: Killed, count: number, seed: number): [string, Buffer][] {
  const uniform = seeded(seed)
  const random: Random = below => Math.floor(uniform() * below)
  const kinds = Object.entries(damages)
  const whole = killed.files.get('gateway.db-wal') ?? Buffer.alloc(0)
  return Array.from({ length: count }, (_, index) => {
    const [kind, damage] = kinds[index % kinds.length] ?? ['', log => log]
    return [`${kind}, ${index}`, damage(Buffer.from(whole), random)]
  })
}

describe.each([
  ['all that was ever stored', 1, async () => undefined],
  ['what was stored since the last stop', 2, stopClean],
] as const)('where the log holds %s', (_what, seed, before) => {
  let killed: Killed
  beforeAll(async () => {
    killed = await killOne(before)
    expect(killed.ids.length).toBeGreaterThanOrEqual(acknowledgements)
  }, 60_000)

  test(`${damagesPerDatabase} random damages of it open as of an earlier commit, and the report says how many are missing`, async () => {
    const missing = new Set<number>()
    for (const [name, log] of damagedLogs(killed, damagesPerDatabase, seed)) {
      const home = join(root, 'damaged')
      lay(home, killed, log)
      expect(await findFault(join(home, 'gateway.db')), name).toBeUndefined()
      const { verdict, ids, commits } = readHome(home)
      const expected = killed.ids.slice(0, ids.length)
      expect({ name, verdict, ids }).toEqual({ name, verdict: 'ok', ids: expected })
      // Each message was one commit. The process may have been killed between a commit and its note of it.
      const reported = missingCommits(home, commits)
      expect({ name, reported }).toEqual({ name, reported: Math.max(0, killed.newest - commits) })
      if (commits > 0) expect(killed.ids.length - ids.length - reported, name).toBeOneOf([0, 1])
      missing.add(reported)
      rmSync(home, { recursive: true })
    }
    // The damages were spread over the log.
    expect(missing.size).toBeGreaterThan(20)
  }, 120_000)

  test('the store says so once, and goes on from there', async () => {
    for (const [name, log] of damagedLogs(killed, openedWhole, seed + 10)) {
      const home = mkdtempSync(join(root, 'store-'))
      rmSync(home, { recursive: true })
      lay(home, killed, log)
      await examineStore(home, name, killed)
    }
  }, 120_000)
})

async function stopClean(file: string): Promise<void> {
  const store = await openSqliteStore({ file, migrationsDir })
  await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  for (let index = 0; index < 20; index++) await sendText(store, 's', `${index}`)
  await store.close()
}

async function examineStore(home: string, name: string, killed: Killed): Promise<void> {
  const file = join(home, 'gateway.db')
  const held = readHome(mirror(home))
  const missing = Math.max(0, killed.newest - held.commits)
  const warnings: string[] = []
  const onNotice = ({ message }: { message: string }) => warnings.push(message)
  const store = await openSqliteStore({ file, migrationsDir, onNotice, now: () => 1_000 })
  const commits = missing === 1 ? '1 commit of the last run is' : `${missing} commits of the last run are`
  const notices = missing === 0 ? [] : [expect.stringContaining(`${commits} missing`)]
  expect({ name, ...store.health() }).toEqual({ name, problems: [], notices })
  expect(warnings).toEqual(notices)
  expect((await store.counts()).totalMessages).toBe(held.ids.length)
  if (!(await store.getSession('s'))) await store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })
  await sendText(store, 's', 'after')
  await store.close()
  const again = await openSqliteStore({ file, migrationsDir })
  expect(again.health().notices).toEqual([])
  await again.close()
  const loss = missing === 0 ? undefined : { commits: missing, foundAt: 1_000 }
  expect(readCommitRecord(home)?.loss).toEqual(loss)
}

/** A copy to look into, because a look may write the index of the log. */
function mirror(home: string): string {
  const copy = mkdtempSync(join(root, 'mirror-'))
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }))
  cpSync(home, copy, { recursive: true })
  return copy
}
