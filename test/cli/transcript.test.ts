import { expect, it } from 'vitest'
import { Transcript } from '../../src/cli/transcript.ts'
import type { SessionEvent } from '../../src/client/index.ts'

const ofRun = { sessionId: 's', runId: 'r' }

function written(events: SessionEvent[]): string {
  let text = ''
  const transcript = new Transcript(
    part => (text += part),
    part => (text += part),
  )
  for (const event of events) transcript.show(event)
  transcript.endLine()
  return text
}

const delta = (text: string, index: number): SessionEvent => ({
  type: 'session.message.delta',
  payload: { ...ofRun, delta: text, index },
})
const final = (content: string): SessionEvent => ({
  type: 'session.message.final',
  payload: { ...ofRun, message: { id: 'm', seq: 2, role: 'assistant', content, timestamp: 1 } },
  epoch: 1,
  seq: 2,
})
const call = (callId: string): SessionEvent => ({
  type: 'tool.call',
  payload: { ...ofRun, callId, toolName: 'file_read', args: { path: 'a.txt' } },
})
const result = (callId: string, error?: string): SessionEvent => ({
  type: 'tool.result',
  payload: {
    ...ofRun,
    callId,
    toolName: 'file_read',
    success: !error,
    output: '',
    ...(error && { error }),
    durationMs: 12,
  },
})

it('writes an answer once, however it arrives', () => {
  expect(written([delta('Hello', 0), delta(' you', 1), final('Hello you')])).toBe('Hello you\n')
  expect(written([final('Hello you')])).toBe('Hello you\n')
})

it('fills what was lost from the snapshot and from the stored message', () => {
  const snapshot: SessionEvent = { type: 'session.message.snapshot', payload: { ...ofRun, text: 'a b c', index: 2 } }
  expect(written([delta('a', 0), snapshot, delta(' c', 2), delta(' d', 3), final('a b c d')])).toBe('a b c d\n')
  expect(written([delta('a', 0), delta(' d', 3), final('a b c d')])).toBe('a b c d\n')
})

it('writes a tool call and its result on one line', () => {
  expect(written([call('1'), result('1'), final('x')])).toBe('[tool file_read {"path":"a.txt"}: done in 12 ms]\nx\n')
  expect(written([call('1'), result('1', 'no such file')])).toContain(': failed after 12 ms: no such file]\n')
})

it('ends the line of a call when another comes between', () => {
  const lines = written([delta('Look', 0), call('1'), call('2'), result('2'), result('1')]).split('\n')
  expect(lines).toEqual([
    'Look',
    '[tool file_read {"path":"a.txt"} …]',
    '[tool file_read {"path":"a.txt"}: done in 12 ms]',
    '[tool file_read: done in 12 ms]',
    '',
  ])
})

it('takes out what would command the terminal', () => {
  expect(written([final('a\u001b[2Jb\u0007\u009bc\r\n\td')])).toBe('a[2Jbc\n\td\n')
})
