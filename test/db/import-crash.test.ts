import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryHome } from '../support/store.ts'
import { message, oldFolder, session, snapshot } from './legacy/importing.ts'

const script = fileURLToPath(new URL('./children/import-until-killed.ts', import.meta.url))
const small = 40
const perSmall = 30
const large = 6_000

/** Imports until so many messages are read, then kills it; the totals if it came to its end. */
async function importAndKill(home: string, folder: string, afterMessages: number): Promise<unknown> {
  const child = spawn(process.execPath, [script, home, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let totals: unknown
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('done ')) totals = JSON.parse(line.slice('done '.length))
    else if (Number(line) >= afterMessages) child.kill('SIGKILL')
  }
  await exited
  return totals
}

test('an import that is killed at any moment leaves whole sessions only, and the next one does the rest', async () => {
  const { home, file, remove } = temporaryHome()
  onTestFinished(remove)
  const messagesOf = (id: string, count: number) =>
    Array.from({ length: count }, (_, index) => message(`${id}-${index}`, `text ${index} of ${id} `.repeat(8)))
  const names = Array.from({ length: small }, (_, index) => `s${index}`)
  const folder = oldFolder({
    ...Object.fromEntries(names.map(id => [`${id}.json`, session(id, messagesOf(id, perSmall))])),
    'large.json': session('large', messagesOf('large', large)),
  })
  const before = snapshot(folder)
  let totals: unknown
  // At some messages of the small ones, and of the large one, which comes last.
  for (const after of [1, 200, 500, 900, 1_500, 4_000, 6_900, Number.POSITIVE_INFINITY]) {
    totals = (await importAndKill(home, folder, after)) ?? totals
    const database = new Database(file)
    const shown = database
      .prepare<[], { id: string; message_count: number; stored: number }>(
        `SELECT id, message_count, (SELECT count(*) FROM messages WHERE session_id = sessions.id) AS stored
         FROM sessions WHERE deleted_at IS NULL`,
      )
      .all()
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    database.close()
    for (const { id, message_count, stored } of shown) {
      expect([id, message_count, stored]).toEqual([id, id === 'large' ? large : perSmall, message_count])
    }
  }
  expect(totals).toMatchObject({ files: small + 1, failed: 0 })
  const database = new Database(file, { readonly: true })
  const ids = database.prepare('SELECT id FROM sessions WHERE deleted_at IS NULL').pluck().all()
  expect(ids.toSorted()).toEqual([...names, 'large'].toSorted())
  expect(database.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(small * perSmall + large)
  expect(database.prepare('SELECT messages FROM counts').pluck().get()).toBe(small * perSmall + large)
  database.close()
  expect(snapshot(folder)).toEqual(before)
}, 180_000)
