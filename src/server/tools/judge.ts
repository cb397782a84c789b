import type { Store } from '../../db/store.ts'
import type { Profile } from '../../protocol/shapes.ts'
import { lowerProfile } from '../profiles.ts'
import type { Answer, Approvals, Standing, ToolRunInput } from '../record.ts'
import { canonicalHash } from './approvals/canonical.ts'
import { type Decision, decide, decisionOf, type Verdict } from './decide.ts'
import { type StandingDeps, standingIn } from './standing.ts'
import type { BoundTool, Tool, ToolApp } from './tool.ts'

// Whoever allows something and sees it asked again each time stops somewhere.
const maxQuestions = 3

/** A call of a tool whose arguments are right. */
export interface ToolCall {
  tool: Tool
  bound: Extract<BoundTool, { ok: true }>
  input: ToolRunInput
  invocationId: string
}

/** What was decided about a call, and what that stands on. */
export interface Permit {
  decision: Decision
  standing: Standing
  /** The grant that covers it. */
  grantId?: string | undefined
  /** What a person allowed this once. */
  allowedHash?: string | undefined
}

export interface Judge {
  /** What tools may do for whoever asks. */
  standingOf(tool: Tool, input: ToolRunInput): Promise<Standing>
  /** What would be decided with arguments that nobody looked at yet, and without any grant. */
  verdictOf(tool: Tool, standing: Standing): Verdict
  /**
   * Decides, and waits for a person where it has to be asked. A dry run asks nobody.
   * @throws TalonError as `Approvals.ask`
   */
  permit(call: ToolCall, standing: Standing, signal: AbortSignal): Promise<Permit>
  /** The same decision at the moment of running, for one that has waited meanwhile. */
  again(call: ToolCall, permit: Permit): Promise<Permit>
  /** Whether the grant that it stands on, if it stands on one, is still there. */
  stands(permit: Permit): Promise<boolean>
}

export interface JudgeDeps {
  app: ToolApp
  store: StandingDeps['store'] & Pick<Store, 'findGrant' | 'hasGrant'>
  approvals: Pick<Approvals, 'ask' | 'elevatedUntil'>
  /** The most that tools may do for a token; null is the gateway itself. */
  profileOf: (tokenId: string | null) => Promise<Profile>
}

