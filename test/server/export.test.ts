import fc from 'fast-check'
import { lexer, type Token, walkTokens } from 'marked'
import { expect, onTestFinished, test } from 'vitest'
import type { SqliteStore } from '../../src/db/sqlite/engine.ts'
import { exportSession } from '../../src/server/export.ts'
import { importSession } from '../../src/server/session-import.ts'
import { temporaryStore } from '../support/store.ts'

const seed = 20_261_123
const at = 1_771_459_200_000

interface Desk {
  store: SqliteStore
  clock: { now(): number; monotonic(): number }
  newId(): string
}

async function desk(): Promise<Desk & { dispose(): Promise<void> }> {
  const { store, dispose } = await temporaryStore()
  let count = 0
  return { store, clock: { now: () => at, monotonic: () => 0 }, newId: () => `new-${++count}`, dispose }
}

async function exported(app: Desk, sessionId: string, format: 'json' | 'md', epoch?: number): Promise<string> {
  const { text } = await exportSession(app, { sessionId, format, epoch })
  let whole = ''
  for await (const piece of text) whole += piece
  return whole
}

async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

// Text that breaks formats: quotes, brackets, line ends of all kinds, fences, marks, scripts of every width.
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map(text => text.toWellFormed()),
  fc.stringMatching(/^[`~#>*_<![\]{}"\\\r\n -]{0,40}$/),
  fc.constantFrom(
    '```js\nopen',
    '~~~~',
    '<!-- ',
    '<pre>',
    'a <b>bold</b> \\<i>word',
    '- ```\n  <b>\n  ```\n<script>',
    ' ~~~\n<b>\n~~~\n<script>x</script>',
    '```\n<b>\n```~\n<script>',
    '# no',
    '\n### Ada, now',
    '---',
    '| a |',
    '> q\n\nx',
    '\u0000',
    '日本語 😀',
  ),
)
const json = fc.dictionary(
  fc.string({ maxLength: 8 }).map(text => text.toWellFormed()),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 3 },
)
const turn = fc.record({
  do: fc.constantFrom(
    'turn' as const,
    'turn' as const,
    'turn' as const,
    'reset' as const,
    'fork' as const,
    'summary' as const,
  ),
  question: hostile,
  answer: hostile,
  tool: fc.option(fc.record({ args: json, output: hostile })),
  ends: fc.constantFrom('done' as const, 'failed' as const, 'never' as const),
  senderName: fc.option(hostile),
  cut: fc.nat(20),
})
const life = fc.record({
  title: fc.option(hostile),
  senderName: fc.option(hostile),
  model: fc.option(hostile),
  config: json,
  turns: fc.array(turn, { maxLength: 12 }),
})
type Life = typeof life extends fc.Arbitrary<infer Value> ? Value : never
type Turn = Life['turns'][number]

/** Plays a life in the store; the id of the session that it ends in. */
async function play({ store, newId }: Desk, { title, senderName, model, config, turns }: Life): Promise<string> {
  let sessionId = newId()
  const optional = { title: title ?? undefined, senderName: senderName ?? undefined, model: model ?? undefined }
  await store.createSession({ id: sessionId, senderId: 'ada', channel: 'web', config, at: 1, ...optional })
  for (const each of turns) {
    const { epoch, seq } = (await store.getHead(sessionId)) ?? { epoch: 1, seq: 0 }
    if (each.do === 'turn') await talk(store, newId, sessionId, each)
    if (each.do === 'reset') await store.resetSession({ sessionId, at: 5, cut: { messageId: newId() } })
    if (each.do === 'summary')
      await store.saveMemorySummary({ sessionId, summary: each.answer || 'x', throughSeq: seq })
    if (each.do === 'fork') {
      const id = newId()
      await store.forkSession({ id, sessionId, epoch, atSeq: each.cut % (seq + 1), at: 7 })
      sessionId = id
    }
  }
  // What still waits is no part of an export: the session is what it is when its runs have ended.
  for (const { id } of await store.unfinishedRuns()) await store.finishRun({ runId: id, state: 'interrupted', at: 9 })
  return sessionId
}

