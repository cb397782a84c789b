import { expect, test } from 'vitest'
import { type Approval, createInbox, timeLeft } from '../../../src/islands/approvals/inbox.ts'
import { visible } from '../../../src/islands/parts/visible.ts'

function asking(approvalId: string): Approval {
  return {
    approvalId,
    invocationId: `i-${approvalId}`,
    toolName: 'shell_execute',
    permission: 'exec',
    args: { command: 'ls' },
    workspace: '/w',
    reason: 'It asks.',
    rule: 'ask',
    profile: 'ask',
    tainted: false,
    hash: 'h',
    remember: ['always'],
    requestedBy: 'env',
    requestedAt: 1,
    expiresAt: 2,
  }
}

test('a call that waits is there once, and moves to those that were decided', () => {
  const inbox = createInbox({ approvals: [asking('a')], grants: [], decided: [] })
  inbox.asked(asking('a'))
  inbox.asked(asking('b'))
  expect(inbox.open.value.map(({ approvalId }) => approvalId)).toEqual(['a', 'b'])
  inbox.resolved({ approvalId: 'a', decision: 'allow', outcome: 'allowed', by: 'env', remember: 'always' }, 5)
  inbox.resolved({ approvalId: 'none', decision: 'deny', outcome: 'denied' }, 6)
  expect(inbox.open.value.map(({ approvalId }) => approvalId)).toEqual(['b'])
  expect(inbox.decided.value).toMatchObject([
    { approvalId: 'a', outcome: 'allowed', remember: 'always', by: 'env', at: 5, args: { command: 'ls' } },
  ])
  inbox.replace({ approvals: [asking('c')], grants: [] })
  expect(inbox.open.value.map(({ approvalId }) => approvalId)).toEqual(['c'])
})

test('what was decided is bounded', () => {
  const inbox = createInbox({ approvals: [], grants: [], decided: [] })
  for (let at = 0; at < 60; at++) {
    inbox.asked(asking(String(at)))
    inbox.resolved({ approvalId: String(at), decision: 'deny', outcome: 'expired' }, at)
  }
  expect(inbox.decided.value).toHaveLength(50)
  expect(inbox.decided.value[0]?.approvalId).toBe('59')
})

test.each([
  [120_000, '2:00'],
  [61_001, '1:02'],
  [1, '0:01'],
  [0, '0:00'],
  [-5_000, '0:00'],
])('%i ms are left as %s', (ms, text) => {
  expect(timeLeft(ms)).toBe(text)
})

test('what hides or turns text is shown as its number', () => {
  expect(visible('a\u202Eb\u200Bc\u0007\n\td\u2028')).toBe('a\\u{202e}b\\u{200b}c\\u{7}\n\td\\u{2028}')
  expect(visible('Grüße, 世界 👍')).toBe('Grüße, 世界 👍')
})
