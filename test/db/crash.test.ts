import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/db/sqlite/engine.ts'
import { migrationsDir, temporaryHome } from '../support/store.ts'

const script = (name: string) => fileURLToPath(new URL(`./children/${name}`, import.meta.url))

/** Lets a process write until it has acknowledged so many messages, then kills it; gives what it acknowledged. */
async function writeAndKill(file: string, round: number, acknowledgements: number) {
  const child = spawn(process.execPath, [script('write-until-killed.ts'), file, `${round}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const acknowledged: { sessionId: string; messageId: string; seq: number }[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const [sessionId = '', messageId = '', seq = ''] = line.split(' ')
    // The kill may cut the last line in the middle.
    if (seq !== '') acknowledged.push({ sessionId, messageId, seq: Number(seq) })
    if (acknowledged.length === acknowledgements) child.kill('SIGKILL')
  }
  await exited
  return acknowledged
}

test('what was acknowledged is there after kill -9, in gapless logs of a sound database', async () => {
  const { file, remove } = temporaryHome()
  onTestFinished(remove)
  const acknowledged = []
  for (const round of [1, 2, 3]) acknowledged.push(...(await writeAndKill(file, round, 200 * round)))
  expect(acknowledged.length).toBeGreaterThanOrEqual(1_200)

  const store = await openSqliteStore({ file, migrationsDir })
  for (const { sessionId, messageId, seq } of acknowledged) {
    expect(await store.getMessage(messageId)).toMatchObject({ sessionId, seq })
  }
  const { sessions } = await store.listSessions({ limit: 10 })
  for (const { id, messageCount } of sessions) {
    const { entries } = await store.history({ sessionId: id, epoch: 1, after: 0, limit: 1e6, maxBytes: 1e9 })
    expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: messageCount }, (_, index) => index + 1))
  }
  const { totalMessages } = await store.counts()
  expect(await store.unfinishedRuns()).toHaveLength(totalMessages)
  await store.close()
  const database = new Database(file, { readonly: true })
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(database.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(totalMessages)
  database.close()
}, 60_000)

test('on a full disk writes are refused and reads go on; with space again, writes do too', async () => {
  const { file, remove } = temporaryHome()
  onTestFinished(remove)
  // A limit on the size of files stands for the disk: 2,000 blocks of 512 bytes.
  const limited = 'trap \'\' XFSZ; ulimit -S -f 2000; exec "$@"'
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    limited,
    'sh',
    process.execPath,
    script('fill-disk.ts'),
    file,
  ])
  const told = JSON.parse(stdout)
  expect(told.stored).toBeGreaterThan(5)
  expect(told).toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
    probe: 'STORAGE_UNAVAILABLE',
    read: { epoch: 1, seq: told.stored },
    after: { seq: told.stored + 1, duplicate: false },
  })
})
