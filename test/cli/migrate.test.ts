import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { readMigrations } from '../../src/db/sqlite/migrate.ts'
import { prepareFile } from '../../src/db/sqlite/open.ts'
import { upgrade } from '../../src/db/sqlite/schema.ts'
import { testGateway } from '../support/gateway.ts'
import { migrationsDir } from '../support/store.ts'
import { treeOf } from '../support/tree.ts'
import { newHome, runCommand } from './command.ts'

const names = readMigrations(migrationsDir).map(({ name }) => name)
const [first = ''] = names
const later = names.slice(1)

/** A data folder whose database has the first migration only. */
async function oldHome(): Promise<string> {
  const home = newHome()
  const folder = join(newHome(), 'migrations')
  mkdirSync(folder)
  cpSync(join(migrationsDir, `${first}.sql`), join(folder, `${first}.sql`))
  const file = join(home, 'gateway.db')
  prepareFile(file)
  await upgrade({ file, home, migrationsDir: folder, now: Date.UTC(2026, 0, 1, 12) })
  return home
}

function inDatabase<T>(home: string, look: (database: Database.Database) => T): T {
  const database = new Database(join(home, 'gateway.db'))
  try {
    return look(database)
  } finally {
    database.close()
  }
}

describe('talon migrate', () => {
  it('--status tells what was applied and what would be, and touches nothing', async () => {
    const home = await oldHome()
    const before = treeOf(home)
    const { exitCode, out, err } = await runCommand(['migrate', '--status'], { home })
    expect(exitCode).toBe(0)
    expect(out).toMatch(new RegExp(`^${first} +applied 2026-01-01 `, 'm'))
    for (const name of later) expect(out).toMatch(new RegExp(`^${name} +pending$`, 'm'))
    expect(err).toContain('applied at the next start, or by: talon migrate\n')
    const json = JSON.parse((await runCommand(['migrate', '--status', '--json'], { home })).out)
    expect(json).toEqual({ applied: [{ name: first, appliedAt: Date.UTC(2026, 0, 1, 12) }], pending: later })
    expect(treeOf(home)).toEqual(before)
  })

  it('--dry-run upgrades a copy, and leaves neither the copy nor a change', async () => {
    const home = await oldHome()
    mkdirSync(join(home, 'run'), { mode: 0o700 })
    const { ['run']: _run, ...before } = treeOf(home)
    const { exitCode, out, err } = await runCommand(['migrate', '--dry-run'], { home })
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: later.map(name => `${name} would be applied.\n`).join('') })
    expect(err).toMatch(/^On a copy it took [\d.]+ s and left [\d.]+ MB of [\d.]+ MB; every check passed\. Nothing/)
    const { ['run']: _after, ...after } = treeOf(home)
    expect(after).toEqual(before)
    const json = JSON.parse((await runCommand(['migrate', '--dry-run', '--json'], { home })).out)
    expect(json).toEqual({
      applied: later,
      durationMs: expect.any(Number),
      bytesBefore: expect.any(Number),
      bytesAfter: expect.any(Number),
    })
  })

  it('upgrades after a backup, and then has nothing more to do', async () => {
    const home = await oldHome()
    const { exitCode, out, err } = await runCommand(['migrate'], { home })
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: later.map(name => `${name} is applied.\n`).join('') })
    const [backup = ''] = readdirSync(join(home, 'backups'))
    expect(err).toBe(`The database as it was before: ${join(home, 'backups', backup)}\n`)
    expect(inDatabase(home, database => database.prepare('SELECT name FROM migrations').pluck().all())).toEqual(names)
    expect(await runCommand(['migrate'], { home })).toEqual({
      exitCode: 0,
      out: 'The schema is up to date.\n',
      err: '',
    })
    expect(JSON.parse((await runCommand(['migrate', '--json'], { home })).out)).toEqual({ applied: [], backup: null })
    expect((await runCommand(['migrate', '--status'], { home })).err).toBe('The schema is up to date.\n')
  })

  it('refuses while a gateway runs; --status and --dry-run work then', async () => {
    const home = newHome()
    await using _gateway = await testGateway({ home })
    const { exitCode, err } = await runCommand(['migrate'], { home })
    expect(exitCode).toBe(1)
    expect(err).toContain(`Process ${process.pid} already uses ${home}`)
    expect((await runCommand(['migrate', '--status'], { home })).exitCode).toBe(0)
    const tried = await runCommand(['migrate', '--dry-run'], { home })
    expect(tried).toMatchObject({ exitCode: 0, out: 'The schema is up to date: there is nothing to try.\n' })
    expect(readdirSync(join(home, 'run')).filter(name => name.startsWith('migrate-'))).toEqual([])
  })

  it('exits with 74 for a file that is no database, and leaves it as it is', async () => {
    const home = newHome()
    writeFileSync(join(home, 'gateway.db'), 'somebody needs it '.repeat(300), { mode: 0o600 })
    const backup = join(home, 'backups', 'gateway-2026-02-18T120000Z-manual.backup')
    mkdirSync(join(home, 'backups'))
    writeFileSync(backup, '')
    const before = treeOf(home)
    for (const argv of [[], ['--dry-run'], ['--status']]) {
      const { exitCode, err } = await runCommand(['migrate', ...argv], { home })
      expect({ argv, exitCode }).toEqual({ argv, exitCode: 74 })
      expect(err).toContain(join(home, 'gateway.db'))
      expect(err).not.toContain('    at ')
      expect(err).toContain(`talon restore ${backup}`)
    }
    expect(treeOf(home)['gateway.db']).toEqual(before['gateway.db'])
  })

  it('has nothing to do where there is no database yet, and makes none', async () => {
    const home = newHome()
    for (const argv of [[], ['--dry-run'], ['--status']]) {
      expect((await runCommand(['migrate', ...argv], { home })).exitCode).toBe(0)
    }
    expect(existsSync(join(home, 'gateway.db'))).toBe(false)
    expect((await runCommand(['migrate', '--status', '--dry-run'], { home })).exitCode).toBe(2)
  })
})

