import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { SessionEvent } from '../../client/index.ts'
import type { EventPayload } from '../../protocol/messages.ts'
import type { Message, Usage } from '../../protocol/shapes.ts'
import { costUsd, type Prices, type Spent, withRun } from './spending.ts'
import {
  type Answer,
  addDelta,
  afterEntry,
  type Item,
  itemsOf,
  type LiveTools,
  type Pending,
  type Run,
  type ToolUse,
  toolKey,
  withoutEntry,
} from './state.ts'

// What a page holds at most, however long the session is and however long the tab stays open. What is before or after it is
// read from the gateway when somebody scrolls there.
export const maxMessages = 400
const maxLiveTools = 1_000
const maxStreamChars = 20_000
const maxAttachments = 1_000

/** A file that a tool made for people. */
export type Attachment = NonNullable<EventPayload<'tool.result'>['attachments']>[number]

/** What the server rendered, and from where the page goes on. */
export interface ConversationStart {
  sessionId: string
  epoch: number
  messages: Message[]
  hasOlder: boolean
  /** The newest entry of the log, where the messages end before it. */
  head?: number
  run: Run | null
  answer: Answer | null
  tools?: LiveTools
  attachments?: Attachment[]
  spent?: Spent
  prices?: Prices
}

/** What a conversation shows: a part of the log without gaps, and what is live. Only `apply` and the actions write it. */
export interface Conversation {
  sessionId: string
  prices: Prices
  epoch: Signal<number>
  messages: Signal<readonly Message[]>
  items: ReadonlySignal<Item[]>
  hasOlder: Signal<boolean>
  /** The newest entry that is known to exist. */
  head: Signal<number>
  /** Whether there are entries behind those that are shown. */
  hasNewer: ReadonlySignal<boolean>
  /** The message that somebody followed a link to. */
  target: Signal<number | undefined>
  run: Signal<Run | null>
  answer: Signal<Answer | null>
  pending: Signal<readonly Pending[]>
  tools: Signal<LiveTools>
  /** What tools at work have shown so far, by `toolKey`. */
  streams: Signal<Readonly<Record<string, string>>>
  attachments: Signal<readonly Attachment[]>
  spent: Signal<Spent | undefined>
  /** What went wrong last, for people. */
  problem: Signal<string | undefined>
  /** Whether a part of the log is being read. */
  isReading: Signal<boolean>
  deleted: Signal<boolean>
  apply(event: SessionEvent): void
  /** Where a subscription has to go on so that nothing is missed or shown twice. */
  position(): { epoch: number; after: number }
}

/** The state of one conversation on one page. It is made while rendering, so it must not touch anything shared. */
export function createConversation(start: ConversationStart): Conversation {
  const messages = signal<readonly Message[]>(start.messages)
  const tools = signal<LiveTools>(start.tools ?? {})
  const head = signal(start.head ?? lastOf(start.messages))
  const state: Conversation = {
    sessionId: start.sessionId,
    prices: start.prices ?? {},
    epoch: signal(start.epoch),
    messages,
    items: computed(() => itemsOf(messages.value, tools.value)),
    hasOlder: signal(start.hasOlder),
    head,
    hasNewer: computed(() => head.value > lastOf(messages.value)),
    target: signal(undefined),
    run: signal(start.run),
    answer: signal(start.answer),
    pending: signal([]),
    tools,
    streams: signal({}),
    attachments: signal(start.attachments ?? []),
    spent: signal(start.spent),
    problem: signal(undefined),
    isReading: signal(false),
    deleted: signal(false),
    position: () => ({ epoch: state.epoch.peek(), after: head.peek() }),
    apply: event => batch(() => apply(state, event)),
  }
  return state
}

function lastOf(messages: readonly Message[]): number {
  return messages.at(-1)?.seq ?? 0
}

function apply(state: Conversation, event: SessionEvent): void {
  switch (event.type) {
    case 'session.message':
      return addEntry(state, event.payload.message)
    case 'session.message.final':
      addEntry(state, event.payload.message)
      if (state.answer.peek()?.runId === event.payload.runId) state.answer.value = null
      return
    case 'session.message.delta':
      state.answer.value = addDelta(state.answer.peek(), event.payload)
      return
    case 'session.message.snapshot':
      state.answer.value = { runId: event.payload.runId, text: event.payload.text, index: event.payload.index }
      return
    case 'tool.call': {
      const { callId, toolName, args, runId } = event.payload
      return addTool(state, runId, { callId, toolName, args })
    }
    case 'tool.stream':
      return addStream(state, event.payload)
    case 'tool.result':
      return addResult(state, event.payload)
    case 'run.started':
      state.run.value = { runId: event.payload.runId, state: event.payload.state }
      return
    case 'run.finished':
      return finishRun(state, event.payload)
    case 'session.resumed':
      return resume(state, event.payload.run)
    case 'budget.warning':
      state.problem.value = event.payload.message
      return
    case 'session.error':
      state.problem.value = event.payload.error
      return
    case 'session.deleted':
      state.deleted.value = true
      return
    case 'reset':
      return reset(state, event.epoch)
    default:
      return
  }
}

