import type { Run } from '../../db/store.ts'
import { type ErrorCode, TalonError } from '../../protocol/errors.ts'
import type { ToolInfo } from '../../protocol/shapes.ts'
import type { App, ToolOutcome, TraceContext } from '../record.ts'
import type { Ledger } from './budget.ts'
import { chain } from './chain.ts'
import { buildContext, type Context } from './context.ts'
import type { Model, ModelRequest, ModelToolCall, Usage } from './model.ts'
import { systemPrompt } from './prompt.ts'

// The tool that asks another run for something.
const delegating = 'delegate'

/** What a run does, in order. Each `tool_call` and `tool_result` is in the log before it is told. */
export type RunStep =
  | { type: 'text'; text: string }
  | { type: 'storing' }
  | { type: 'tool_calls'; total: Usage }
  | { type: 'tool_call'; call: ModelToolCall }
  | { type: 'tool_result'; call: ModelToolCall; outcome: ToolOutcome }
  | { type: 'answered'; provider: string; model: string; usage: Usage | undefined; total: Usage; context: Context }

/**
 * Works on one run: context, model, tools, model … until the model has answered. Text of the last step is not stored
 * here: it becomes the last entry of the run in the commit that ends it.
 * @throws TalonError `PROVIDER_ERROR`, `TIMEOUT`, `BUDGET_EXCEEDED`, `CANCELLED`, `INTERRUPTED`
 */
export async function* runAgent(
  app: App,
  run: Run,
  { signal, trace, ledger }: { signal: AbortSignal; trace: TraceContext | undefined; ledger: Ledger },
): AsyncGenerator<RunStep> {
  const models = await chooseModels(app, run.sessionId)
  const [first] = models
  const paid = models.map(ledger.pay)
  const total: Usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 }
  for (let step = 0; step < app.config['agent.maxSteps']; step++) {
    const context = await buildContext(app, run, first.contextTokens)
    const request = { ...(await modelRequest(app, run, context, signal)), trace }
    const answer = yield* askModel(app, paid, request)
    addUsage(total, answer.usage)
    if (answer.calls.length === 0) {
      const { provider, model, usage } = answer
      yield { type: 'answered', provider, model, usage, total, context }
      return
    }
    yield { type: 'storing' }
    const { ended } = ledger.bill()
    await app.store.appendToolCalls({
      runId: run.id,
      messageId: app.newId(),
      content: answer.text,
      toolCalls: answer.calls,
      usage: answer.usage,
      model: answer.model,
      ended,
      at: app.clock.now(),
    })
    ledger.paid(ended)
    yield { type: 'tool_calls', total: { ...total } }
    for (const calls of together(answer.calls)) yield* callTools(app, run, calls, { signal, trace })
  }
  throw new TalonError('TIMEOUT', `Stopped after ${app.config['agent.maxSteps']} model calls (agent.maxSteps).`)
}

/** The model of the session, then those to fall back to. */
async function chooseModels(app: App, sessionId: string): Promise<[Model, ...Model[]]> {
  const session = await app.store.getSession(sessionId)
  const wanted = session?.model ? ownModel(app, sessionId, session.model) : app.config['agent.model']
  const chosen = wanted === 'auto' ? app.models.defaultChain : [app.models.find(wanted)]
  const others = app.config['agent.fallback'].map(name => app.models.find(name))
  const [first, ...rest] = new Set([...chosen, ...others].filter(model => model !== undefined))
  if (first && chosen[0] !== undefined) return [first, ...rest]
  const known = app.models.list().join(', ')
  throw new TalonError('PROVIDER_ERROR', `There is no model "${wanted}". Known: ${known}. Choose one with /model.`)
}

/** A session that was imported, or whose provider was removed, goes on with the model of sessions that name none. */
function ownModel(app: App, sessionId: string, model: string): string {
  if (app.models.find(model)) return model
  const instead = app.config['agent.model']
  app.log.warn({ sessionId, model, instead }, 'no provider has the model of this session')
  return instead
}

async function modelRequest(app: App, run: Run, context: Context, signal: AbortSignal): Promise<ModelRequest> {
  const prompt = await systemPrompt(app, run)
  const system = context.summary ? `${prompt}\n\nWhat was said before, in short:\n${context.summary}` : prompt
  // A start takes a moment to find out what walls there are; until then some tools would seem not to work here.
  await app.sandbox.probe()
  // A token that may not use tools itself cannot have the agent use them.
  const tools = (await mayUseTools(app, run)) ? await toolsFor(app, run) : []
  return { system, messages: context.messages, tools, signal }
}

/** Those that work here and, in a sub-run, that its role may use. */
async function toolsFor({ tools, store, config }: App, { sessionId }: Run): Promise<ToolInfo[]> {
  const available = tools.list().filter(tool => tool.available)
  const delegation = await store.getDelegation(sessionId)
  if (!delegation) return available
  const isDeepest = delegation.depth >= config['agent.delegateDepth']
  return available.filter(
    ({ name, permission }) => delegation.permissions.includes(permission) && !(isDeepest && name === delegating),
  )
}

