import { expect, onTestFinished, test } from 'vitest'
import { commitBatch, type Order } from '../../src/db/sqlite/commit.ts'
import { heavyQueriesHere } from '../../src/db/sqlite/heavy-reads.ts'
import { migrate } from '../../src/db/sqlite/migrate.ts'
import { type Connection, openWriter, prepareFile } from '../../src/db/sqlite/open.ts'
import { createQueries } from '../../src/db/sqlite/queries.ts'
import { migrationsDir, requestKey, temporaryHome } from '../support/store.ts'

const session = { senderId: 'a', channel: 'c', at: 1 }
const message = { runId: 'r', messageId: 'm', text: 't', tokenId: 't', at: 1 }

// Every command once, so that every statement that writes is prepared.
const orders: Order[] = [
  { name: 'createSession', input: { id: 's', ...session, request: requestKey('1') } },
  { name: 'updateSession', input: { sessionId: 's', title: 't' } },
  { name: 'sendMessage', input: { target: { sessionId: 's' }, ...message, request: requestKey('2') } },
  { name: 'sendMessage', input: { target: { sessionId: 's' }, ...message, request: requestKey('2') } },
  ...['x', 'y'].map((name): Order => {
    const findOrCreate = { id: name, senderId: name, channel: 'c', ...(name === 'y' ? { groupId: 'g' } : {}) }
    return { name: 'sendMessage', input: { ...message, target: { findOrCreate }, runId: name, messageId: name } }
  }),
  { name: 'startRun', input: { runId: 'r', at: 1 } },
  { name: 'savePartialText', input: { runId: 'r', text: 't' } },
  { name: 'appendToolCalls', input: { runId: 'r', messageId: 'm2', content: '', toolCalls: [], at: 1 } },
  { name: 'appendToolResult', input: { runId: 'r', messageId: 'm3', toolCallId: 'c', content: '', at: 1 } },
  { name: 'saveMemorySummary', input: { sessionId: 's', summary: '', throughSeq: 1 } },
  { name: 'resetSession', input: { sessionId: 's', at: 1, cut: { messageId: 'm5', keepRunId: 'r' } } },
  {
    name: 'finishRun',
    input: { runId: 'r', state: 'done', at: 1, message: { id: 'm4', content: '', incomplete: false } },
  },
  {
    name: 'beginInvocation',
    input: { id: 'i', toolName: 't', args: {}, startedAt: 1, sessionId: null, runId: null, tokenId: null },
  },
  { name: 'finishInvocation', input: { invocationId: 'i', outcome: {}, at: 1 } },
  { name: 'interruptInvocations', input: { at: 1 } },
  { name: 'createToken', input: { id: 't', name: 't', hash: 'h', scopes: [], createdAt: 1, request: requestKey('3') } },
  { name: 'putToken', input: { id: 't', name: 't', hash: 'h', scopes: [], createdAt: 1 } },
  { name: 'touchTokens', input: { ids: ['t'], at: 1 } },
  { name: 'createWebSession', input: { hash: 'h', tokenId: 't', createdAt: 1, expiresAt: 1 } },
  { name: 'deleteWebSession', input: { hash: 'h' } },
  { name: 'revokeToken', input: { id: 't', at: 1 } },
  { name: 'forkSession', input: { id: 'f', sessionId: 's', epoch: 1, atSeq: 1, at: 1, request: requestKey('4') } },
  { name: 'forkSession', input: { id: 'g', sessionId: 'f', atSeq: 1, at: 1 } },
  { name: 'retireSession', input: { sessionId: 'g', epoch: 1, seq: 1, lastActiveAt: 1, at: 1 } },
  { name: 'deleteSession', input: { sessionId: 's', at: 1, cut: { messageId: 'm6' } } },
  { name: 'restoreSession', input: { sessionId: 's', at: 1 } },
  { name: 'deleteSession', input: { sessionId: 's', at: 1, cut: { messageId: 'm6' } } },
  { name: 'eraseStep', input: { before: 9 } },
  { name: 'pruneStep', input: { idempotencyBefore: 0, now: 0 } },
  { name: 'probe', input: { at: 1 } },
]

