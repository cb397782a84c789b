import { merge, taintedKeysAfter } from '../facts.ts'
import type { FactChange, Facts, FactsVersion, PersonaVersion } from '../store.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'

// Older versions of either go.
const maxVersions = 50

interface DocumentRow {
  version: number
  content: string
  tainted_keys: string
  at: number
  tainted: number
}

type Name = 'facts' | 'persona'

export function mergeFacts(
  connection: Connection,
  { patch, at, sessionId, tainted }: CommandInput<'mergeFacts'>,
): Outcome<{ version: number; changes: FactChange[]; tainted: boolean }> {
  const { version, facts, taintedKeys } = current(connection)
  const merged = merge(facts, patch)
  const { changes } = merged
  if (changes.length === 0) return { result: { version, changes, tainted: false }, changes: [] }
  const keys = taintedKeysAfter(taintedKeys, merged.facts, changes, tainted)
  const content = { content: merged.text, taintedKeys: keys }
  putVersion(connection, 'facts', version + 1, { ...content, at, sessionId, tainted: keys.length > 0 })
  const showsTainted = changes.some(({ path: [key = ''] }) => taintedKeys.includes(key))
  return { result: { version: version + 1, changes, tainted: showsTainted }, changes: [] }
}

export function foreseeFacts(connection: Connection, patch: Facts): FactChange[] {
  return merge(current(connection).facts, patch).changes
}

export function getFacts(connection: Connection, version?: number): FactsVersion | undefined {
  const row = getVersion(connection, 'facts', version)
  if (!row) return undefined
  // Both were written above.
  const facts = JSON.parse(row.content) as Facts
  return { version: row.version, at: row.at, facts, taintedKeys: JSON.parse(row.tainted_keys) as string[] }
}

export function savePersona(
  connection: Connection,
  { content, at, sessionId, tainted }: CommandInput<'savePersona'>,
): Outcome<{ version: number; changed: boolean }> {
  const before = getPersona(connection)
  // Text that is known to be clean stays so, whoever says it again.
  if (before?.content === content && (tainted || !before.tainted)) {
    return { result: { version: before.version, changed: false }, changes: [] }
  }
  const version = (before?.version ?? 0) + 1
  putVersion(connection, 'persona', version, { content, taintedKeys: [], at, sessionId, tainted })
  return { result: { version, changed: true }, changes: [] }
}

export function getPersona(connection: Connection, version?: number): PersonaVersion | undefined {
  const row = getVersion(connection, 'persona', version)
  return row && { version: row.version, at: row.at, content: row.content, tainted: row.tainted === 1 }
}

/** Takes a fact away for good: older versions go with it, because they hold it too. */
export function forgetFact(connection: Connection, key: string): boolean {
  const { version, facts, taintedKeys } = current(connection)
  if (!Object.hasOwn(facts, key)) return false
  const { text } = merge(facts, Object.fromEntries([[key, null]]))
  connection
    .prepared("UPDATE memory_documents SET content = ?, tainted_keys = ? WHERE name = 'facts' AND version = ?")
    .run(text, JSON.stringify(taintedKeys.filter(other => other !== key)), version)
  connection.prepared("DELETE FROM memory_documents WHERE name = 'facts' AND version < ?").run(version)
  return true
}

export function forgetPersona(connection: Connection): boolean {
  return connection.prepared("DELETE FROM memory_documents WHERE name = 'persona'").run().changes > 0
}

function current(connection: Connection): Omit<FactsVersion, 'at'> {
  return getFacts(connection) ?? { version: 0, facts: {}, taintedKeys: [] }
}

const columns = 'version, content, tainted_keys, at, tainted'

function getVersion(connection: Connection, name: Name, version?: number): DocumentRow | undefined {
  if (version !== undefined) {
    return connection
      .prepared<DocumentRow>(`SELECT ${columns} FROM memory_documents WHERE name = ? AND version = ?`)
      .get(name, version)
  }
  return connection
    .prepared<DocumentRow>(`SELECT ${columns} FROM memory_documents WHERE name = ? ORDER BY version DESC LIMIT 1`)
    .get(name)
}

function putVersion(
  connection: Connection,
  name: Name,
  version: number,
  row: { content: string; taintedKeys: string[]; at: number; sessionId: string | null; tainted: boolean },
): void {
  connection
    .prepared(
      `INSERT INTO memory_documents (name, version, content, tainted_keys, at, session_id, tainted)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(name, version, row.content, JSON.stringify(row.taintedKeys), row.at, row.sessionId, Number(row.tainted))
  connection.prepared('DELETE FROM memory_documents WHERE name = ? AND version <= ?').run(name, version - maxVersions)
}
