import { expect, test } from 'vitest'
import { decide, denialOf } from '../../../src/server/tools/decide.ts'
import type { Permission } from '../../../src/server/tools/tool.ts'

const table: [Permission, boolean, string][] = [
  ['safe', true, 'safe'],
  ['write', true, 'write.workspace'],
  ['exec', false, 'exec.unavailable'],
  ['network', false, 'network.unavailable'],
]

test.each(table)('permission %s: allowed is %s by the rule %s', (permission, allowed, rule) => {
  expect(decide({ permission })).toEqual({ allowed, rule })
  const denial = denialOf({ name: 'x', permission })
  expect(denial === undefined).toBe(allowed)
})

test('nothing about a tool but its permission decides', () => {
  const pretender = { permission: 'exec' as const, allowed: true, approved: true }
  expect(decide(pretender).allowed).toBe(false)
})
