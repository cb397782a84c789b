import { expect, test } from 'vitest'
import type { Commands, Grant, NewSchedule, Store } from '../../src/db/store.ts'
import type { Session } from '../../src/protocol/shapes.ts'
import { createCache } from '../../src/server/cache.ts'
import { type Counts, cachedStore } from '../../src/server/cached-store.ts'
import { requestKey, sendText, temporaryStore } from '../support/store.ts'

const clock = { now: () => 1_000, monotonic: () => 1_000 }
const cut = { messageId: 'cut' }
const usage = { inputTokens: 1, outputTokens: 2, totalTokens: 3 }
const owner = { senderId: 'ada', channel: 'test' }
const source = {
  folder: '',
  source: 's.json',
  sizeBytes: 1,
  modifiedAt: 1,
  sha256: '',
  messagesRead: 1,
  messagesHash: '',
}
const entry = { id: 'imported', spareId: 'spare', role: 'user', content: 'text', timestamp: 1 } as const
const imported = { sessionId: 'imported', epoch: 1 }
const grant: Grant = {
  remember: 'session',
  ...{ id: 'grant', hash: 'h', toolName: 'clock', sessionId: 's', subject: null, args: {} },
  ...{ tainted: false, tokenId: 't', createdAt: 1 },
}
const invocation = { id: 'i', tokenId: null, sessionId: 's', runId: null, toolName: 'clock', args: {}, startedAt: 1 }
const audit = {
  at: 1,
  action: 'test',
  tokenId: null,
  channel: 'gateway',
  address: null,
  userAgent: null,
  target: null,
  outcome: 'ok',
  details: null,
} as const
const reserved = {
  ...{ id: 'call', sessionId: 's', tokenId: 'token', provider: 'p', model: 'm' },
  ...{ price: null, inputTokens: 1, outputTokens: 1 },
}
const kept = { sessionId: 's', tainted: false, at: 5 }
const delegation: Parameters<Store['beginDelegation']>[0] = {
  ...{ sessionId: 'sub_1', messageId: 'sub-message', runId: 'sub-run', parentSessionId: 's', parentRunId: 'run-a' },
  role: 'research',
  ...{ depth: 1, title: 'research: x', senderId: 'ada', profile: null },
  permissions: ['safe'],
  ...{ tainted: true, text: 'x', tokenId: 'token', at: 5 },
}
const schedule: NewSchedule = {
  ...{ id: 'daily', name: 'daily', cron: '0 8 * * *', onceAt: null, timezone: 'UTC', text: 'x', sessionId: null },
  ...{ tokenId: 'token', tainted: true, createdAt: 1, nextAt: 5 },
  profile: 'workspace',
}
const fired = {
  dueAt: 6,
  cause: 'due',
  messageId: 'due-message',
  runId: 'due-run',
  newSessionId: 'due',
  at: 6,
} as const
const token = { id: 'token', name: 'token', hash: 'hash', scopes: [], createdAt: 1 }

