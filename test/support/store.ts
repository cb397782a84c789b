import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSqliteStore, type SqliteOptions, type SqliteStore } from '../../src/db/sqlite/engine.ts'
import type { Accepted, Commands, Once, RequestKey, Store } from '../../src/db/store.ts'

export const migrationsDir = fileURLToPath(new URL('../../migrations', import.meta.url))

/** A data folder of its own for one test. */
export function temporaryHome(): { home: string; file: string; remove(): void } {
  const home = mkdtempSync(join(tmpdir(), 'talon-test-'))
  return { home, file: join(home, 'gateway.db'), remove: () => rmSync(home, { recursive: true, force: true }) }
}

/** A real store in a real file; `dispose` closes it and removes the folder. */
export async function temporaryStore(
  options: Partial<SqliteOptions> = {},
): Promise<{ store: SqliteStore; home: string; file: string; dispose(): Promise<void> }> {
  const { home, file, remove } = temporaryHome()
  const store = await openSqliteStore({ file, home, migrationsDir, ...options })
  const dispose = async () => {
    await store.close()
    remove()
  }
  return { store, home, file, dispose }
}

/** A request key as a handler makes it: the hash covers what the request says. */
export function requestKey(requestId: string, payload: unknown = {}, tokenId = 'token'): RequestKey {
  return { tokenId, requestId, hash: createHash('sha256').update(JSON.stringify(payload)).digest('hex') }
}

/** A message to a session, with ids that follow from its name. */
export function sendText(
  store: Store,
  sessionId: string,
  name: string,
  more: Partial<Parameters<Commands['sendMessage']>[0]> = {},
): Promise<Once<Accepted>> {
  return store.sendMessage({
    target: { sessionId },
    messageId: `message-${name}`,
    runId: `run-${name}`,
    text: `text ${name}`,
    tokenId: 'token',
    at: 1_000,
    ...more,
  })
}