describe('a schema that is not this program’s', () => {
  it.each([
    {
      what: 'newer',
      change: "INSERT INTO migrations VALUES ('9999-future', 'x', 1)",
      says: 'written by a newer Talon',
    },
    { what: 'changed', change: "UPDATE migrations SET checksum = 'x'", says: 'was changed after it was applied' },
  ])('ends every start with 78 where it is $what, and changes nothing', async ({ change, says }) => {
    const home = await oldHome()
    inDatabase(home, database => database.exec(change))
    const before = inDatabase(home, database => database.serialize())
    for (const argv of [['start', '--port', '0'], ['migrate'], ['migrate', '--dry-run'], ['migrate', '--status']]) {
      const { exitCode, err } = await runCommand(argv, { home })
      expect({ argv, exitCode }).toEqual({ argv, exitCode: 78 })
      expect(err).toContain(says)
      expect(err).not.toContain('    at ')
    }
    expect(inDatabase(home, database => database.serialize())).toEqual(before)
    expect(existsSync(join(home, 'backups'))).toBe(false)
  })

  it('says so with 78 if it cannot be upgraded, with the backup and the way to go on', async () => {
    const home = await oldHome()
    // A later migration makes something that is there already, as a table made by hand would be.
    inDatabase(home, database => database.exec('CREATE TABLE imports (id INTEGER PRIMARY KEY) STRICT'))
    const { exitCode, err } = await runCommand(['start', '--port', '0'], { home })
    expect(exitCode).toBe(78)
    expect(err).toContain('table imports already exists')
    const [backup = ''] = readdirSync(join(home, 'backups'))
    expect(err).toContain(join(home, 'backups', backup))
    expect(err).toContain('Go on with the version of Talon that you had before')
  })
})