function addEntry(state: Conversation, message: Message): void {
  const last = lastOf(state.messages.peek())
  const wasWhole = last >= state.head.peek()
  // The client sends each entry once and in order; a page that loaded history meanwhile may know it already.
  if (message.seq > state.head.peek()) state.head.value = message.seq
  if (message.seq <= last) return
  state.pending.value = withoutEntry(state.pending.peek(), message)
  state.answer.value = afterEntry(state.answer.peek(), message)
  // Whoever reads further up gets it when they come down.
  if (!wasWhole) return
  const messages = [...state.messages.peek(), message]
  if (messages.length > maxMessages) state.hasOlder.value = true
  state.messages.value = messages.slice(-maxMessages)
}

function addTool(state: Conversation, runId: string, use: Partial<ToolUse> & { callId: string }): void {
  const key = toolKey(runId, use.callId)
  state.tools.value = withTools(state.tools.peek(), { [key]: { ...state.tools.peek()[key], ...use } })
}

/** What is known of tool calls, with more of it; of too much the oldest goes. */
export function withTools(known: LiveTools, more: LiveTools): LiveTools {
  const others = Object.entries(known).filter(([key]) => !Object.hasOwn(more, key))
  return Object.fromEntries([...others, ...Object.entries(more)].slice(-maxLiveTools))
}

function addResult(state: Conversation, result: EventPayload<'tool.result'>): void {
  const { callId, toolName, success, output, error, durationMs, runId, attachments = [] } = result
  const { invocationId, decision } = result
  const about = { ...(invocationId !== undefined && { invocationId }), ...(decision && { decision }) }
  const shown = error === undefined || output !== '' ? output : error
  addTool(state, runId, { callId, toolName, success, output: shown, durationMs, ...about })
  const { [toolKey(runId, callId)]: _over, ...streams } = state.streams.peek()
  state.streams.value = streams
  if (attachments.length === 0) return
  const known = state.attachments.peek().filter(({ id }) => !attachments.some(made => made.id === id))
  state.attachments.value = [...attachments, ...known].slice(0, maxAttachments)
}

function addStream(state: Conversation, { runId, callId, chunk }: EventPayload<'tool.stream'>): void {
  // A tool that somebody runs by hand in this session is no part of the conversation.
  if (callId === undefined) return
  const key = toolKey(runId, callId)
  const text = (state.streams.peek()[key] ?? '') + chunk
  state.streams.value = { ...state.streams.peek(), [key]: text.slice(-maxStreamChars) }
}

function finishRun(
  state: Conversation,
  run: { runId: string; state: Run['state']; error?: string | undefined; usage?: Usage | undefined },
): void {
  if (state.run.peek()?.runId === run.runId) state.run.value = null
  if (state.answer.peek()?.runId === run.runId) state.answer.value = null
  if (run.state === 'failed') state.problem.value = run.error ?? 'The answer failed.'
  if (run.state === 'interrupted') state.problem.value = 'The gateway was restarted before the answer was complete.'
  state.streams.value = {}
  const spent = state.spent.peek()
  if (!spent) return
  const model = state.messages.peek().findLast(({ runId }) => runId === run.runId)?.model
  const cost = run.usage && costUsd(run.usage, model, state.prices)
  state.spent.value = withRun(spent, run.usage, cost)
}

/** The gateway says which run works; an answer of another one has ended while the connection was lost. */
function resume(state: Conversation, run: Run | null): void {
  state.run.value = run
  if (state.answer.peek()?.runId !== run?.runId) state.answer.value = null
}

function reset(state: Conversation, epoch: number): void {
  state.epoch.value = epoch
  state.messages.value = []
  state.head.value = 0
  state.tools.value = {}
  state.streams.value = {}
  state.answer.value = null
  state.run.value = null
  state.pending.value = []
  state.hasOlder.value = false
  state.target.value = undefined
  state.problem.value = undefined
}
