import fc from 'fast-check'

const times = fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_020 })
// Few ids, so that they repeat inside of a session and across sessions.
const ids = fc.integer({ min: 0, max: 20 }).map(each => `msg_${each}`)
const texts = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', 'lone \ud83d', '\udc00', 'שלום', '👩‍👩‍👧‍👦', '\u0000', '"}],{"\\', 'x'.repeat(20_000)),
)
const contents = fc.oneof(
  { weight: 8, arbitrary: texts },
  fc.constantFrom(null, 7, true, undefined),
  fc.array(fc.record({ type: fc.constant('text'), text: texts }), { maxLength: 2 }),
)
const calls = fc.array(
  fc.record(
    {
      id: fc.string(),
      tool: fc.constantFrom('file_read', 'no_such_tool'),
      args: fc.oneof(fc.dictionary(fc.string(), texts), fc.constant('{"a":1}')),
      extra: fc.integer(),
    },
    { requiredKeys: ['id', 'tool', 'args'] },
  ),
  { maxLength: 3 },
)
const results = texts.chain(output =>
  fc.record({
    content: fc.constantFrom(output, `${output}…`),
    toolResults: fc.array(
      fc.record({
        success: fc.boolean(),
        output: fc.constant(output),
        metadata: fc.record(
          { executionTime: fc.nat(), confirmation: fc.string(), truncated: fc.boolean() },
          { requiredKeys: ['executionTime'] },
        ),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  }),
)

const plain = fc.record(
  {
    id: ids,
    role: fc.constantFrom('user', 'assistant', 'system'),
    content: contents,
    timestamp: times,
    channel: fc.constantFrom('webchat', 'cli'),
  },
  { requiredKeys: ['id', 'role', 'timestamp'] },
)
const calling = fc.record({
  id: ids,
  role: fc.constant('assistant'),
  content: fc.constant(''),
  toolCalls: calls,
  timestamp: times,
})
const answering = fc
  .tuple(ids, times, results)
  .map(([id, timestamp, result]) => ({ id, role: 'tool', timestamp, ...result }))
const strange = fc.oneof(
  fc.constantFrom<unknown>(null, 'text', 3, [], {}),
  fc.record({
    id: fc.oneof(fc.nat(), fc.string({ minLength: 129, maxLength: 140 })),
    role: fc.constantFrom('human', 'developer', null),
    content: texts,
    timestamp: fc.constantFrom('2026-02-19T06:00:00Z', 1.5, null, -1),
  }),
  fc.record({
    id: ids,
    role: fc.constant('user'),
    content: texts,
    timestamp: times,
    reactions: fc.jsonValue(),
    tokenUsage: fc.jsonValue(),
    __proto__: fc.constant(1),
  }),
)

/** A message as real files hold them, and some as no file should. */
export const oldMessages = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: plain },
    { weight: 2, arbitrary: calling },
    { weight: 2, arbitrary: answering },
    strange,
  ),
  { maxLength: 25 },
)

/** A whole session; its id and its file name are for the caller to choose. */
export const oldSession = fc.record(
  {
    senderId: fc.constantFrom('a', '', 5),
    channel: fc.constantFrom('webchat', 'telegram'),
    state: fc.constantFrom('created', 'active', 'idle', 'frozen'),
    messages: oldMessages,
    memorySummary: fc.constantFrom('', '- likes tea \ud83c', null),
    metadata: fc.oneof(
      fc.record({ createdAt: times, lastActiveAt: times, messageCount: fc.nat(30), model: fc.constantFrom('m', null) }),
      fc.constantFrom<unknown>(null, {}, 'none'),
    ),
    config: fc.constantFrom<unknown>({}, { model: 'x' }, null, [1]),
    scratchpad: fc.jsonValue(),
  },
  { requiredKeys: ['messages'] },
)
