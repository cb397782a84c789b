import { describe, expect, it } from 'vitest'
import type { ModelEvent, ModelMessage } from '../../../../src/server/agent/model.ts'
import { offlineModel } from '../../../../src/server/agent/models/offline.ts'

let calls = 0
const model = offlineModel({ newId: () => `call-${++calls}`, slowWordMs: 1 })

async function say(messages: ModelMessage[], signal = new AbortController().signal): Promise<ModelEvent[]> {
  const events: ModelEvent[] = []
  for await (const event of model.stream({ system: 'You help.', messages, tools: [], signal })) events.push(event)
  return events
}

function textOf(events: ModelEvent[]): string {
  return events.map(event => (event.type === 'text' ? event.text : '')).join('')
}

const user = (content: string): ModelMessage => ({ role: 'user', content })

describe('the offline model', () => {
  it('says what it was told, a word at a time, white space included', async () => {
    const events = await say([user('Hello  there,\nworld ')])
    expect(events.slice(0, -1)).toEqual(
      ['offline: ', 'Hello  ', 'there,\n', 'world '].map(text => ({ type: 'text', text })),
    )
  })

  it('counts words as tokens', async () => {
    const events = await say([user('one two three')])
    expect(events.at(-1)).toEqual({
      type: 'finish',
      reason: 'stop',
      usage: { inputTokens: 5, outputTokens: 4, totalTokens: 9 },
    })
  })

  it('answers an empty message', async () => {
    expect(textOf(await say([user('')]))).toBe('offline: (nothing was said)')
    expect(textOf(await say([]))).toBe('offline: (nothing was said)')
  })

  it('calls the tool that a message names, each time under another id', async () => {
    const [call, finish] = await say([user('/tool file_read {"path": "a.txt"}')])
    const [again] = await say([user('/tool clock')])
    expect(call).toEqual({
      type: 'tool_call',
      call: { id: 'call-1', name: 'file_read', args: { path: 'a.txt' } },
    })
    expect(finish).toMatchObject({ type: 'finish', reason: 'tool_calls' })
    expect(again).toEqual({ type: 'tool_call', call: { id: 'call-2', name: 'clock', args: {} } })
  })

  it('answers with the result of the tool, and tells of one that failed', async () => {
    const call = { id: 'call-9', name: 'clock', args: {} }
    const before: ModelMessage[] = [user('/tool clock'), { role: 'assistant', content: '', toolCalls: [call] }]
    const result = { role: 'tool', toolCallId: 'call-9', toolName: 'clock' } as const
    expect(textOf(await say([...before, { ...result, content: 'noon', success: true }]))).toBe('offline: noon')
    expect(textOf(await say([...before, { ...result, content: 'no clock', success: false }]))).toBe(
      'offline: the tool failed: no clock',
    )
  })

  it.each([
    ['/tool', 'wants the name of a tool'],
    ['/tool clock {bad', 'are not JSON'],
    ['/tool clock [1]', 'must be a JSON object'],
    ['/slow', 'wants a number of words'],
    ['/slow -3', 'wants a number of words'],
  ])('explains what is wrong with %s by an example', async (text, problem) => {
    const answer = textOf(await say([user(text)]))
    expect(answer).toContain(problem)
    expect(answer).toContain('Example: /')
  })

  it('says so many words slowly', async () => {
    expect(textOf(await say([user('/slow 3')]))).toBe('word1 word2 word3')
  })

  it('stops at once when it is cancelled between two slow words', async () => {
    const patient = offlineModel({ newId: () => 'call', slowWordMs: 60_000 })
    const abort = new AbortController()
    const stream = patient.stream({ system: '', messages: [user('/slow 5')], tools: [], signal: abort.signal })
    const words = (async () => {
      for await (const event of stream) if (event.type === 'text') abort.abort()
    })()
    await expect(words).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('lets the event loop turn while it answers at length', async () => {
    let turns = 0
    const count = () => {
      turns++
      immediate = setImmediate(count)
    }
    let immediate = setImmediate(count)
    await say([user('word '.repeat(1_000))])
    clearImmediate(immediate)
    expect(turns).toBeGreaterThan(10)
  })

  it('says nothing to a reader that cancelled before', async () => {
    await expect(say([user('/tool clock')], AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(say([user('hello')], AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})
