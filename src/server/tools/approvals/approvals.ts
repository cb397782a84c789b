import type { Grant, Store } from '../../../db/store.ts'
import { TalonError } from '../../../protocol/errors.ts'
import type { EventPayload } from '../../../protocol/messages.ts'
import type { Config } from '../../config.ts'
import type { GatewayLog } from '../../log.ts'
import type { Actor, Answer, Approvals, Audit, Bus, Clock, Metrics, Question } from '../../record.ts'
import { keptArguments } from '../keptArguments.ts'
import { createElevations } from './elevations.ts'

// A person reads each of them.
const maxOpen = 100
// Nobody else should have to wait behind what one session or token asks.
const maxOpenOfOne = 16
// Of arguments, in UTF-16 units, of all that wait.
const maxOpenChars = 16 * 1024 * 1024
// Repeats of an answer come within moments of it.
const maxDecided = 1_000
// Whoever revoked the wrong one sees that at once.
const maxRevoked = 20
const revokedForMs = 10 * 60_000

type Payload = EventPayload<'approval.requested'>

export interface GatewayApprovals extends Approvals {
  /** Nobody is asked any more. */
  close(): void
}

export interface ApprovalDeps {
  store: Pick<Store, 'addGrant' | 'revokeGrant' | 'listGrants' | 'getSession' | 'onCommit'>
  bus: Pick<Bus, 'broadcast'>
  config: Config
  clock: Clock
  newId: () => string
  metrics: Pick<Metrics, 'inc'>
  audit: Pick<Audit, 'record'>
  logs: Pick<GatewayLog, 'clean'>
}

type End = Answer | { outcome: 'withdrawn'; reason: unknown }

interface Open {
  payload: Payload
  question: Question
  chars: number
  end: (end: End, remember?: 'session' | 'always') => void
}

interface Decided {
  decision: 'allow' | 'deny'
  tokenId: string | null
  requestId: string | undefined
  grantId: Promise<string | undefined>
}

/** What waits for a person lives in memory: a restart ends it. What they allow beyond one call is stored. */
export function createApprovals(deps: ApprovalDeps): GatewayApprovals {
  const open = new Map<string, Open>()
  const decided = new Map<string, Decided>()
  const revoked = new Map<string, { grant: Grant; at: number }>()
  let storing: Promise<unknown> = Promise.resolve()
  let closed = false

  const ask: GatewayApprovals['ask'] = (question, signal) => {
    signal.throwIfAborted()
    if (closed) throw stopped()
    const chars = JSON.stringify(question.args).length
    refuseTooMany(open, question, chars)
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const payload = payloadOf(question, deps)
    const { approvalId } = payload
    const end: Open['end'] = (how, remember) => {
      // The first end counts, whatever comes with it in the same moment.
      if (!open.delete(approvalId)) return
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      deps.metrics.inc('talon_approvals_total', how.outcome)
      deps.bus.broadcast('approval.resolved', resolvedOf(approvalId, how, remember))
      if (how.outcome === 'withdrawn') reject(how.reason)
      else resolve(how)
    }
    const onAbort = () => end({ outcome: 'withdrawn', reason: signal.reason })
    const timer = setTimeout(() => end({ outcome: 'expired' }), payload.expiresAt - payload.requestedAt)
    signal.addEventListener('abort', onAbort, { once: true })
    open.set(approvalId, { payload, question, chars, end })
    deps.bus.broadcast('approval.requested', payload)
    return promise
  }

  const decide = (entry: Open, input: Parameters<Approvals['resolve']>[0]): Decided => {
    const { decision, remember, by, requestId } = input
    const { approvalId } = entry.payload
    entry.end({ outcome: decision === 'allow' ? 'allowed' : 'denied', by: by.tokenId ?? '' }, remember)
    const details = { ...aboutOf(entry.payload), decision, remember }
    void deps.audit.record({ action: 'approval.resolve', target: entry.payload.toolName, details }, by)
    const grantId = remember ? keepGrant(deps, entry, remember, by) : Promise.resolve(undefined)
    // Who waits for it hears of a failure; nobody else has to.
    if (remember) storing = Promise.allSettled([storing, grantId]).then(() => undefined)
    grantId.catch(() => undefined)
    const made = { decision, tokenId: by.tokenId, requestId, grantId }
    const oldest = decided.keys().next().value
    if (decided.size >= maxDecided && oldest !== undefined) decided.delete(oldest)
    decided.set(approvalId, made)
    return made
  }

  return {
    ...createElevations(deps),
    ask,
    open: () => [...open.values()].map(entry => entry.payload),
    async resolve(input) {
      const { approvalId } = input
      const entry = open.get(approvalId)
      const earlier = entry ? undefined : repeated(decided.get(approvalId), input)
      if (entry) refuseImpossible(entry.payload, input.remember)
      const made = earlier ?? (entry && decide(entry, input))
      if (!made) throw new TalonError('NOT_FOUND', 'No call of this id waits for a person (any more).')
      const grantId = await made.grantId
      const answer = { approvalId, decision: made.decision, ...(grantId !== undefined && { grantId }) }
      return earlier ? { ...answer, duplicate: true } : answer
    },
    async grants() {
      // Whoever heard of an answer that is remembered finds it here.
      await storing
      return deps.store.listGrants()
    },
    async revoke(id, by) {
      const grant = (await deps.store.listGrants()).find(known => known.id === id)
      const isRevoked = await deps.store.revokeGrant({ id })
      if (!isRevoked) return false
      if (grant) noteRevoked(revoked, grant, deps.clock.now())
      await deps.audit.record({ action: 'approval.revoke', target: id }, by)
      return true
    },
    async restore(id, by) {
      const found = revoked.get(id)
      if (!found || deps.clock.now() - found.at > revokedForMs) throw new TalonError('NOT_FOUND', goneForGood)
      revoked.delete(id)
      const again = { ...found.grant, tokenId: by.tokenId ?? '', createdAt: deps.clock.now() }
      const added = await deps.store.addGrant(again)
      await deps.audit.record({ action: 'approval.restore', target: added.id }, by)
      return { grantId: added.id }
    },
    close() {
      closed = true
      for (const entry of [...open.values()]) entry.end({ outcome: 'withdrawn', reason: stopped() })
    },
  }
}