/** Every command, each in a place where it changes something. A new one needs a step here. */
const steps: Record<keyof Commands, (store: Store) => Promise<unknown>> = {
  createSession: store => store.createSession({ id: 's', ...owner, at: 1 }),
  updateSession: store => store.updateSession({ sessionId: 's', title: 'title', model: 'model', config: { a: 1 } }),
  sendMessage: async store => {
    await sendText(store, 's', 'a')
    await sendText(store, 's', 'b', { target: { findOrCreate: { id: 'found', senderId: 'bob', channel: 'test' } } })
  },
  startRun: store => store.startRun({ runId: 'run-a', at: 2 }),
  savePartialText: store => store.savePartialText({ runId: 'run-a', text: 'so far' }),
  appendToolCalls: store =>
    store.appendToolCalls({
      runId: 'run-a',
      messageId: 'calls',
      content: '',
      toolCalls: [{ id: 'c', name: 'clock', args: {} }],
      usage,
      at: 3,
    }),
  appendToolResult: store =>
    store.appendToolResult({ runId: 'run-a', messageId: 'result', toolCallId: 'c', content: 'noon', at: 4 }),
  beginInvocation: store => store.beginInvocation(invocation),
  finishInvocation: store => store.finishInvocation({ invocationId: 'i', outcome: {}, at: 5 }),
  recordRefusal: store => store.recordRefusal({ ...invocation, id: 'refused', outcome: {}, at: 5 }),
  recordEnded: store => store.recordEnded({ ...invocation, id: 'ended', outcome: {}, at: 5 }),
  addAttachment: store =>
    store.addAttachment({
      ...{
        id: 'a',
        sessionId: 's',
        invocationId: 'i',
        name: 'a.png',
        mime: 'image/png',
        bytes: 1,
        sha256: 'h',
        createdAt: 1,
      },
      bounds: { sessionBytes: 1, totalBytes: 1 },
    }),
  pruneAttachments: store => store.pruneAttachments({ before: 2 }),
  addGrant: store => store.addGrant(grant),
  revokeGrant: store => store.revokeGrant({ id: 'grant' }),
  appendMemory: store => store.appendMemory({ ...kept, text: 'text', category: 'general' }),
  mergeFacts: store => store.mergeFacts({ ...kept, patch: { a: 1 } }),
  savePersona: store => store.savePersona({ ...kept, content: 'persona' }),
  saveNote: store => store.saveNote({ ...kept, title: 'title', content: 'text' }),
  addTask: store => store.addTask({ ...kept, title: 'title', description: '', priority: 'low' }),
  completeTask: store => store.completeTask({ id: 1, at: 5 }),
  forget: store => store.forget({ what: { kind: 'task', id: 1 } }),
  taintRun: store => store.taintRun({ runId: 'run-a' }),
  beginDelegation: store => store.beginDelegation(delegation),
  addSchedule: store => store.addSchedule(schedule),
  passSchedule: store => store.passSchedule({ id: 'daily', from: 5, nextAt: 6, missed: { count: 1, times: [5] } }),
  fireSchedule: store => store.fireSchedule({ id: 'daily', from: 6, nextAt: 7, ...fired }),
  pauseSchedule: store => store.pauseSchedule({ id: 'daily', paused: 'by a person' }),
  removeSchedule: store => store.removeSchedule({ id: 'daily' }),
  interruptInvocations: store => store.interruptInvocations({ at: 6 }),
  finishRun: store =>
    store.finishRun({
      runId: 'run-a',
      state: 'done',
      usage,
      message: { id: 'last', content: 'done', incomplete: false, usage },
      at: 7,
    }),
  reserveCall: store => store.reserveCall({ call: reserved, runId: null, limits: {}, ended: [], at: 7 }),
  settleCalls: store => store.settleCalls({ ended: [{ ...reserved, reserved: true, estimated: false }], at: 7 }),
  settleLeftOver: store => store.settleLeftOver({}),
  reopenDay: store => store.reopenDay({ at: 1 }),
  saveMemorySummary: store => store.saveMemorySummary({ sessionId: 's', summary: 'summary', throughSeq: 1 }),
  forkSession: store => store.forkSession({ id: 'fork', sessionId: 's', atSeq: 2, at: 8 }),
  retireSession: store => store.retireSession({ sessionId: 'fork', epoch: 1, seq: 2, lastActiveAt: 8, at: 9 }),
  resetSession: store => store.resetSession({ sessionId: 'found', at: 9, cut }),
  deleteSession: async store => {
    await sendText(store, 's', 'c')
    await store.startRun({ runId: 'run-c', at: 10 })
    await store.savePartialText({ runId: 'run-c', text: 'so far' })
    await store.deleteSession({ sessionId: 's', at: 10, cut })
  },
  restoreSession: store => store.restoreSession({ sessionId: 's', at: 11 }),
  keepReply: store => store.keepReply({ reply: {}, at: 11, request: requestKey('kept') }),
  eraseDeleted: async store => {
    await store.deleteSession({ sessionId: 's', at: 12, cut })
    await store.deleteSession({ sessionId: 'found', at: 12, cut })
    await store.counts()
    await store.eraseDeleted({ before: 20 })
  },
  beginImport: store => store.beginImport({ id: 'imported', spareId: 'other', at: 13 }),
  importEntries: store => store.importEntries({ ...imported, entries: [entry] }),
  finishImport: store =>
    store.finishImport({ ...imported, session: { ...owner, createdAt: 1, lastActiveAt: 2 }, at: 14 }),
  abandonImport: async store => {
    const { sessionId } = await store.beginImport({ id: 'abandoned', spareId: 'other', at: 15 })
    await store.importEntries({ sessionId, epoch: 1, entries: [{ ...entry, id: 'abandoned' }] })
    await store.counts()
    await store.abandonImport({ sessionId })
  },
  dropUnfinishedImports: async store => {
    await store.beginImport({ id: 'left', spareId: 'other', at: 16 })
    await store.dropUnfinishedImports()
  },
  recordImport: store => store.recordImport({ sessionId: null, source: { ...source, warnings: [] }, at: 17 }),
  createToken: store => store.createToken(token),
  putToken: store => store.putToken(token),
  touchTokens: store => store.touchTokens({ ids: ['token'], at: 18 }),
  createWebSession: store =>
    store.createWebSession({ hash: 'hash', tokenId: 'token', createdAt: 1, expiresAt: 1_000_000 }),
  deleteWebSession: store => store.deleteWebSession({ hash: 'hash' }),
  recordAudit: store => store.recordAudit(audit),
  revokeToken: store => store.revokeToken({ id: 'token', at: 19 }),
  prune: store => store.prune({ idempotencyBefore: 20, now: 20 }),
  probe: store => store.probe({ at: 20 }),
}

const ids = ['s', 'found', 'fork', 'imported', 'abandoned', 'left']

test.each([1, 3, 100])('after every command %i cached sessions are what the database says', async max => {
  const opened = await temporaryStore()
  try {
    const store = cachedStore(opened.store, {
      sessions: createCache<Session>({ name: 'sessions', max, ttlMs: 60_000, clock }),
      counts: createCache<Counts>({ name: 'status', max: 1, ttlMs: 60_000, clock }),
    })
    for (const [name, step] of Object.entries(steps)) {
      await step(store)
      for (const id of ids) {
        // What is known after one step is what the next may make wrong.
        const said = await opened.store.getSession(id)
        expect(await store.getSession(id), `${id} after ${name}`).toEqual(said)
        expect(await store.getHead(id), `${id} after ${name}`).toEqual(await opened.store.getHead(id))
      }
      expect(await store.counts(), name).toEqual(await opened.store.counts())
    }
    expect(await store.getSession('imported')).toMatchObject({ messageCount: 1 })
  } finally {
    await opened.dispose()
  }
})
