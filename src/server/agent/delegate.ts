import type { Delegation, Run } from '../../db/store.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { Session } from '../../protocol/shapes.ts'
import { refuseUnknownModel } from '../known-model.ts'
import type { Agents, App, DelegatedTask, DelegateResult } from '../record.ts'
import type { Allowance } from './allowance.ts'
import { createPlaces, type Places } from './places.ts'
import { roles } from './roles.ts'

const maxTitleChars = 80
// Its last entry is the newest, unless somebody spoke in the session meanwhile.
const pageEntries = 50
const pageBytes = 4 * 1024 * 1024

/** What works on runs. */
export interface Workshop {
  /** Works on a run beside the queue, in a session of this id that is made for it. */
  beside(sessionId: string, make: () => Promise<Run>, allowance: Allowance): Promise<void>
  /** What a run that works may take, if that is bounded. */
  allowanceOf(sessionId: string | undefined, runId: string | undefined): Allowance | undefined
}

/** Sub-runs of this gateway. */
export function createAgents(app: App, workshop: Workshop): Agents {
  // One for each level: who waits on one is waited for on the one above, never the other way round.
  const levels: Places[] = []
  const placesOf = (depth: number) => (levels[depth] ??= createPlaces(() => app.config['agent.maxDelegates']))
  return {
    async delegate(task) {
      const { sessionId, runId, signal } = task
      const parent = sessionId === undefined ? undefined : await app.store.getDelegation(sessionId)
      const depth = (parent?.depth ?? 0) + 1
      refuseTooDeep(app, depth)
      refuseUnknownModel(app, task.model)
      const asking = workshop.allowanceOf(sessionId, runId)
      const leave = await placesOf(depth).enter(signal)
      const allowance = allowanceFor(app, asking, signal)
      try {
        return await work(app, workshop, task, { parent, depth, allowance })
      } finally {
        leave()
        if (asking) asking.spentTokens += allowance.spentTokens
      }
    },
  }
}

interface Standing {
  parent: Delegation | undefined
  depth: number
  allowance: Allowance
}

async function work(
  app: App,
  workshop: Workshop,
  task: DelegatedTask,
  { parent, depth, allowance }: Standing,
): Promise<DelegateResult> {
  const session = task.sessionId === undefined ? undefined : await app.store.getSession(task.sessionId)
  const sessionId = `sub_${app.newId()}`
  const runId = app.newId()
  const make = async () => {
    await app.store.beginDelegation({
      sessionId,
      messageId: app.newId(),
      runId,
      ...whoAsks(task, session),
      role: task.role,
      depth,
      permissions: permissionsOf(task, parent),
      title: titleOf(task),
      text: task.context === '' ? task.task : `${task.task}\n\nWhat you have to know:\n${task.context}`,
      at: app.clock.now(),
    })
    return mustHave(await app.store.getRun(runId))
  }
  await workshop.beside(sessionId, make, allowance)
  return resultOf(app, sessionId, runId)
}

function whoAsks({ sessionId, runId, tokenId, model, tainted }: DelegatedTask, session: Session | undefined) {
  if (tokenId === null) throw new TalonError('FORBIDDEN', 'Only somebody with a token can ask a sub-run for something.')
  return {
    parentSessionId: sessionId ?? null,
    parentRunId: runId ?? null,
    tokenId,
    senderId: session?.senderId ?? tokenId,
    model: model ?? session?.model ?? undefined,
    profile: session?.profile ?? null,
    tainted,
  }
}

/** None that whoever asks may not use. */
function permissionsOf({ role }: DelegatedTask, parent: Delegation | undefined): Delegation['permissions'] {
  return roles[role].permissions.filter(permission => parent?.permissions.includes(permission) ?? true)
}

function titleOf({ role, task }: DelegatedTask): string {
  const line = task.replace(/\s+/gu, ' ').trim()
  const shown = line.length <= maxTitleChars ? line : `${line.slice(0, maxTitleChars - 1).toWellFormed()}…`
  return `${role}: ${shown}`
}

/** What one that is a part of another takes, that takes from what is left to the other. */
function allowanceFor({ config }: App, asking: Allowance | undefined, signal: AbortSignal): Allowance {
  const left = asking ? Math.max(0, asking.maxTokens - asking.spentTokens) : Number.POSITIVE_INFINITY
  const maxTokens = Math.min(config['agent.delegateTokens'], left)
  return { maxTokens, maxMs: config['agent.delegateMs'], spentTokens: 0, signal }
}

async function resultOf(app: App, sessionId: string, runId: string): Promise<DelegateResult> {
  const run = await app.store.getRun(runId)
  const usage = run?.usage ?? { inputTokens: 0, outputTokens: 0, totalTokens: 0 }
  const session = await app.store.getSession(sessionId)
  // Somebody deleted it while it worked, and what it saw is not known any more.
  if (!run || !session) {
    return { sessionId, runId, state: 'cancelled', text: '', error: 'Its session was deleted.', usage, tainted: true }
  }
  const place = { sessionId, epoch: run.epoch, limit: pageEntries, maxBytes: pageBytes }
  const { entries } = await app.store.history(place)
  const last = entries.findLast(({ final, message }) => final && message.runId === runId)
  const { state, error } = run
  return { sessionId, runId, state, text: last?.message.content ?? '', error, usage, tainted: session.tainted }
}

function refuseTooDeep({ config }: App, depth: number): void {
  const max = config['agent.delegateDepth']
  if (depth <= max) return
  const text = `Sub-runs are nested ${max} deep at most (agent.delegateDepth), and this one would be deeper. Do the task yourself.`
  throw new TalonError('FORBIDDEN', text)
}

function mustHave(run: Run | undefined): Run {
  if (!run) throw new TalonError('CANCELLED', 'The session of this sub-run was deleted.')
  return run
}
