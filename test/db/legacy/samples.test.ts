import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import {
  importInto,
  logOf,
  message,
  newStore,
  oldFolder,
  sampleFolder,
  samples,
  session,
  snapshot,
} from './importing.ts'

const report = (file: string, sessionId: string | null, messages: number, more: object = {}) => ({
  file,
  outcome: 'imported',
  sessionId,
  messagesRead: messages,
  messagesStored: messages,
  warnings: [],
  ...more,
})

/** What no query shows: the columns for what has no other place. */
function legacyOf(file: string, sql: string): Record<string, unknown>[] {
  const database = new Database(file, { readonly: true })
  const rows = database.prepare<[], { legacy: string | null }>(sql).all()
  database.close()
  return rows.map(row => ({ ...row, legacy: row.legacy === null ? null : JSON.parse(row.legacy) }))
}

test('every sample is imported whole, and the table says so', async () => {
  const to = await newStore()
  const { files, totals } = await importInto(to, samples)
  expect(files).toEqual([
    report('cli-local.json', 'cli-local', 10),
    report('sess_Nlp2KZ-0rnJs.json', 'sess_Nlp2KZ-0rnJs', 0),
    report('sess_V1StGXR8_Z5j.json', 'sess_V1StGXR8_Z5j', 11),
    report('sess_zGq2OqB2qf-1.json', 'sess_zGq2OqB2qf-1', 7),
  ])
  expect(totals).toEqual({ files: 4, sessions: 4, messagesRead: 28, messagesStored: 28, warnings: 0, failed: 0 })
  expect((await to.store.listSessions({ limit: 10 })).sessions).toHaveLength(4)
  expect(await to.store.counts()).toMatchObject({ sessions: 4, totalMessages: 28, activeSessions: 0 })
})

