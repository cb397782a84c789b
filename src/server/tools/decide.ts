import type { Profile } from '../../protocol/shapes.ts'
import type { SandboxLevel } from './sandbox/sandbox.ts'
import type { Permission } from './tool.ts'

/** How far a person has allowed it already: this one call, its kind for the session, or exactly this for good. */
export type Granted = 'once' | 'session' | 'always'

/** All that counts. Nothing that a client or a model sends is among it. */
export interface Circumstances {
  permission: Permission
  /** The one in effect: the session's, no higher than the token's. */
  profile: Profile
  sandboxLevel: SandboxLevel
  /** Whether text of others is in what the model sees. */
  tainted: boolean
  /** The setting `tools.taint`. */
  taintSetting: boolean
  granted: Granted | undefined
  /** Whether `tools.disabled` names the tool or its group. */
  switchedOff: boolean
  /** Whether it is a sub-run whose role has no tools of this permission. */
  beyondRole?: boolean
}

export type DecisionOutcome = 'allow' | 'ask' | 'deny'

/** What was decided, by which rule, and why, for a person. */
export interface Verdict {
  outcome: DecisionOutcome
  rule: string
  why: string
}

/** What every result carries. `allowed` says whether it ran, or would. */
export interface Decision extends Verdict {
  allowed: boolean
  /** The token that allowed or denied it. */
  by?: string
}

/** Whether a tool may run, has to be allowed by a person first, or may not. A grant turns "ask" into "allow", never "deny". */
export function decide(circumstances: Circumstances): Verdict {
  const verdict = withoutGrant(circumstances)
  const { granted } = circumstances
  if (verdict.outcome !== 'ask' || granted === undefined) return verdict
  return { outcome: 'allow', rule: `granted.${granted}`, why: `${verdict.why} ${grants[granted]}` }
}

/** The verdict as results carry it. */
export function decisionOf(verdict: Verdict): Decision {
  return { allowed: verdict.outcome === 'allow', ...verdict }
}

function withoutGrant(circumstances: Circumstances): Verdict {
  if (circumstances.switchedOff) return verdicts.switchedOff
  if (circumstances.beyondRole) return verdicts.beyondRole
  const verdict = profiles[circumstances.profile](circumstances)
  return verdict.outcome === 'allow' ? (care(circumstances) ?? verdict) : verdict
}

const grants: Record<Granted, string> = {
  once: 'It was allowed this once.',
  session: 'It was allowed for this session.',
  always: 'Exactly this was allowed for good.',
}

const verdicts = {
  switchedOff: { outcome: 'deny', rule: 'switched-off', why: 'The setting tools.disabled switches this tool off.' },
  beyondRole: { outcome: 'deny', rule: 'beyond-role', why: 'The role of this sub-run has no tools of this kind.' },
  safe: { outcome: 'allow', rule: 'safe', why: 'The tool changes nothing and reaches nobody.' },
  readOnly: {
    outcome: 'deny',
    rule: 'read-only',
    why: 'The profile "read-only" allows only tools that change nothing and reach nobody.',
  },
  ask: { outcome: 'ask', rule: 'ask', why: 'In the profile "ask" whatever changes or reaches something asks first.' },
  write: { outcome: 'allow', rule: 'workspace.write', why: 'The profile "workspace" may write the workspace.' },
  walled: { outcome: 'allow', rule: 'workspace.sandboxed', why: 'The sandbox is full: it walls this off.' },
  unwalled: {
    outcome: 'ask',
    rule: 'workspace.unwalled',
    why: 'In the profile "workspace" commands and the network ask first where the sandbox is not full.',
  },
  full: { outcome: 'allow', rule: 'full', why: 'The profile "full" allows every tool.' },
  noSandbox: {
    outcome: 'ask',
    rule: 'no-sandbox',
    why: 'Nothing walls commands in on this machine, so that each of them asks first.',
  },
  tainted: {
    outcome: 'ask',
    rule: 'tainted',
    why: 'Text of others (a file, a web page, another person) is in this conversation, so that commands and the network ask first.',
  },
} as const satisfies Record<string, Verdict>

const profiles: Record<Profile, (circumstances: Circumstances) => Verdict> = {
  'read-only': ({ permission }) => (permission === 'safe' ? verdicts.safe : verdicts.readOnly),
  ask: ({ permission }) => (permission === 'safe' ? verdicts.safe : verdicts.ask),
  workspace({ permission, sandboxLevel }) {
    if (permission === 'safe') return verdicts.safe
    if (permission === 'write') return verdicts.write
    return sandboxLevel === 'full' ? verdicts.walled : verdicts.unwalled
  },
  full: ({ permission }) => (permission === 'safe' ? verdicts.safe : verdicts.full),
}

/** What asks in whatever profile allows it. */
function care({ permission, sandboxLevel, tainted, taintSetting }: Circumstances): Verdict | undefined {
  if (permission !== 'exec' && permission !== 'network') return undefined
  if (permission === 'exec' && sandboxLevel !== 'full' && sandboxLevel !== 'container') return verdicts.noSandbox
  return tainted && taintSetting ? verdicts.tainted : undefined
}