interface ModelAnswer {
  text: string
  calls: ModelToolCall[]
  usage: Usage | undefined
  provider: string
  model: string
}

async function* askModel(app: App, models: Model[], request: ModelRequest): AsyncGenerator<RunStep, ModelAnswer> {
  const answer: ModelAnswer = { text: '', calls: [], usage: undefined, provider: '', model: '' }
  const { config, log } = app
  const attempts = chain(models, {
    firstTokenTimeoutMs: config['agent.firstTokenTimeoutMs'],
    silenceTimeoutMs: config['agent.silenceTimeoutMs'],
    totalTimeoutMs: config['agent.totalTimeoutMs'],
    maxRetries: config['agent.retries'],
    random: app.random,
    onFailure: ({ provider, model, error, next }) =>
      log.warn({ provider, model, err: error.message, next }, 'a provider failed'),
  })
  for await (const event of attempts.stream(request)) {
    if (event.type === 'provider') Object.assign(answer, { provider: event.provider, model: event.model })
    else if (event.type === 'tool_call') answer.calls.push(event.call)
    else if (event.type === 'finish') answer.usage = event.usage
    else {
      answer.text += event.text
      yield { type: 'text', text: event.text }
    }
  }
  return answer
}

interface Asker {
  signal: AbortSignal
  trace: TraceContext | undefined
}

/** One call after the other, but that sub-runs which stand side by side work at the same time. */
function together(calls: readonly ModelToolCall[]): ModelToolCall[][] {
  const groups: ModelToolCall[][] = []
  for (const call of calls) {
    const last = groups.at(-1)
    if (last && call.name === delegating && last[0]?.name === delegating) last.push(call)
    else groups.push([call])
  }
  return groups
}

async function* callTools(app: App, run: Run, calls: readonly ModelToolCall[], asker: Asker): AsyncGenerator<RunStep> {
  for (const call of calls) yield { type: 'tool_call', call }
  const outcomes = calls.map(call => toolOutcome(app, run, call, asker))
  try {
    for (const [index, call] of calls.entries()) {
      const outcome = await outcomes[index]
      if (outcome) yield* noteResult(app, run, call, outcome)
    }
  } finally {
    // Nothing of this run works on when it has ended.
    await Promise.allSettled(outcomes)
  }
  asker.signal.throwIfAborted()
}

async function* noteResult(app: App, run: Run, call: ModelToolCall, outcome: ToolOutcome): AsyncGenerator<RunStep> {
  await app.store.appendToolResult({
    runId: run.id,
    messageId: app.newId(),
    toolCallId: call.id,
    content: shownToModel(outcome),
    at: app.clock.now(),
  })
  yield { type: 'tool_result', call, outcome }
  // The gateway stops, and what the tool waited for never comes.
  if (outcome.code === 'INTERRUPTED') throw new TalonError('INTERRUPTED', 'The gateway stopped.')
}

/** What failed may have said more than that: what a command wrote is how a model finds out why. */
function shownToModel({ success, output, error = 'the tool failed' }: ToolOutcome): string {
  if (success) return output
  return output === '' ? `Error: ${error}` : `Error: ${error}\n\n${output}`
}

// What no model can do anything about.
const endsRun: ReadonlySet<string> = new Set<ErrorCode>(['STORAGE_UNAVAILABLE', 'BUDGET_EXCEEDED'])

/** A model may name a tool that does not exist; that is an answer to it, not the end of the run. */
async function toolOutcome(app: App, run: Run, call: ModelToolCall, asker: Asker): Promise<ToolOutcome> {
  const { sessionId, id: runId, tokenId } = run
  try {
    if (!(await mayUseTools(app, run))) {
      throw new TalonError('FORBIDDEN', 'The token of this message lacks the scope "tools".')
    }
    return await app.tools.run({
      toolName: call.name,
      args: call.args,
      callId: call.id,
      tokenId,
      sessionId,
      runId,
      ...asker,
    })
  } catch (error) {
    if (!(error instanceof TalonError) || endsRun.has(error.code)) throw error
    const failed = { success: false, output: '', error: error.message, code: error.code }
    return { toolName: call.name, invocationId: '', durationMs: 0, truncated: false, ...failed }
  }
}

async function mayUseTools(app: App, { tokenId }: Run): Promise<boolean> {
  return (await app.auth.scopesOf(tokenId)).has('tools')
}

function addUsage(total: Usage, usage: Usage | undefined): void {
  total.inputTokens += usage?.inputTokens ?? 0
  total.outputTokens += usage?.outputTokens ?? 0
  total.totalTokens += usage?.totalTokens ?? 0
}