async function talk(store: SqliteStore, newId: () => string, sessionId: string, turn: Turn): Promise<void> {
  const runId = newId()
  const usage = { inputTokens: 3, outputTokens: turn.answer.length, totalTokens: 3 + turn.answer.length }
  const senderName = turn.senderName ?? undefined
  await store.sendMessage({
    target: { sessionId },
    messageId: newId(),
    runId,
    text: turn.question,
    senderName,
    tokenId: 't',
    at: 2,
  })
  if (turn.ends === 'never') return
  await store.startRun({ runId, at: 2 })
  if (turn.tool) {
    const toolCalls = [{ id: newId(), name: 'file_read', args: turn.tool.args }]
    await store.appendToolCalls({ runId, messageId: newId(), content: '', toolCalls, usage, model: 'm', at: 3 })
    const [{ id: toolCallId } = { id: '' }] = toolCalls
    await store.appendToolResult({ runId, messageId: newId(), toolCallId, content: turn.tool.output, at: 3 })
  }
  const message = { id: newId(), content: turn.answer, incomplete: turn.ends === 'failed', usage }
  await store.finishRun({ runId, state: turn.ends, message, model: 'm', usage, at: 4 })
}

test('whatever a session went through, it comes back equal from its export, in chunks of any size', async () => {
  const from = await desk()
  const to = await desk()
  onTestFinished(from.dispose)
  onTestFinished(to.dispose)
  await fc.assert(
    fc.asyncProperty(life, fc.integer({ min: 1, max: 400 }), async (life, size) => {
      const sessionId = await play(from, life)
      const text = await exported(from, sessionId, 'json')
      const imported = await importSession(to, chunksOf(text, size))
      expect(imported).toMatchObject({ sessionId, renamed: false })
      expect(await exported(to, sessionId, 'json')).toBe(text)
      // Beside itself it differs in its ids and in nothing else.
      const copy = await importSession(from, chunksOf(text, size))
      expect(copy).toMatchObject({ messages: imported.messages, renamed: true })
      expect(comparable(await exported(from, copy.sessionId, 'json'))).toEqual(comparable(text))
    }),
    { seed, numRuns: 60 },
  )
}, 120_000)

function comparable(text: string): unknown {
  const { session, epochs } = JSON.parse(text)
  const withoutIds = ({ id: _id, legacyId: _legacyId, ...message }: Record<string, unknown>) => message
  return [
    { ...session, id: '' },
    epochs.map(({ epoch, messages }: { epoch: number; messages: [] }) => [epoch, messages.map(withoutIds)]),
  ]
}

test('in Markdown every text stays in its place, whatever it is made of', async () => {
  const app = await desk()
  onTestFinished(app.dispose)
  await fc.assert(
    fc.asyncProperty(life, async life => {
      const sessionId = await play(app, life)
      const { epochs } = JSON.parse(await exported(app, sessionId, 'json'))
      const blocks = lexer(await exported(app, sessionId, 'md'))
      const messages = epochs.flatMap(({ messages }: { messages: [] }) => messages)
      walkTokens(blocks, ({ type }) => {
        expect(type).not.toBe('html')
      })
      const depths = blocks.flatMap(block => (block.type === 'heading' ? [block['depth'] as number] : []))
      const wanted = [
        1,
        ...epochs.flatMap((epoch: { messages: [] }) => [
          ...(epochs.length > 1 ? [2] : []),
          ...epoch.messages.map(() => 3),
        ]),
      ]
      expect(depths).toEqual(wanted)
      expect(blocks.filter(({ type }) => type === 'html' || type === 'table' || type === 'def')).toEqual([])
      const outputs = messages
        .filter(({ role }: { role: string }) => role === 'tool')
        .map(({ content }: { content: string }) => content)
      const codes = blocks.filter((block): block is Extract<Token, { type: 'code' }> => block.type === 'code')
      expect(codes.filter(({ lang }) => !lang).map(({ text }) => lines(text))).toEqual(outputs.map(lines))
      const calls = messages.flatMap(({ toolCalls = [] }: { toolCalls?: { args: unknown }[] }) => toolCalls)
      const shown = codes.filter(({ lang }) => lang === 'json').map(({ text }) => JSON.parse(text))
      expect(shown).toEqual(calls.map(({ args }: { args: unknown }) => args))
    }),
    { seed, numRuns: 60 },
  )
}, 120_000)

// Parsers differ about empty lines at the end of a block.
const lines = (text: string) => text.replace(/\r\n?/g, '\n').replace(/\n+$/, '')

