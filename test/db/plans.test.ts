import { expect, onTestFinished, test } from 'vitest'
import { commitBatch, type Order } from '../../src/db/sqlite/commit.ts'
import { heavyQueriesHere } from '../../src/db/sqlite/heavy-reads.ts'
import { migrate } from '../../src/db/sqlite/migrate.ts'
import { type Connection, openWriter, prepareFile } from '../../src/db/sqlite/open.ts'
import { createQueries } from '../../src/db/sqlite/queries.ts'
import { migrationsDir, requestKey, temporaryHome } from '../support/store.ts'

const session = { senderId: 'a', channel: 'c', at: 1 }
const message = { runId: 'r', messageId: 'm', text: 't', tokenId: 't', at: 1 }

const audit = {
  at: 1,
  action: 'a',
  tokenId: 't',
  channel: 'ws',
  address: null,
  userAgent: null,
  target: 's',
  outcome: 'ok',
}

const call = {
  ...{ id: 'call', sessionId: 's', tokenId: 't', provider: 'p', model: 'm' },
  ...{ price: null, inputTokens: 1, outputTokens: 1 },
}

const kept = { sessionId: 's', tainted: false, at: 1 }

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
  { name: 'reserveCall', input: { call, runId: 'r', limits: { day: { tokens: 9 } }, ended: [], at: 1 } },
  { name: 'reserveCall', input: { call, runId: null, limits: {}, ended: [], at: 1 } },
  { name: 'settleCalls', input: { ended: [{ ...call, reserved: true, estimated: false }], at: 1 } },
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
  { name: 'settleLeftOver', input: {} },
  { name: 'reopenDay', input: { at: 1 } },
  { name: 'finishInvocation', input: { invocationId: 'i', outcome: {}, at: 1 } },
  {
    name: 'recordRefusal',
    input: {
      ...{ id: 'j', toolName: 't', args: {}, startedAt: 1, sessionId: 's', runId: 'r', tokenId: null },
      ...{ outcome: {}, at: 1 },
    },
  },
  {
    name: 'recordEndedRuns',
    input: {
      rows: [['e', null, 's', null, 't', '{}', 1, null, null, 0, 0, null, '{}', 1, 1, null, null, 1, 0]],
      payers: [{ sessionId: 's', tokenId: 't', at: 1, toolCalls: 1 }],
    },
  },
  {
    name: 'beginInvocation',
    input: { id: 'k', toolName: 't', args: {}, startedAt: 1, sessionId: 's', runId: 'r', tokenId: null },
  },
  { name: 'finishInvocation', input: { invocationId: 'k', outcome: {}, at: 1, taints: true } },
  {
    name: 'addGrant',
    input: {
      ...{ id: 'g', remember: 'session', hash: 'h', toolName: 't', sessionId: 's', subject: null, args: {} },
      ...{ tainted: false, tokenId: 't', createdAt: 1 },
    },
  },
  { name: 'revokeGrant', input: { id: 'g' } },
  { name: 'appendMemory', input: { ...kept, text: 't', category: 'c' } },
  { name: 'mergeFacts', input: { ...kept, patch: { a: 1 } } },
  { name: 'savePersona', input: { ...kept, content: 'c' } },
  ...[1, 2].map((): Order => ({ name: 'saveNote', input: { ...kept, title: 't', content: 'c', tags: ['a'] } })),
  { name: 'addTask', input: { ...kept, title: 't', description: '', priority: 'low' } },
  { name: 'completeTask', input: { id: 1, at: 1 } },
  { name: 'taintRun', input: { runId: 'r' } },
  {
    name: 'beginDelegation',
    input: {
      ...{ sessionId: 'sub_1', messageId: 'sm', runId: 'sr', parentSessionId: 's', parentRunId: null, role: 'writer' },
      ...{ depth: 1, permissions: ['safe'], title: 't', senderId: 'a', profile: null, tainted: false, text: 't' },
      ...{ tokenId: 't', at: 1 },
    },
  },
  {
    name: 'addSchedule',
    input: {
      ...{ id: 'd', name: 'd', cron: '0 8 * * *', onceAt: null, timezone: 'UTC', text: 't', sessionId: 's' },
      ...{ tokenId: 't', profile: 'workspace', tainted: true, createdAt: 1, nextAt: 1, request: requestKey('5') },
    },
  },
  { name: 'passSchedule', input: { id: 'd', from: 1, nextAt: 2 } },
  {
    name: 'fireSchedule',
    input: {
      ...{ id: 'd', from: 2, nextAt: 3, dueAt: 2, cause: 'due', messageId: 'dm', runId: 'dr', newSessionId: 'ds' },
      at: 2,
    },
  },
  { name: 'pauseSchedule', input: { id: 'd', paused: 'why' } },
  ...(['memory', 'note', 'task'] as const).map((kind): Order => ({ name: 'forget', input: { what: { kind, id: 1 } } })),
  { name: 'forget', input: { what: { kind: 'fact', key: 'a' } } },
  { name: 'forget', input: { what: { kind: 'persona' } } },
  {
    name: 'addAttachment',
    input: {
      ...{ id: 'a', sessionId: 's', invocationId: 'i', name: 'n', mime: 'm', bytes: 1, sha256: 'h', createdAt: 1 },
      bounds: { sessionBytes: 0, totalBytes: 0 },
    },
  },
  { name: 'pruneAttachments', input: { before: 2 } },
  { name: 'interruptInvocations', input: { at: 1 } },
  { name: 'createToken', input: { id: 't', name: 't', hash: 'h', scopes: [], createdAt: 1, request: requestKey('3') } },
  { name: 'putToken', input: { id: 't', name: 't', hash: 'h', scopes: [], createdAt: 1 } },
  { name: 'touchTokens', input: { ids: ['t'], at: 1 } },
  { name: 'createWebSession', input: { hash: 'h', tokenId: 't', createdAt: 1, expiresAt: 1 } },
  { name: 'deleteWebSession', input: { hash: 'h' } },
  { name: 'recordAudit', input: { ...audit, details: {} } },
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
            for (const order of [undefined, 'oldest' as const]) {
              await queries.listSessions({ limit: 1, cursor, channel, state, senderId, query: text, order })
            }
          }
        }
      }
    }
  }
  for (const cursor of [undefined, '1.1']) await queries.listDeleted({ limit: 1, cursor })
  await queries.getSession('x')
  await queries.getDelegation('sub_1')
  await queries.unfinishedDelegations()
  await queries.runProfile('r')
  await queries.listSchedules()
  await queries.getSchedule('d')
  await queries.scheduleRuns({ id: 'd', limit: 1 })
  await queries.getHead('x')
  for (const after of [undefined, 0]) await queries.history({ sessionId: 'x', epoch: 1, limit: 1, maxBytes: 1, after })
  for (const after of [undefined, 0]) await queries.history({ sessionId: 'f', epoch: 1, limit: 1, maxBytes: 1, after })
  await queries.quietSessions({ until: { lastActiveAt: 1, id: '' }, limit: 1 })
  await queries.getWholeSession('x')
  await queries.getKeptOfImports(['x'])
  await heavyQueriesHere(connection).edgeOfNewest({ maxBytes: 1e9 })
  await heavyQueriesHere(connection).verifyAudit({})
  for (const action of [undefined, 'a']) {
    for (const tokenId of [undefined, 't']) await queries.listAudit({ limit: 1, action, tokenId })
  }
  await queries.auditHead()
  await queries.getMessage('x')
  await queries.getRun('x')
  await queries.activeRun('s')
  await queries.nextQueuedRun('x')
  await queries.unfinishedRuns()
  await queries.listRuns({ sessionId: 'x', epoch: 1, limit: 1 })
  await queries.listFailedRuns({ since: 1, limit: 1 })
  await queries.getMemorySummary('x')
  await queries.getAttachment('x')
  await queries.listAttachments('x')
  await queries.keptContents(['x'])
  await queries.counts()
  await queries.sessionUsage('x')
  await queries.sessionSpending('x')
  await queries.payingDay(1)
  await queries.budgetStates({ payer: { sessionId: 'x', tokenId: 't' }, limits: { token: { tokens: 1 } }, at: 1 })
  for (const by of ['day', 'session', 'model', 'token'] as const) {
    await heavyQueriesHere(connection).usage({ from: 0, to: 1, by, limit: 1 })
  }
  await queries.getInvocation('i')
  for (const sessionId of [undefined, 's']) {
    for (const toolName of [undefined, 't']) {
      for (const before of [undefined, 'z']) await queries.listInvocations({ sessionId, toolName, before, limit: 1 })
    }
  }
  await queries.getInvocationItem('i')
  await queries.findGrant({ sessionId: 's', sessionHash: 'h', hash: 'h', tainted: false })
  await queries.hasGrant('g')
  await queries.listGrants()
  for (const of of [{}, { day: '2026-01-01' }, { category: 'c' }])
    await queries.listMemory({ ...of, limit: 1, maxChars: 1 })
  for (const version of [undefined, 1]) {
    await queries.getFacts(version)
    await queries.getPersona(version)
    await queries.getNote(1, version)
  }
  await queries.findNote('t')
  await queries.listNotes({ limit: 1 })
  await queries.getTask(1)
  await queries.listTasks({ status: 'all', limit: 1 })
  await queries.memoryCounts()
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
  // At most two hundred, with the ended ones.
  'SCAN schedules',
  'SCAN schedules USING INDEX sqlite_autoindex_schedules_1',
  'SCAN attachments USING COVERING INDEX idx_attachments_age',
  'SCAN grants',
  'SCAN grants USING COVERING INDEX sqlite_autoindex_grants_1',
  'SCAN runs USING INDEX idx_runs_unfinished',
  'SCAN tool_runs USING INDEX idx_tool_runs_unfinished',
  // What a question about usage made of the days that it asks for.
  'SCAN groups',
  // Calls of models that are under way.
  'SCAN budget_reservations',
  'SCAN CONSTANT ROW',
  // One row of a full-text index, by its rowid.
  'SCAN memory_index VIRTUAL TABLE INDEX 0:=',
  'SCAN note_index VIRTUAL TABLE INDEX 0:=',
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
