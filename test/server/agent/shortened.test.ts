import { expect, test } from 'vitest'
import type { LogEntry } from '../../../src/db/store.ts'
import { shortened } from '../../../src/server/agent/context.ts'

function entry(role: 'tool' | 'user', content: string): LogEntry {
  const message = { id: 'm', seq: 1, role, content, timestamp: 0 }
  return { sessionId: 's', epoch: 1, seq: 1, message, final: false }
}

test('a long tool result keeps its head and tail and says how much is left out', () => {
  const { message } = shortened(entry('tool', `begin${'x'.repeat(10_000)}end`), 1_000)
  expect(message.content).toMatch(/^begin.*\n\[… 9008 characters left out …\]\n.*end$/s)
  expect(message.content.length).toBeLessThan(1_100)
})

test('what a person wrote, and a short result, stay as they are', () => {
  const long = entry('user', 'x'.repeat(10_000))
  expect(shortened(long, 1_000)).toBe(long)
  const short = entry('tool', 'ok')
  expect(shortened(short, 1_000)).toBe(short)
})
