import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { missingCommits, readCommitRecord, resetCommitNumber } from '../../src/db/sqlite/commit-number.ts'
import { openSqliteStore, type SqliteStore } from '../../src/db/sqlite/engine.ts'
import { migrationsDir, requestKey, sendText, temporaryHome } from '../support/store.ts'

let place: ReturnType<typeof temporaryHome>
beforeEach(() => {
  place = temporaryHome()
})
afterEach(() => place.remove())

const open = () => openSqliteStore({ file: place.file, migrationsDir })

async function use(work: (store: SqliteStore) => Promise<unknown>): Promise<void> {
  const store = await open()
  await work(store)
  await store.close()
}

const create = (store: SqliteStore) => store.createSession({ id: 's', senderId: 'a', channel: 'c', at: 1 })

test('each commit that changes something is counted, over restarts too', async () => {
  await use(async store => {
    await create(store)
    for (const name of ['a', 'b', 'c']) await sendText(store, 's', name)
  })
  expect(readCommitRecord(place.home)).toEqual({ newest: 4, loss: undefined })
  await use(store => sendText(store, 's', 'd'))
  expect(readCommitRecord(place.home)).toEqual({ newest: 5, loss: undefined })
  expect(readFileSync(join(place.home, 'gateway.commit'), 'utf8')).toBe('0000000000000005\n')
  expect(statSync(join(place.home, 'gateway.commit')).mode & 0o777).toBe(0o600)
})

test('a repeat and a refused command change nothing, and so are no commit', async () => {
  await use(async store => {
    await create(store)
    const request = requestKey('once')
    await sendText(store, 's', 'a', { request })
    expect(await sendText(store, 's', 'b', { request })).toMatchObject({ duplicate: true })
    await expect(sendText(store, 'nobody', 'c')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  })
  expect(readCommitRecord(place.home)?.newest).toBe(2)
})

test('a database that is older than the number is missing commits, until the number is forgotten', async () => {
  await use(create)
  writeFileSync(join(place.home, 'gateway.commit'), '0000000000000008\n')
  expect([missingCommits(place.home, 1), missingCommits(place.home, 8), missingCommits(place.home, 9)]).toEqual([
    7, 0, 0,
  ])
  resetCommitNumber(place.home)
  expect(missingCommits(place.home, 1)).toBe(0)
  await use(async store => expect(store.health().notices).toEqual([]))
})

test('a loss is told by the start that finds it, and stays on record', async () => {
  await use(create)
  writeFileSync(join(place.home, 'gateway.commit'), '0000000000000003\n')
  await use(async store => {
    expect(store.health().notices).toEqual([expect.stringMatching(/^2 commits of the last run are missing: /)])
  })
  await use(async store => {
    expect(store.health().notices).toEqual([])
    await sendText(store, 's', 'a')
  })
  expect(readCommitRecord(place.home)).toEqual({ newest: 2, loss: { commits: 2, foundAt: expect.any(Number) } })
})

test.each([
  ['is empty', ''],
  ['holds something else', 'somebody wrote here'],
  ['is cut off', '00000000'],
])('a number whose file %s says nothing', async (_what, content) => {
  await use(create)
  writeFileSync(join(place.home, 'gateway.commit'), content)
  expect(readCommitRecord(place.home)).toBeUndefined()
  await use(async store => {
    expect(store.health()).toEqual({ problems: [], notices: [] })
    await sendText(store, 's', 'a')
  })
  expect(readCommitRecord(place.home)?.newest).toBe(2)
})

test('where the number cannot be written, everything is stored all the same', async () => {
  mkdirSync(join(place.home, 'gateway.commit'))
  await use(async store => {
    await create(store)
    await sendText(store, 's', 'a')
    expect(await store.getHead('s')).toEqual({ epoch: 1, seq: 1 })
  })
})

test('a look at it makes no file', () => {
  rmSync(place.home, { recursive: true })
  mkdirSync(place.home)
  expect(missingCommits(place.home, 0)).toBe(0)
  expect(existsSync(place.file)).toBe(false)
  expect(readdirSync(place.home)).toEqual([])
})
