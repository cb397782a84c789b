import { expect, test } from 'vitest'
import type { Run } from '../../../src/db/store.ts'
import type { Message } from '../../../src/protocol/shapes.ts'
import { stepsOf } from '../../../src/server/pages/trace/steps.ts'

const run: Run = {
  ...{ id: 'r', sessionId: 's', epoch: 1, messageSeq: 1, state: 'done', partialText: '', error: null, model: 'm' },
  ...{ provider: 'p', usage: null, tokenId: null, createdAt: 1_000, startedAt: 1_100, finishedAt: 5_000 },
}
const entry = (seq: number, role: Message['role'], timestamp: number, more: Partial<Message> = {}): Message => ({
  ...{ id: `m${seq}`, seq, role, content: `entry ${seq}`, timestamp, runId: 'r' },
  ...more,
})
const question = entry(1, 'user', 1_000)
const call = entry(2, 'assistant', 2_000, { toolCalls: [{ id: 'c', name: 'write', args: { path: 'a' } }] })
const result = entry(3, 'tool', 4_000, { toolCallId: 'c' })
const record = { invocationId: 'i', runId: 'r', toolName: 'write', success: true, durationMs: 90, decision: null }
const spans = (steps: ReturnType<typeof stepsOf>) => steps.map(({ kind, from, until }) => [kind, from, until])

test('a run is waiting, calls of models and tools, without a gap; what a person thought about is told apart', () => {
  const own = [call, result, entry(4, 'assistant', 5_000)]
  const steps = stepsOf({ run, question, own, records: [{ ...record, startedAt: 3_900 }], now: 9_000 })
  expect(spans(steps)).toEqual([
    ['wait', 1_000, 1_100],
    ['model', 1_100, 2_000],
    ['wait', 2_000, 3_900],
    ['tool', 3_900, 4_000],
    ['model', 4_000, 5_000],
  ])
  expect(steps[1]).toMatchObject({ call: 1, inputs: [question], output: call })
  expect(steps[2]).toMatchObject({ for: 'permission' })
  expect(steps[3]).toMatchObject({ use: { args: { path: 'a' }, invocationId: 'i', durationMs: 90 }, result })
  expect(steps[4]).toMatchObject({ call: 2, inputs: [result] })
})

test('a run at work ends now, with the tool or the model that is at work', () => {
  const working: Run = { ...run, state: 'running', finishedAt: null }
  const atTool = stepsOf({ run: working, question, own: [call], records: [], now: 9_000 })
  expect(spans(atTool).at(-1)).toEqual(['tool', 2_000, 9_000])
  const atModel = stepsOf({ run: working, question, own: [call, result], records: [], now: 9_000 })
  expect(spans(atModel).at(-1)).toEqual(['model', 4_000, 9_000])
  const queued: Run = { ...working, state: 'queued', startedAt: null }
  expect(spans(stepsOf({ run: queued, question, own: [], records: [], now: 9_000 }))).toEqual([['wait', 1_000, 9_000]])
})

test('a run that failed before it said anything shows the call that brought nothing', () => {
  const steps = stepsOf({ run: { ...run, state: 'failed' }, question, own: [], records: [], now: 9_000 })
  expect(spans(steps)).toEqual([
    ['wait', 1_000, 1_100],
    ['model', 1_100, 5_000],
  ])
  expect(steps[1]).toMatchObject({ inputs: [question], output: undefined })
})
