import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryHome } from '../../support/store.ts'

const script = fileURLToPath(new URL('./children/keep-until-killed.ts', import.meta.url))
const minuteMs = 60_000

/** Lets a process keep a schedule and kills it after so many due times; the time that it had reached. */
async function killAfter(place: { file: string; home: string }, start: string, dueTimes: number): Promise<string> {
  const argv = [script, place.file, place.home, start]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let said = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout) {
    said += chunk
    if (said.split('\n').length > dueTimes) child.kill('SIGKILL')
  }
  expect((await exited)[1]).toBe('SIGKILL')
  return said.split('\n').at(-2) ?? start
}

test('a process that is killed at any moment leaves each due time sent exactly once', async () => {
  const place = temporaryHome()
  onTestFinished(place.remove)
  let time = '2026-11-23T07:30:00.000Z'
  for (const dueTimes of [3, 7, 5]) time = await killAfter(place, time, dueTimes)
  const database = new Database(place.file, { readonly: true })
  onTestFinished(() => void database.close())
  const sent = database
    .prepare<[], { due: number }>(
      `SELECT CAST(substr(request_id, 10 + instr(substr(request_id, 10), ':')) AS INTEGER) AS due FROM messages
       WHERE role = 'user' ORDER BY due`,
    )
    .all()
    .map(({ due }) => due)
  const first = Date.parse('2026-11-23T07:31:00Z')
  // The last may have been on its way when it was killed.
  expect(sent.length).toBeGreaterThanOrEqual(15)
  expect(sent).toEqual(Array.from(sent, (_, index) => first + index * minuteMs))
  const kept = database.prepare<[], { due: number }>('SELECT due_at AS due FROM schedule_runs ORDER BY due').all()
  expect(kept.map(({ due }) => due)).toEqual(sent)
  expect(database.prepare('SELECT missed, next_at - ? AS ahead FROM schedules').get(sent.at(-1))).toEqual({
    missed: 0,
    ahead: minuteMs,
  })
})