async function query(connection: Connection): Promise<void> {
  const queries = createQueries(connection)
  const { nextCursor } = await queries.listSessions({ limit: 1 })
  for (const cursor of [undefined, nextCursor ?? undefined]) {
    for (const channel of [undefined, 'c']) {
      for (const state of [undefined, 'active' as const]) {
        for (const senderId of [undefined, 'x']) {
          for (const text of [undefined, 'q']) {
            await queries.listSessions({ limit: 1, cursor, channel, state, senderId, query: text })
          }
        }
      }
    }
  }
  await queries.getSession('x')
  await queries.getHead('x')
  for (const after of [undefined, 0]) await queries.history({ sessionId: 'x', epoch: 1, limit: 1, maxBytes: 1, after })
  for (const after of [undefined, 0]) await queries.history({ sessionId: 'f', epoch: 1, limit: 1, maxBytes: 1, after })
  await queries.quietSessions({ until: { lastActiveAt: 1, id: '' }, limit: 1 })
  await queries.getWholeSession('x')
  await queries.getKeptOfImports(['x'])
  await heavyQueriesHere(connection).edgeOfNewest({ maxBytes: 1e9 })
  await queries.getMessage('x')
  await queries.getRun('x')
  await queries.activeRun('s')
  await queries.nextQueuedRun('x')
  await queries.unfinishedRuns()
  await queries.listRuns({ sessionId: 'x', epoch: 1, limit: 1 })
  await queries.getMemorySummary('x')
  await queries.counts()
  await queries.sessionUsage('x')
  await queries.getInvocation('i')
  await queries.findInvocation(requestKey('none'))
  await queries.getToken('t')
  await queries.listTokens()
  await queries.getWebSession('h')
}

function explain({ database }: Connection, sql: string): string[] {
  const statement = database.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
  const names = [...sql.matchAll(/@(\w+)/g)].map(([, name = '']) => [name, 1])
  const values = names.length > 0 ? [Object.fromEntries(names)] : [...sql.matchAll(/\?/g)].map(() => 1)
  return statement.all(...values).map(({ detail }) => detail)
}

// These read all of something that is small by its nature: tokens, and indexes of unfinished work only.
const small = [
  'SCAN tokens',
  'SCAN runs USING INDEX idx_runs_unfinished',
  'SCAN tool_runs USING INDEX idx_tool_runs_unfinished',
  'SCAN CONSTANT ROW',
  // The ids of one page, as they were handed in.
  'SCAN json_each VIRTUAL TABLE INDEX 1:',
  'SCAN sessions USING INDEX idx_sessions_unlisted',
  'SCAN sessions USING COVERING INDEX idx_sessions_unlisted',
]

test('no statement reads a whole table, and no list of sessions sorts', async () => {
  const { file, home, remove } = temporaryHome()
  prepareFile(file)
  const connection = openWriter(file)
  onTestFinished(() => {
    connection.close()
    remove()
  })
  await migrate(connection, { migrationsDir, backupsDir: home, now: 1 })
  const { settled } = commitBatch(connection, orders)
  expect(settled.filter(({ ok }) => !ok)).toEqual([])
  await query(connection)

  const texts = [...connection.statements.keys()].filter(sql => !/^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)/.test(sql))
  expect(texts.length).toBeGreaterThan(60)
  for (const sql of texts) {
    const plan = explain(connection, sql)
    const scans = plan.filter(step => step.startsWith('SCAN') && !step.startsWith('SCAN (') && !small.includes(step))
    expect(scans, sql).toEqual([])
    if (/FROM sessions WHERE deleted_at IS NULL.*ORDER BY last_active_at DESC, id DESC LIMIT @limit$/s.test(sql)) {
      // Only the few whose place in the indexes is behind are sorted.
      const sorted = plan.filter((_, at) => plan[at + 1]?.includes('TEMP B-TREE'))
      expect(sorted, sql).toEqual([expect.stringContaining('idx_sessions_unlisted')])
    }
  }
})