test('a conversation in Markdown reads as one', async () => {
  const app = await desk()
  onTestFinished(app.dispose)
  await app.store.createSession({
    id: 's',
    senderId: '4711',
    channel: 'telegram',
    senderName: 'Ada',
    title: 'Notes & *more*',
    at,
  })
  const call = { id: 'c', name: 'file_read', args: { path: 'a.md' } }
  await app.store.sendMessage({
    target: { sessionId: 's' },
    messageId: 'm1',
    runId: 'r',
    text: 'Read it.\n\nPlease.',
    senderName: 'Ada',
    tokenId: 't',
    at,
  })
  await app.store.startRun({ runId: 'r', at })
  await app.store.appendToolCalls({ runId: 'r', messageId: 'm2', content: 'Yes.', toolCalls: [call], model: 'm', at })
  await app.store.appendToolResult({ runId: 'r', messageId: 'm3', toolCallId: 'c', content: '```\ncode\n```', at })
  const message = { id: 'm4', content: 'It says ', incomplete: true }
  await app.store.finishRun({ runId: 'r', state: 'cancelled', message, model: 'm', at })
  expect(await exported(app, 's', 'md')).toBe(`# Notes \\& \\*more\\*

- Session: s
- Sender: Ada (4711)
- Channel: telegram
- Begun: 2026-02-19 00:00:00 UTC
- Last active: 2026-02-19 00:00:00 UTC
- Exported: 2026-02-19 00:00:00 UTC

### Ada, 2026-02-19 00:00:00 UTC

> Read it.
>
> Please.

### Assistant (m), 2026-02-19 00:00:00 UTC

> Yes.

Calls **file\\_read**:

\`\`\`json
{
  "path": "a.md"
}
\`\`\`

### Result of file\\_read, 2026-02-19 00:00:00 UTC

\`\`\`\`
\`\`\`
code
\`\`\`
\`\`\`\`

### Assistant (m), 2026-02-19 00:00:00 UTC

> It says${' '}

*(incomplete)*
`)
  await app.store.createSession({ id: 'e', senderId: 'a', channel: 'c', at })
  expect(await exported(app, 'e', 'md')).toMatch(/^# Conversation\n[\s\S]*\nNothing was said\.\n$/)
})

test('HTML in Markdown is text, but stays as it is in a block of code', async () => {
  const app = await desk()
  onTestFinished(app.dispose)
  await app.store.createSession({ id: 's', senderId: 'a', channel: 'c', at })
  const text = 'A <b>x</b> \\<i>\n```html\n<p class="x">\n```\n<img src=x onerror=y>\n1. ```\n   <p>'
  await app.store.sendMessage({ target: { sessionId: 's' }, messageId: 'm', runId: 'r', text, tokenId: 't', at })
  expect(await exported(app, 's', 'md')).toContain(
    '> A \\<b>x\\</b> \\<i>\n> ```html\n> <p class="x">\n> ```\n> \\<img src=x onerror=y>\n> 1. ```\n>    \\<p>\n',
  )
})

test.each([
  ['Ein Test / „Engines“ 😀', 'sess_1', 'talon-Ein-Test-Engines-2026-02-19.json'],
  ['Ärger über Öl', 'sess_1', 'talon-Arger-uber-Ol-2026-02-19.json'],
  ['日本語', 'sess_1', 'talon-sess_1-2026-02-19.json'],
  [undefined, '../../etc/passwd', 'talon-etc-passwd-2026-02-19.json'],
  ['"; filename="x.exe\r\nX: y', 'sess_1', 'talon-filename-x-exe-X-y-2026-02-19.json'],
  ['.', '..', 'talon-session-2026-02-19.json'],
  ['x'.repeat(500), 'sess_1', `talon-${'x'.repeat(60)}-2026-02-19.json`],
])('the file of a session called %j with the id %j has a name that is safe anywhere', async (title, id, name) => {
  const app = await desk()
  onTestFinished(app.dispose)
  await app.store.createSession({ id, senderId: 'a', channel: 'c', title, at })
  expect((await exportSession(app, { sessionId: id, format: 'json' })).fileName).toBe(name)
})

test('what an import kept beside a session and its messages is exported with them', async () => {
  const app = await desk()
  onTestFinished(app.dispose)
  const { sessionId } = await app.store.beginImport({ id: 's', spareId: 'spare', at })
  const entry = { role: 'user' as const, content: 'x', timestamp: 1 }
  const entries = [
    { ...entry, id: 'a', spareId: 'a2', legacy: { scratchpad: [1] } },
    { ...entry, id: 'a', spareId: 'a3' },
  ]
  await app.store.importEntries({ sessionId, epoch: 1, entries })
  const session = {
    senderId: 'a',
    channel: 'c',
    createdAt: 1,
    lastActiveAt: 2,
    groupId: 'g',
    legacy: { metadata: { x: 1 } },
  }
  await app.store.finishImport({ sessionId, epoch: 1, session, at })
  await app.store.forkSession({ id: 'f', sessionId, atSeq: 2, at })
  const kept = [
    { id: 'a', legacy: { scratchpad: [1] } },
    { id: 'a3', legacyId: 'a' },
  ]
  expect(JSON.parse(await exported(app, 's', 'json'))).toMatchObject({
    session: { groupId: 'g', legacy: { metadata: { x: 1 } } },
    epochs: [{ messages: kept }],
  })
  expect(JSON.parse(await exported(app, 'f', 'json'))).toMatchObject({
    session: { groupId: null, legacy: null },
    epochs: [{ messages: kept }],
  })
})

test('entries that come while it is read are not in an export', async () => {
  const app = await desk()
  onTestFinished(app.dispose)
  await app.store.createSession({ id: 's', senderId: 'a', channel: 'c', at })
  const send = (name: string) =>
    app.store.sendMessage({
      target: { sessionId: 's' },
      messageId: name,
      runId: `r${name}`,
      text: name,
      tokenId: 't',
      at,
    })
  await send('one')
  const { text } = await exportSession(app, { sessionId: 's', format: 'json' })
  await send('two')
  let whole = ''
  for await (const piece of text) whole += piece
  expect(JSON.parse(whole)).toMatchObject({ session: { seq: 1 }, epochs: [{ messages: [{ id: 'one' }] }] })
})

/** An export with this session and these messages. */
function fileOf(session: object, messages: readonly object[]): string {
  const about = { id: 's', senderId: 'a', channel: 'c', title: null, createdAt: 1, lastActiveAt: 2, model: null }
  const epochs = [{ epoch: 1, messages }]
  return JSON.stringify({ format: 'talon.session', version: 1, session: { ...about, ...session }, epochs })
}

test('messages go to the store in batches that are bounded by all that they carry', async () => {
  const app = await desk()
  onTestFinished(app.dispose)
  const batches: number[][] = []
  const store: Desk['store'] = {
    ...app.store,
    importEntries(input) {
      batches.push(input.entries.map(entry => JSON.stringify(entry).length))
      return app.store.importEntries(input)
    },
  }
  const large = { v: 'x'.repeat(100_000) }
  const calling = (id: string, args: object) => ({
    id,
    role: 'assistant',
    content: '',
    timestamp: 1,
    toolCalls: [{ id: 'c', name: 'n', args }],
  })
  const kept = { id: 'kept', role: 'user', content: 'x', timestamp: 1, legacy: { v: 'x'.repeat(600_000) } }
  const messages = [...Array.from({ length: 20 }, (_, index) => calling(`m${index}`, large)), kept, calling('last', {})]
  await importSession({ ...app, store }, chunksOf(fileOf({}, messages), 65_536))
  expect(batches.map(batch => batch.length)).toEqual([5, 5, 5, 5, 1, 1])
  expect(await app.store.getSession('s')).toMatchObject({ messageCount: 22 })
})

test.each([
  ['senderId', 128],
  ['channel', 128],
  ['groupId', 128],
  ['senderName', 200],
  ['model', 200],
  ['title', 500],
])('the %s of a session to import has at most %i characters', async (name, most) => {
  const app = await desk()
  onTestFinished(app.dispose)
  await expect(importSession(app, chunksOf(fileOf({ [name]: 'x'.repeat(most + 1) }, []), 1e6))).rejects.toMatchObject({
    code: 'INVALID_MESSAGE',
    message: expect.stringContaining(`session.${name}: `),
  })
  const imported = await importSession(app, chunksOf(fileOf({ [name]: 'x'.repeat(most) }, []), 1e6))
  expect(imported).toMatchObject({ sessionId: 's', renamed: false })
})

test('the config of a session to import is no larger than a client could have sent it', async () => {
  const app = await desk()
  onTestFinished(app.dispose)
  const config = { big: 'x'.repeat(1024 * 1024) }
  await expect(importSession(app, chunksOf(fileOf({ config }, []), 1e6))).rejects.toMatchObject({
    code: 'INVALID_MESSAGE',
    message: expect.stringContaining('session.config: must have at most 1048576 characters of JSON'),
  })
})

test('a message as large as a tool may make it is imported, a larger one is not', async () => {
  const app = await desk()
  onTestFinished(app.dispose)
  const saying = (bytes: number) => [{ id: 'm', role: 'user', content: 'x'.repeat(bytes), timestamp: 1 }]
  const megabytes = 1024 * 1024
  await expect(importSession(app, chunksOf(fileOf({}, saying(21 * megabytes)), 1e6))).rejects.toMatchObject({
    code: 'TOO_LARGE',
  })
  expect(await importSession(app, chunksOf(fileOf({}, saying(16 * megabytes)), 1e6))).toMatchObject({ messages: 1 })
})