function payloadOf(question: Question, { clock, config, newId }: ApprovalDeps): Payload {
  const { sessionHash: _own, ...shown } = question
  const requestedAt = clock.now()
  const remember: Payload['remember'] = question.sessionId === undefined ? ['always'] : ['session', 'always']
  const expiresAt = requestedAt + config['tools.approvalTimeoutMs']
  return Object.freeze({ approvalId: newId(), ...shown, remember, requestedAt, expiresAt })
}

function resolvedOf(
  approvalId: string,
  end: End,
  remember: 'session' | 'always' | undefined,
): EventPayload<'approval.resolved'> {
  const decision = end.outcome === 'allowed' ? 'allow' : 'deny'
  const by = 'by' in end ? { by: end.by } : {}
  return { approvalId, decision, outcome: end.outcome, ...by, ...(remember && { remember }) }
}

function aboutOf({ approvalId, invocationId, sessionId, runId, hash, requestedBy }: Payload): Record<string, unknown> {
  return { approvalId, invocationId, sessionId, runId, hash, requestedBy }
}

function refuseTooMany(open: ReadonlyMap<string, Open>, { sessionId, requestedBy }: Question, chars: number): void {
  let ofOne = 0
  let allChars = chars
  for (const { payload, chars: held } of open.values()) {
    if ((payload.sessionId ?? payload.requestedBy) === (sessionId ?? requestedBy)) ofOne += 1
    allChars += held
  }
  if (open.size < maxOpen && ofOne < maxOpenOfOne && allChars <= maxOpenChars) return
  const refused = 'Too many calls of tools wait for a person. Allow or deny some of them first: talon approvals'
  throw new TalonError('OVERLOADED', refused, { retryAfterMs: 5_000 })
}

function refuseImpossible({ remember }: Payload, wanted: 'session' | 'always' | undefined): void {
  if (wanted === undefined || remember.includes(wanted)) return
  throw new TalonError('INVALID_MESSAGE', 'This call belongs to no session: allow it once, or always.')
}

/** The same request again, whose answer may have been lost. @throws TalonError `CONFLICT` for any other one */
function repeated(known: Decided | undefined, input: Parameters<Approvals['resolve']>[0]): Decided | undefined {
  if (!known) return undefined
  const { requestId, by, decision } = input
  const isSame = requestId !== undefined && known.requestId === requestId && known.tokenId === by.tokenId
  if (isSame && known.decision === decision) return known
  const was = known.decision === 'allow' ? 'allowed' : 'denied'
  throw new TalonError('CONFLICT', `This call was ${was} already.`)
}

async function keepGrant(deps: ApprovalDeps, entry: Open, remember: 'session' | 'always', by: Actor): Promise<string> {
  const { payload, question } = entry
  const isOfSession = remember === 'session'
  const { id } = await deps.store.addGrant({
    id: `grant_${deps.newId()}`,
    remember,
    hash: isOfSession ? question.sessionHash : question.hash,
    toolName: payload.toolName,
    sessionId: isOfSession ? (payload.sessionId ?? null) : null,
    subject: isOfSession ? (payload.subject ?? null) : null,
    args: keptArguments(payload.args, deps.logs.clean),
    tainted: payload.tainted,
    tokenId: by.tokenId ?? '',
    createdAt: deps.clock.now(),
  })
  return id
}

const goneForGood =
  'This cannot be taken back (any more). Allow the call for good when it asks again: that makes a new grant.'

/** One for a session may have ended with its epoch meanwhile, so only those for good can be had back. */
function noteRevoked(revoked: Map<string, { grant: Grant; at: number }>, grant: Grant, at: number): void {
  if (grant.remember !== 'always') return
  revoked.set(grant.id, { grant, at })
  const oldest = revoked.keys().next().value
  if (revoked.size > maxRevoked && oldest !== undefined) revoked.delete(oldest)
}

function stopped(): TalonError {
  return new TalonError('INTERRUPTED', 'The gateway stopped before anybody allowed this.')
}
