import { indexable } from '../search/words.ts'
import type { MemoryEntry, MemoryOverview, MemoryQuery } from '../store.ts'
import { taint } from './grants.ts'
import { bytesOf, chargeBytes, nextNumber, noteMerging } from './memory-state.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'

export interface EntryRow {
  id: number
  at: number
  day: string
  category: string
  text: string
  session_id: string | null
  tainted: number
}

export const entryColumns = 'id, at, day, category, text, session_id, tainted'

// What an overview shows of either.
const maxGroups = 100

export function appendMemory(
  connection: Connection,
  { text, category, at, sessionId, tainted }: CommandInput<'appendMemory'>,
): Outcome<{ id: number; day: string }> {
  const id = nextNumber(connection, 'entries')
  chargeBytes(connection, bytesOf(text))
  const day = new Date(at).toISOString().slice(0, 'yyyy-mm-dd'.length)
  connection
    .prepared(`INSERT INTO memory_entries (${entryColumns}) VALUES (?, ?, ?, ?, ?, ?, ?)`)
    .run(id, at, day, category, text, sessionId, Number(tainted))
  connection.prepared('INSERT INTO memory_index (rowid, text) VALUES (?, ?)').run(id, indexable(text))
  noteMerging(connection)
  return { result: { id, day }, changes: [] }
}

/** Newest first, of a day or a category or all. */
export function listMemory(
  connection: Connection,
  { day, category, before = Number.MAX_SAFE_INTEGER, limit, maxChars }: MemoryQuery,
): { entries: MemoryEntry[]; hasMore: boolean } {
  const conditions = [
    'id < @before',
    ...(day === undefined ? [] : ['day = @day']),
    ...(category === undefined ? [] : ['category = @category']),
  ]
  const rows = connection
    .prepared<EntryRow>(
      `SELECT ${entryColumns} FROM memory_entries WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT @limit`,
    )
    .iterate({ before, day, category, limit: limit + 1 })
  const entries: MemoryEntry[] = []
  let chars = 0
  let hasMore = false
  for (const row of rows) {
    chars += row.text.length
    hasMore = entries.length === limit || (entries.length > 0 && chars > maxChars)
    if (hasMore) break
    entries.push(toEntry(row))
  }
  return { entries, hasMore }
}

/** What there is, read from indexes alone. */
export function memoryOverview(connection: Connection): MemoryOverview {
  const days = connection
    .prepared<{ day: string; entries: number }>(
      `SELECT day, count(*) AS entries FROM memory_entries GROUP BY day ORDER BY day DESC LIMIT ${maxGroups}`,
    )
    .all()
  const categories = connection
    .prepared<{ category: string; entries: number; tainted: number }>(
      `SELECT category, count(*) AS entries, max(tainted) AS tainted FROM memory_entries GROUP BY category
       ORDER BY entries DESC, category LIMIT ${maxGroups}`,
    )
    .all()
    .map(row => ({ ...row, tainted: row.tainted === 1 }))
  return { days, categories }
}

export function taintRun(connection: Connection, { runId }: CommandInput<'taintRun'>): Outcome<undefined> {
  return taint(connection, runId)
}

export function toEntry({ session_id, tainted, ...row }: EntryRow): MemoryEntry {
  return { ...row, sessionId: session_id, tainted: tainted === 1 }
}