test('a conversation with tools keeps ids, order, times, calls and results', async () => {
  const to = await newStore()
  await importInto(to, samples)
  expect(await to.store.getSession('sess_V1StGXR8_Z5j')).toMatchObject({
    senderId: '412345678',
    channel: 'telegram',
    state: 'idle',
    messageCount: 11,
    createdAt: 1771480799980,
    lastActiveAt: 1771480861000,
    model: 'deepseek/deepseek-chat',
    memorySummary: null,
    config: {},
    epoch: 1,
    seq: 11,
  })
  const log = await logOf(to.store, 'sess_V1StGXR8_Z5j')
  const messages = log.map(({ message }) => message)
  expect(messages.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  expect(messages.slice(0, 3)).toEqual([
    {
      id: 'msg_mlt1xhc0',
      seq: 1,
      role: 'user',
      content: 'Put "renew passport" on my list, high priority, and show me my home folder',
      timestamp: 1771480800000,
    },
    {
      id: 'msg_mlt1xiss_1',
      seq: 2,
      role: 'assistant',
      content: '',
      toolCalls: [
        { id: 'call_00_aQ1', name: 'tasks_add', args: { title: 'Renew passport', priority: 'high' } },
        { id: 'call_01_bR2', name: 'file_list', args: { path: '~/' } },
      ],
      timestamp: 1771480801900,
    },
    {
      id: 'msg_mlt1xisw_tool',
      seq: 3,
      role: 'tool',
      content: 'Task added: Renew passport (ID: 1771480801903)',
      toolCallId: 'call_00_aQ1',
      timestamp: 1771480801904,
    },
  ])
  // The next one has the same id and the same time in the file.
  expect(messages[3]).toMatchObject({ role: 'tool', toolCallId: 'call_01_bR2', timestamp: 1771480801904 })
  expect(messages[3]?.id).not.toBe('msg_mlt1xisw_tool')
  expect(log.filter(({ final }) => final).map(({ seq }) => seq)).toEqual([5, 11])
  expect(
    legacyOf(
      to.file,
      "SELECT legacy, legacy_id FROM messages WHERE session_id = 'sess_V1StGXR8_Z5j' AND seq IN (4, 10)",
    ),
  ).toEqual([
    {
      legacy_id: 'msg_mlt1xisw_tool',
      legacy: { toolResults: [{ success: true, metadata: { executionTime: 0, confirmation: 'call_01_bR2' } }] },
    },
    {
      legacy_id: null,
      legacy: { toolResults: [{ success: false, metadata: { executionTime: 0, confirmation: 'call_03_dT4' } }] },
    },
  ])
  expect(legacyOf(to.file, "SELECT legacy FROM sessions WHERE id = 'sess_V1StGXR8_Z5j'")).toEqual([
    { legacy: { metadata: { messageCount: 4 } } },
  ])
})

test('a session of a dead process, with missing fields, repeated ids and contents of any type, is whole', async () => {
  const to = await newStore()
  await importInto(to, samples)
  expect(await to.store.getSession('sess_zGq2OqB2qf-1')).toMatchObject({
    senderId: 'web-user',
    channel: 'webchat',
    state: 'idle',
    messageCount: 7,
  })
  const messages = (await logOf(to.store, 'sess_zGq2OqB2qf-1')).map(({ message }) => message)
  expect(messages.map(({ role, content }) => [role, content])).toEqual([
    ['tool', 'Error: Access denied to path "/etc/shadow". Check tools.files.allowedPaths in config.'],
    ['user', 'first'],
    ['user', 'second, same millisecond, same id'],
    ['user', ''],
    ['user', '{"a":1}'],
    [
      'assistant',
      "I reached my maximum iteration limit. Here's what I have so far — let me know if you'd like me to continue.",
    ],
    [
      'assistant',
      'Here are the tool results I gathered before the error:\n\n**web_search**: Error: All search providers failed',
    ],
  ])
  expect(messages[0]?.toolCallId).toBe('call_gone')
  const rows = legacyOf(
    to.file,
    "SELECT legacy, legacy_id FROM messages WHERE session_id = 'sess_zGq2OqB2qf-1' AND seq BETWEEN 3 AND 5",
  )
  expect(rows).toEqual([
    { legacy_id: 'msg_mlujihsa', legacy: null },
    { legacy_id: null, legacy: { contentType: 'missing' } },
    { legacy_id: null, legacy: { contentType: 'object' } },
  ])
  expect(legacyOf(to.file, "SELECT legacy FROM sessions WHERE id = 'sess_zGq2OqB2qf-1'")).toEqual([
    { legacy: { metadata: { messageCount: 12 }, missing: ['channel', 'senderId'] } },
  ])
})

test("the terminal's session keeps its summary, which a model is told of, and a lone surrogate breaks nothing", async () => {
  const to = await newStore()
  await importInto(to, samples)
  const session = await to.store.getSession('cli-local')
  expect(session).toMatchObject({ senderId: 'user', channel: 'cli', state: 'idle' })
  expect(session?.memorySummary).toContain('User is Marta, based in Lisbon (timezone Europe/Lisbon) 🇵🇹')
  expect(await to.store.getMemorySummary('cli-local')).toEqual({ summary: session?.memorySummary, throughSeq: 0 })
  const contents = (await logOf(to.store, 'cli-local')).map(({ message }) => message.content)
  expect(contents[2]).toBe('שלום! כתוב ברכה קצרה')
  expect(contents[4]).toContain('👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽')
  expect(contents[6]).toBe('lone surrogate: \ufffd end')
  expect(Math.max(...contents.map(content => content.length))).toBeGreaterThan(80_000)
  expect(legacyOf(to.file, "SELECT legacy FROM messages WHERE session_id = 'cli-local' AND seq = 7")).toEqual([
    { legacy: { content: 'lone surrogate: \ud83d end' } },
  ])
})

test('of the broken ones, what can be read is there, and what cannot is told', async () => {
  const to = await newStore()
  const { files } = await importInto(to, `${samples}/corrupt`)
  const warning = 'The file ends in message 1: what is there of it (79 bytes) was kept and is marked incomplete.'
  expect(files).toEqual([
    report('sess_empty0000001.json', null, 0, { outcome: 'failed', error: 'The file is empty.' }),
    report('sess_truncated001.json', 'sess_truncated001', 1, { warnings: [warning] }),
  ])
  expect(await to.store.getSession('sess_truncated001')).toMatchObject({ senderId: 'x', channel: 'cli', state: 'idle' })
  const [entry] = await logOf(to.store, 'sess_truncated001')
  expect(entry?.message).toMatchObject({ id: 'msg_mlujihs0', content: 'cut off m', incomplete: true })
})

test('fields that no version wrote are carried over', async () => {
  const to = await newStore()
  await importInto(to, `${samples}/hypothetical`)
  expect(await to.store.getSession('sess_tokenUsage0001')).toMatchObject({
    config: { model: 'gpt-4o', thinkingLevel: 'low', verboseLevel: true },
    model: 'gpt-4o-mini',
  })
  const [, answer] = await logOf(to.store, 'sess_tokenUsage0001')
  expect(answer?.message.usage).toEqual({ inputTokens: 812, outputTokens: 9, totalTokens: 821 })
  const [{ legacy } = {}] = legacyOf(to.file, 'SELECT legacy FROM sessions')
  expect(legacy).toEqual({
    scratchpad: { visited: ['a'], collected: [{ k: 1 }], pending: [], progress: { step: 2 } },
  })
})

test('another run adds nothing, from the same folder or from a copy of it, and old files stay as they are', async () => {
  const to = await newStore()
  const folder = sampleFolder()
  const before = snapshot(folder)
  const first = await importInto(to, folder)
  expect(first.totals).toMatchObject({ files: 4, sessions: 4, messagesStored: 28 })
  const after = await to.store.counts()
  for (const path of [folder, sampleFolder()]) {
    const again = await importInto(to, path)
    expect(again.totals).toMatchObject({ files: 4, sessions: 0, messagesStored: 0, failed: 0 })
    expect(again.files.map(({ outcome }) => outcome)).toEqual(['known', 'known', 'known', 'known'])
  }
  expect(await to.store.counts()).toEqual(after)
  expect(snapshot(folder)).toEqual(before)
})

test('a session that was deleted here does not come back', async () => {
  const to = await newStore()
  const folder = sampleFolder()
  await importInto(to, folder)
  await to.store.deleteSession({ sessionId: 'sess_Nlp2KZ-0rnJs', at: 5, cut: { messageId: 'cut' } })
  await importInto(to, folder)
  expect(await to.store.getSession('sess_Nlp2KZ-0rnJs')).toBeUndefined()
  expect((await to.store.counts()).sessions).toBe(3)
})

test('what is longer than a field may be is cut there, and kept whole beside it', async () => {
  const to = await newStore()
  const long = (name: string) => `${name} ${'😀'.repeat(500)}`
  const more = {
    title: long('title'),
    senderId: long('sender'),
    senderName: long('name'),
    channel: long('channel'),
    metadata: { createdAt: 1, lastActiveAt: 2, messageCount: 1, model: long('model') },
    config: { big: 'x'.repeat(1024 * 1024) },
  }
  const { files } = await importInto(to, oldFolder({ 'x.json': session('x', [message('a', 'one')], more) }))
  expect(files[0]).toMatchObject({ outcome: 'imported', sessionId: 'x' })
  expect(files[0]?.warnings).toHaveLength(6)
  expect(files[0]?.warnings).toContain(
    'The field "title" has 1006 characters: the first 500 are used, and the whole is kept.',
  )
  const kept = await to.store.getSession('x')
  const lengths = [kept?.title, kept?.senderId, kept?.senderName, kept?.channel].map(text => text?.length)
  expect(lengths).toEqual([500, 127, 199, 128])
  expect(kept).toMatchObject({ model: null, config: {} })
  const [row] = legacyOf(to.file, 'SELECT legacy FROM sessions')
  const { metadata, ...rest } = more
  expect(row).toEqual({ legacy: { ...rest, metadata: { model: metadata.model } } })
})
