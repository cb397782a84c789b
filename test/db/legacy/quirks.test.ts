import Database from 'better-sqlite3'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { importInto, logOf, newStore, oldFolder, snapshot } from './importing.ts'
import { oldSession } from './quirks.ts'

type Old = Record<string, unknown>

function isRecord(value: unknown): value is Old {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

interface Row {
  id: string
  legacy_id: string | null
  role: string
  content: string
  timestamp: number
  tool_calls: string | null
  tool_call_id: string | null
  legacy: string | null
}

function rowsOf(file: string, sessionId: string): Row[] {
  const database = new Database(file, { readonly: true })
  const rows = database
    .prepare<[string], Row>('SELECT * FROM messages WHERE session_id = ? ORDER BY epoch, seq')
    .all(sessionId)
  database.close()
  return rows
}

/** That nothing a message said is lost: it is in its row, or in what the row keeps beside. */
function compare(old: unknown, row: Row | undefined): void {
  if (!row) throw new Error(`There is no row for ${JSON.stringify(old)}`)
  const legacy: Old = row.legacy === null ? {} : JSON.parse(row.legacy)
  if (!isRecord(old)) return expect(row.content).toBe(typeof old === 'string' ? old : JSON.stringify(old))
  if (typeof old.id === 'string' && old.id !== '') expect(row.legacy_id ?? row.id).toBe(old.id.toWellFormed())
  const { content } = old
  if (typeof content === 'string') {
    expect(row.content).toBe(content.toWellFormed())
    if (!content.isWellFormed()) expect(legacy.content).toBe(content)
  } else if (content !== undefined && content !== null) expect(row.content).toBe(JSON.stringify(content))
  if (old.role !== row.role) expect(legacy.role).toEqual(old.role ?? null)
  if (old.timestamp !== row.timestamp) expect(legacy.timestamp).toEqual(old.timestamp ?? null)
  if (Array.isArray(old.toolCalls) && old.toolCalls.length > 0) {
    expect(JSON.parse(row.tool_calls ?? '[]')).toHaveLength(old.toolCalls.length)
  }
  for (const key of ['reactions', '__proto__']) {
    if (Object.hasOwn(old, key)) expect(legacy[key]).toEqual(JSON.parse(JSON.stringify(old[key])))
  }
  if (Array.isArray(old.toolResults)) compareResults(old.toolResults, row, legacy)
}

function compareResults(results: readonly unknown[], row: Row, legacy: Old): void {
  const kept = legacy.toolResults
  if (!Array.isArray(kept)) throw new Error('The results of a tool are gone.')
  for (const [index, result] of results.entries()) {
    if (!isRecord(result)) continue
    expect({ output: row.content, ...kept[index], ...wellFormed(result, row) }).toMatchObject(kept[index])
    expect(kept[index].output ?? row.content).toBe(kept[index].output ?? String(result.output).toWellFormed())
  }
  const [first] = results
  const link = isRecord(first) && isRecord(first.metadata) ? first.metadata.confirmation : undefined
  if (typeof link === 'string' && link !== '') expect(row.tool_call_id).toBe(link.toWellFormed())
}

function wellFormed(result: Old, row: Row): Old {
  return result.output === row.content ? {} : { output: result.output }
}

test('of sessions with every quirk no message is lost, and another run adds nothing', async () => {
  const to = await newStore()
  const sessions = fc.sample(oldSession, { seed: 20260220, numRuns: 60 })
  const files = Object.fromEntries(
    sessions.map((session, index) => [
      `sess_${index}.json`,
      { ...(index % 3 === 0 ? {} : { id: `sess_${index}` }), ...session },
    ]),
  )
  const folder = oldFolder(files)
  const before = snapshot(folder)
  const first = await importInto(to, folder)
  expect(first.totals).toMatchObject({ files: 60, sessions: 60, failed: 0 })
  for (const [index, session] of sessions.entries()) {
    const rows = rowsOf(to.file, `sess_${index}`)
    expect(rows).toHaveLength(session.messages.length)
    for (const [place, old] of session.messages.entries()) compare(old, rows[place])
    expect((await logOf(to.store, `sess_${index}`)).map(({ seq }) => seq)).toEqual(rows.map((_, place) => place + 1))
    expect((await to.store.getSession(`sess_${index}`))?.state).not.toBe('active')
  }
  const again = await importInto(to, folder)
  expect(again.totals).toMatchObject({ sessions: 0, messagesStored: 0, failed: 0 })
  expect(snapshot(folder)).toEqual(before)
}, 120_000)

test('a file cut at any byte gives each message before the cut, and never stops the others', async () => {
  const to = await newStore()
  const messages = Array.from({ length: 12 }, (_, index) => ({
    id: `m${index}`,
    role: 'user',
    content: `né ${index} 👍`,
    timestamp: index + 1,
  }))
  const bytes = Buffer.from(JSON.stringify({ id: 'x', senderId: 'u', channel: 'c', messages, memorySummary: 'sum' }))
  // The same bytes twice would be imported once.
  const cuts = [...new Set(fc.sample(fc.integer({ min: 0, max: bytes.length - 1 }), { seed: 7, numRuns: 40 }))]
  const folder = oldFolder(Object.fromEntries(cuts.map((cut, index) => [`cut_${index}.json`, bytes.subarray(0, cut)])))
  const { files } = await importInto(to, folder)
  for (const [index, cut] of cuts.entries()) {
    const report = files.find(({ file }) => file === `sessions/cut_${index}.json`)
    const text = bytes.subarray(0, cut).toString()
    const whole = messages.filter(message => text.includes(JSON.stringify(message))).length
    const told = [...(report?.warnings ?? []), report?.error ?? ''].join(' ')
    expect(told).not.toBe(' ')
    expect(report?.messagesStored ?? 0).toBeGreaterThanOrEqual(whole)
    if (report?.sessionId) {
      const stored = (await logOf(to.store, report.sessionId)).map(({ message }) => message.content)
      expect(stored.slice(0, whole)).toEqual(messages.slice(0, whole).map(({ content }) => content))
    } else expect(whole).toBe(0)
  }
}, 120_000)
