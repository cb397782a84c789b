import { createHash, randomUUID } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { type FolderImport, importFolder } from '../../../src/db/legacy/import-folder.ts'
import type { ImportReport } from '../../../src/db/legacy/report.ts'
import type { LogEntry, Store } from '../../../src/db/store.ts'
import { temporaryStore } from '../../support/store.ts'

/** Sessions in the exact format of v0.3.3. */
export const samples = fileURLToPath(new URL('../../data/legacy', import.meta.url))

/** A folder that is gone after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'talon-old-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** An old data folder with these files in `sessions`; what is no text is written as v0.3.3 did. */
export function oldFolder(sessions: Record<string, unknown>): string {
  const folder = newFolder()
  mkdirSync(join(folder, 'sessions'))
  for (const [name, value] of Object.entries(sessions)) writeOld(join(folder, 'sessions', name), value)
  return folder
}

export function writeOld(file: string, value: unknown): void {
  mkdirSync(dirname(file), { recursive: true })
  const isText = typeof value === 'string' || value instanceof Uint8Array
  writeFileSync(file, isText ? value : JSON.stringify(value, null, 2))
}

/** A copy of the samples as an old data folder. */
export function sampleFolder(): string {
  const folder = newFolder()
  cpSync(samples, join(folder, 'sessions'), { recursive: true })
  return folder
}

/** A store that is closed after the test. */
export async function newStore(): Promise<{ store: Store; home: string; file: string }> {
  const { store, home, file, dispose } = await temporaryStore()
  onTestFinished(dispose)
  return { store, home, file }
}

export function importInto(
  { store, home }: { store: Store; home: string },
  path: string,
  more: Partial<FolderImport> = {},
): Promise<ImportReport> {
  const scratch = join(home, 'run')
  mkdirSync(scratch, { recursive: true })
  return importFolder({
    path,
    home,
    scratch,
    into: { store },
    newId: randomUUID,
    now: () => 1_900_000_000_000,
    ...more,
  })
}

/** The whole current log of a session. */
export async function logOf(store: Store, sessionId: string, epoch = 1): Promise<LogEntry[]> {
  const { entries } = await store.history({ sessionId, epoch, after: 0, limit: 1_000_000, maxBytes: 1e9 })
  return entries
}

/** What is in a folder: each file by its bytes and times. */
export function snapshot(folder: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    const { mtimeNs, mode, size } = statSync(path, { bigint: true })
    const digest = entry.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'folder'
    found[path] = `${digest} ${mtimeNs} ${mode} ${entry.isFile() ? size : ''}`
  }
  return found
}

export function message(id: string, content: unknown, more: object = {}): Record<string, unknown> {
  return { id, role: 'user', content, timestamp: 1_771_480_800_000, channel: 'webchat', ...more }
}

export function session(id: string, messages: unknown[], more: object = {}): Record<string, unknown> {
  const metadata = { createdAt: 1, lastActiveAt: 2, messageCount: messages.length, model: 'm' }
  return {
    id,
    senderId: 'u',
    channel: 'webchat',
    state: 'idle',
    messages,
    memorySummary: '',
    metadata,
    config: {},
    ...more,
  }
}
