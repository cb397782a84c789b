import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect } from 'vitest'
import { prepareFile } from '../../src/db/sqlite/open.ts'
import { upgrade } from '../../src/db/sqlite/schema.ts'
import { type ExaminationInput, examine, type Machine, type Report } from '../../src/server/doctor.ts'
import { migrationsDir } from '../support/store.ts'
import { treeOf } from '../support/tree.ts'

export const now = Date.UTC(2026, 1, 19, 12)
export const dayMs = 86_400_000

let programs = ''
beforeAll(() => {
  programs = mkdtempSync(join(tmpdir(), 'talon-bin-'))
  addProgram(programs, 'bwrap', 'exit 0')
})
afterAll(() => rmSync(programs, { recursive: true, force: true }))

/** A machine without any trouble, whatever this one is. */
export const soundMachine: Partial<Machine> = {
  root: false,
  openFiles: () => 65_536,
  debugger: undefined,
  accountHome: '/nowhere/account',
  systemUnits: '/nowhere/units',
  firstFreePort: 1_024,
}

// A slow machine is no finding; who tests a patience sets it.
const patience = { providerMs: 15_000, programMs: 15_000, portMs: 15_000 }

/** A script that is found under this name in a folder. */
export function addProgram(folder: string, name: string, script: string): void {
  const file = join(folder, name)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

export type More = Partial<Omit<ExaminationInput, 'home'>>

/** Examines a data folder on a sound machine, and holds the doctor to it that nothing was touched. */
export async function examineHome(home: string, { env, machine, ...more }: More = {}): Promise<Report> {
  const before = existsSync(home) && statSync(home).isDirectory() ? treeOf(home) : undefined
  const report = await examine({
    ...{ home, version: '0.4.0', now, monotonic: () => performance.now(), full: false, patience, ...more },
    // Whoever tries Talon has a gateway on its usual port.
    env: { PATH: programs, TALON_PORT: '0', ...env },
    machine: { ...soundMachine, ...machine },
  })
  if (before) expect(treeOf(home)).toEqual(before)
  for (const { severity, risk, fix } of report.findings)
    if (severity === 'error' || severity === 'warn' || risk) expect(fix).toBeTruthy()
  return report
}

export function found(report: Report, id: string) {
  return report.findings.find(finding => finding.id === id)
}

export function troubles(report: Report): string[] {
  return report.findings.filter(({ severity }) => severity === 'error' || severity === 'warn').map(({ id }) => id)
}

export interface Place {
  home: string
  file: string
}

/** A data folder as a gateway leaves it, with a session of so many messages. */
export async function fillHome(place: Place, messages = 300): Promise<void> {
  prepareFile(place.file)
  await upgrade({ ...place, migrationsDir, now: 1 })
  inDatabase(place, database => {
    database.pragma('journal_mode = WAL')
    database.exec(
      `INSERT INTO sessions (id, sender_id, channel, state, created_at, last_active_at)
       VALUES ('s', 'a', 'test', 'idle', 1, 1)`,
    )
    const insert = database.prepare(
      `INSERT INTO messages (id, session_id, role, content, timestamp, epoch, seq) VALUES (?, 's', 'user', ?, 1, 1, ?)`,
    )
    for (let seq = 1; seq <= messages; seq++) insert.run(`m${seq}`, `text ${seq} `.repeat(20), seq)
  })
}

export function inDatabase({ file }: Place, change: (database: Database.Database) => void): void {
  const database = new Database(file)
  change(database)
  database.close()
}

export function addBackup({ home }: Place, at: string, { checksum = true } = {}): string {
  mkdirSync(join(home, 'backups'), { recursive: true, mode: 0o700 })
  const name = `gateway-${at}-manual.backup`
  const file = join(home, 'backups', name)
  writeFileSync(file, 'a backup', { mode: 0o600 })
  if (checksum) writeFileSync(`${file}.sha256`, `${'0'.repeat(64)}  ${name}\n`, { mode: 0o600 })
  return file
}

export function writeSettings({ home }: Place, settings: object, mode = 0o600): string {
  const file = join(home, 'talon.json')
  writeFileSync(file, JSON.stringify(settings), { mode })
  // Whatever the umask says.
  chmodSync(file, mode)
  return file
}
