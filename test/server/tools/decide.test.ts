import { expect, test } from 'vitest'
import { type Profile, profiles } from '../../../src/protocol/shapes.ts'
import {
  type Circumstances,
  type DecisionOutcome,
  decide,
  decisionOf,
  type Granted,
} from '../../../src/server/tools/decide.ts'
import type { SandboxLevel } from '../../../src/server/tools/sandbox/sandbox.ts'
import type { Permission } from '../../../src/server/tools/tool.ts'

const permissions: Permission[] = ['safe', 'write', 'exec', 'network']
const levels: SandboxLevel[] = ['full', 'container', 'limits', 'off']
const grants: (Granted | undefined)[] = [undefined, 'once', 'session', 'always']
const both = [false, true]

/** Every combination of everything that counts. */
function* everything(): Generator<Circumstances> {
  for (const profile of profiles)
    for (const permission of permissions)
      for (const sandboxLevel of levels)
        for (const tainted of both)
          for (const taintSetting of both)
            for (const granted of grants)
              for (const switchedOff of both)
                for (const beyondRole of both)
                  yield { profile, permission, sandboxLevel, tainted, taintSetting, granted, switchedOff, beyondRole }
}

type Row = Record<Permission, Record<SandboxLevel, DecisionOutcome>>
const all = (outcome: DecisionOutcome): Row['safe'] => ({
  full: outcome,
  container: outcome,
  limits: outcome,
  off: outcome,
})

/** What is decided for whom nobody allowed anything and in whose conversation is no text of others. */
const plain: Record<Profile, Row> = {
  'read-only': { safe: all('allow'), write: all('deny'), exec: all('deny'), network: all('deny') },
  ask: { safe: all('allow'), write: all('ask'), exec: all('ask'), network: all('ask') },
  workspace: {
    safe: all('allow'),
    write: all('allow'),
    exec: { full: 'allow', container: 'ask', limits: 'ask', off: 'ask' },
    network: { full: 'allow', container: 'ask', limits: 'ask', off: 'ask' },
  },
  full: {
    safe: all('allow'),
    write: all('allow'),
    exec: { full: 'allow', container: 'allow', limits: 'ask', off: 'ask' },
    network: all('allow'),
  },
}

/** The same by hand, for every combination. */
function expected(circumstances: Circumstances): DecisionOutcome {
  const { profile, permission, sandboxLevel, tainted, taintSetting, granted, switchedOff, beyondRole } = circumstances
  if (switchedOff || beyondRole) return 'deny'
  const outcome = plain[profile][permission][sandboxLevel]
  const reaches = permission === 'exec' || permission === 'network'
  const asks = outcome === 'ask' || (outcome === 'allow' && reaches && tainted && taintSetting)
  if (!asks) return outcome
  return granted === undefined ? 'ask' : 'allow'
}

test('every combination of profile, permission, sandbox, taint, grant, switch and role is decided as the table says', () => {
  let count = 0
  for (const circumstances of everything()) {
    count += 1
    const { outcome } = decide(circumstances)
    expect({ ...circumstances, outcome }).toEqual({ ...circumstances, outcome: expected(circumstances) })
  }
  expect(count).toBe(4 * 4 * 4 * 2 * 2 * 4 * 2 * 2)
})

test('every decision names its rule and says why in a sentence', () => {
  for (const circumstances of everything()) {
    const { rule, why } = decide(circumstances)
    expect(rule).toMatch(/^[a-z]+([.-][a-z]+)*$/)
    expect(why).toMatch(/^[A-Z].*\.$/)
  }
})

test('a grant never turns a denial into anything else, and nothing else into a denial', () => {
  for (const circumstances of everything()) {
    const without = decide({ ...circumstances, granted: undefined }).outcome
    const withIt = decide(circumstances).outcome
    if (without !== 'ask') expect(withIt).toBe(without)
    else if (circumstances.granted !== undefined) expect(withIt).toBe('allow')
  }
})

test('a higher profile, a better sandbox, no taint and no switch never allow less', () => {
  const rank: Record<DecisionOutcome, number> = { deny: 0, ask: 1, allow: 2 }
  const worth = (circumstances: Circumstances) => rank[decide(circumstances).outcome]
  for (const circumstances of everything()) {
    const here = worth(circumstances)
    const lower = profiles[profiles.indexOf(circumstances.profile) - 1]
    const weaker = levels[levels.indexOf(circumstances.sandboxLevel) + 1]
    if (lower) expect(worth({ ...circumstances, profile: lower })).toBeLessThanOrEqual(here)
    if (weaker) expect(worth({ ...circumstances, sandboxLevel: weaker })).toBeLessThanOrEqual(here)
    expect(worth({ ...circumstances, tainted: true })).toBeLessThanOrEqual(here)
    expect(worth({ ...circumstances, switchedOff: true })).toBe(rank.deny)
  }
})

test('what a caller adds to the circumstances changes nothing', () => {
  const circumstances: Circumstances = {
    permission: 'exec',
    profile: 'workspace',
    sandboxLevel: 'off',
    tainted: false,
    taintSetting: true,
    granted: undefined,
    switchedOff: false,
  }
  const pretender = { ...circumstances, allowed: true, approved: true, outcome: 'allow' }
  expect(decide(pretender)).toEqual(decide(circumstances))
  expect(decisionOf(decide(pretender)).allowed).toBe(false)
})
