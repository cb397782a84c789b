import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSqliteStore, type SqliteOptions, type SqliteStore } from '../../src/db/sqlite/engine.ts'

export const migrationsDir = fileURLToPath(new URL('../../migrations', import.meta.url))

/** A data folder of its own for one test. */
export function temporaryHome(): { home: string; file: string; remove(): void } {
  const home = mkdtempSync(join(tmpdir(), 'talon-test-'))
  return { home, file: join(home, 'gateway.db'), remove: () => rmSync(home, { recursive: true, force: true }) }
}

/** A real store in a real file; `dispose` closes it and removes the folder. */
export async function temporaryStore(
  options: Partial<SqliteOptions> = {},
): Promise<{ store: SqliteStore; home: string; dispose(): Promise<void> }> {
  const { home, file, remove } = temporaryHome()
  const store = await openSqliteStore({ file, home, migrationsDir, ...options })
  const dispose = async () => {
    await store.close()
    remove()
  }
  return { store, home, dispose }
}
