import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { newHome, runCommand } from './command.ts'

let home: string

beforeEach(() => {
  home = newHome()
  mkdirSync(join(home, 'workspace/docs'), { recursive: true })
})

/** Puts a file into the trash as a tool would. */
function deleted(id: string, path: string, content: string, deletedAt = Date.now()): void {
  const folder = join(home, 'trash', id)
  mkdirSync(folder, { recursive: true })
  const about = { root: join(home, 'workspace'), path, kind: 'file', files: 1, bytes: content.length, deletedAt }
  writeFileSync(join(folder, 'origin.json'), JSON.stringify({ ...about, tokenId: null, sessionId: null }))
  writeFileSync(join(folder, 'content'), content)
}

test('an empty trash says so', async () => {
  expect(await runCommand(['trash', 'list'], { home })).toEqual({ exitCode: 0, out: '', err: 'The trash is empty.\n' })
  expect((await runCommand(['trash', 'list', '--json'], { home })).out).toBe('{"items":[]}\n')
})

test('what was deleted is listed, and comes back by its path: the newest', async () => {
  deleted('one', 'docs/a.txt', 'older', 1_000)
  deleted('two', 'docs/a.txt', 'newer')
  const { out } = await runCommand(['trash', 'list'], { home })
  expect(out.split('\n')[1]).toMatch(/docs\/a.txt\s+file\s+0.0 MB\s+two$/)
  const restored = await runCommand(['trash', 'restore', 'docs/a.txt'], { home })
  expect(restored).toEqual({ exitCode: 0, out: 'It is back: docs/a.txt\n', err: '' })
  expect(readFileSync(join(home, 'workspace/docs/a.txt'), 'utf8')).toBe('newer')
  expect(readdirSync(join(home, 'trash'))).toEqual(['one'])
})

test('nothing is overwritten, and another place can be named', async () => {
  deleted('one', 'docs/a.txt', 'old')
  writeFileSync(join(home, 'workspace/docs/a.txt'), 'new')
  const refused = await runCommand(['trash', 'restore', 'one'], { home })
  expect(refused).toMatchObject({ exitCode: 1, err: expect.stringContaining('exists already') })
  const { out } = await runCommand(['trash', 'restore', 'one', '--to', 'docs/b.txt', '--json'], { home })
  expect(JSON.parse(out)).toEqual({ path: 'docs/b.txt' })
  expect(readFileSync(join(home, 'workspace/docs/b.txt'), 'utf8')).toBe('old')
})

test('it is emptied of all, or of what is old', async () => {
  deleted('one', 'a', 'x'.repeat(1_500_000), Date.now() - 10 * 86_400_000)
  deleted('two', 'b', 'x')
  expect((await runCommand(['trash', 'empty', '--older-than', '7'], { home })).out).toBe(
    'Removed 1 item for good, 1.5 MB.\n',
  )
  expect(JSON.parse((await runCommand(['trash', 'empty', '--json'], { home })).out).removed).toHaveLength(1)
  expect(readdirSync(join(home, 'trash'))).toEqual([])
})

test('an item that is not there, and a gateway elsewhere, are told', async () => {
  expect(await runCommand(['trash', 'restore', 'nope'], { home })).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('talon trash list'),
  })
  const env = { TALON_URL: 'http://127.0.0.1:1', TALON_TOKEN: 'x' }
  expect(await runCommand(['trash', 'empty'], { home, env })).toMatchObject({ exitCode: 1 })
  expect(existsSync(join(home, 'trash'))).toBe(false)
})