export function createJudge({ app, store, approvals, profileOf }: JudgeDeps): Judge {
  const { config } = app

  const standingOf: Judge['standingOf'] = async (tool, { sessionId, runId, tokenId }) => {
    // A start takes a moment to find out what walls commands in; until then it would ask for what needs no asking.
    if (reachesOut(tool)) await app.sandbox.probe()
    const cap = await profileOf(tokenId)
    if (sessionId === undefined) return { profile: lowerProfile(cap, config['tools.profile']), tainted: false }
    const standing = await standingIn({ config, store, approvals }, sessionId, runId)
    return { ...standing, profile: lowerProfile(cap, standing.profile) }
  }
  const circumstances = (tool: Tool, { profile, tainted, permissions }: Standing) => ({
    permission: tool.permission,
    profile,
    tainted,
    sandboxLevel: app.sandbox.level,
    taintSetting: config['tools.taint'] === 'on',
    switchedOff: isSwitchedOff(tool, config['tools.disabled']),
    beyondRole: permissions !== undefined && !permissions.includes(tool.permission),
  })
  const verdictOf: Judge['verdictOf'] = (tool, standing) =>
    decide({ ...circumstances(tool, standing), granted: undefined })

  /** What an approval is bound to. */
  const hashesOf = ({ tool, bound }: ToolCall, { profile, tainted }: Standing) => {
    const { name, permission } = tool
    const sandbox = reachesOut(tool) ? app.sandbox.level : undefined
    const policy = { profile, tainted, permission, sandbox }
    const covered = bound.subject === undefined ? { args: bound.args } : { subject: bound.subject }
    return {
      hash: canonicalHash({ tool: name, args: bound.args, workspace: app.workspace, roots: app.roots, policy }),
      sessionHash: canonicalHash({ tool: name, ...covered }),
    }
  }
  const judged = async (call: ToolCall, standing: Standing) => {
    const verdict = verdictOf(call.tool, standing)
    if (verdict.outcome !== 'ask') return { permit: { decision: decisionOf(verdict), standing } }
    const hashes = hashesOf(call, standing)
    const { sessionId } = call.input
    const grant = await store.findGrant({ ...hashes, sessionId, tainted: standing.tainted })
    if (!grant) return { permit: { decision: decisionOf(verdict), standing }, hashes }
    const granted = decide({ ...circumstances(call.tool, standing), granted: grant.remember })
    const decision = { ...decisionOf(granted), by: grant.tokenId }
    return { permit: { decision, standing, grantId: grant.id }, hashes }
  }
  const ask = (
    call: ToolCall,
    { decision, standing }: Permit,
    hashes: ReturnType<typeof hashesOf>,
    signal: AbortSignal,
  ) => {
    const { tool, bound, input, invocationId } = call
    const { sessionId, runId, tokenId } = input
    const about = {
      invocationId,
      toolName: tool.name,
      permission: tool.permission,
      args: bound.args,
      workspace: app.workspace,
      reason: decision.why,
      rule: decision.rule,
      requestedBy: tokenId,
      ...(sessionId !== undefined && { sessionId }),
      ...(runId !== undefined && { runId }),
      ...(bound.subject !== undefined && { subject: bound.subject }),
    }
    const { profile, tainted } = standing
    return approvals.ask({ ...about, profile, tainted, ...hashes }, signal)
  }
  const allowedOnce = (call: ToolCall, standing: Standing, hash: string, by: string): Permit => {
    const verdict = decide({ ...circumstances(call.tool, standing), granted: 'once' })
    return { decision: { ...decisionOf(verdict), by }, standing, allowedHash: hash }
  }

  return {
    standingOf,
    verdictOf,
    async permit(call, standing, signal) {
      let { permit, hashes } = await judged(call, standing)
      for (let asked = 0; permit.decision.outcome === 'ask' && hashes && !call.input.dryRun; asked++) {
        if (asked === maxQuestions) return refused(permit, changed)
        const answer = await ask(call, permit, hashes, signal)
        if (answer.outcome !== 'allowed') return refused(permit, refusalOf(answer, config['tools.approvalTimeoutMs']))
        const allowedHash = hashes.hash
        const now = await standingOf(call.tool, call.input)
        ;({ permit, hashes } = await judged(call, now))
        // What was allowed holds for what was shown: where text of others came in meanwhile, that is another question.
        if (permit.decision.outcome === 'ask' && hashes?.hash === allowedHash) {
          return allowedOnce(call, now, allowedHash, answer.by)
        }
      }
      return permit
    },
    async again(call, permit) {
      const { permit: now, hashes } = await judged(call, await standingOf(call.tool, call.input))
      if (now.decision.outcome !== 'ask') return now
      if (call.input.dryRun) return now
      return hashes?.hash === permit.allowedHash ? permit : refused(now, changed)
    },
    stands: async ({ grantId }) => grantId === undefined || (await store.hasGrant(grantId)),
  }
}

/** Whether it matters how well commands are walled in. */
function reachesOut({ permission }: Pick<Tool, 'permission'>): boolean {
  return permission === 'exec' || permission === 'network'
}

/** Whether the setting names the tool or its group. */
export function isSwitchedOff(tool: Pick<Tool, 'name' | 'group'>, disabled: readonly string[]): boolean {
  return disabled.includes(tool.name) || disabled.includes(tool.group)
}

type Refusal = Pick<Decision, 'rule' | 'why'> & Partial<Pick<Decision, 'by'>>

const changed: Refusal = {
  rule: 'approval.changed',
  why: 'What was allowed is not what would run now, because the rights changed meanwhile. Try again.',
}

/** The decision of a permit whose grant was revoked in the last moment. */
export function revoked({ decision, standing }: Permit): Permit {
  const why = 'What covered this was revoked.'
  return { decision: { ...decision, outcome: 'deny', allowed: false, rule: 'grant.revoked', why }, standing }
}

function refused({ standing }: Permit, refusal: Refusal): Permit {
  return { decision: { allowed: false, outcome: 'deny', ...refusal }, standing }
}

function refusalOf(answer: Exclude<Answer, { outcome: 'allowed' }>, timeoutMs: number): Refusal {
  if (answer.outcome === 'expired') {
    return { rule: 'approval.expired', why: `Nobody allowed it within ${timeoutMs / 1000} s, so that it is denied.` }
  }
  return { rule: 'approval.denied', why: 'It was denied.', by: answer.by }
}
