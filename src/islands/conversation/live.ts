import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { SessionEvent } from '../../client/index.ts'
import type { Message } from '../../protocol/shapes.ts'
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

// A tab that stays open for days keeps this much; what is older is a click away.
const maxMessages = 1_000
const maxLiveTools = 200

/** What the server rendered, and from where the page goes on. */
export interface ConversationStart {
  sessionId: string
  epoch: number
  messages: Message[]
  hasOlder: boolean
  run: Run | null
  answer: Answer | null
}

/** What a conversation shows; only `apply` and the actions write it. */
export interface Conversation {
  sessionId: string
  epoch: Signal<number>
  messages: Signal<readonly Message[]>
  items: ReadonlySignal<Item[]>
  hasOlder: Signal<boolean>
  run: Signal<Run | null>
  answer: Signal<Answer | null>
  pending: Signal<readonly Pending[]>
  /** What went wrong last, for people. */
  problem: Signal<string | undefined>
  deleted: Signal<boolean>
  apply(event: SessionEvent): void
  /** Where a subscription has to go on so that nothing is missed or shown twice. */
  position(): { epoch: number; after: number }
}

/** The state of one conversation on one page. It is made while rendering, so it must not touch anything shared. */
export function createConversation(start: ConversationStart): Conversation {
  const messages = signal<readonly Message[]>(start.messages)
  const liveTools = signal<LiveTools>({})
  const state = {
    sessionId: start.sessionId,
    epoch: signal(start.epoch),
    messages,
    liveTools,
    items: computed(() => itemsOf(messages.value, liveTools.value)),
    hasOlder: signal(start.hasOlder),
    run: signal<Run | null>(start.run),
    answer: signal<Answer | null>(start.answer),
    pending: signal<readonly Pending[]>([]),
    problem: signal<string | undefined>(undefined),
    deleted: signal(false),
    position: () => ({ epoch: state.epoch.peek(), after: messages.peek().at(-1)?.seq ?? 0 }),
    apply: (event: SessionEvent) => batch(() => apply(state, event)),
  }
  return state
}

type State = Conversation & { liveTools: Signal<LiveTools> }

function apply(state: State, event: SessionEvent): void {
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
    case 'tool.result': {
      const { callId, toolName, success, output, error, durationMs, runId } = event.payload
      const shown = error === undefined || output !== '' ? output : error
      return addTool(state, runId, { callId, toolName, args: {}, success, output: shown, durationMs })
    }
    case 'run.started':
      state.run.value = { runId: event.payload.runId, state: event.payload.state }
      return
    case 'run.finished':
      return finishRun(state, event.payload)
    case 'session.resumed':
      return resume(state, event.payload.run)
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

function addEntry(state: State, message: Message): void {
  const last = state.messages.peek().at(-1)?.seq ?? 0
  // The client sends each entry once and in order; a page that loaded history meanwhile may know it already.
  if (message.seq <= last) return
  const messages = [...state.messages.peek(), message]
  if (messages.length > maxMessages) state.hasOlder.value = true
  state.messages.value = messages.slice(-maxMessages)
  state.pending.value = withoutEntry(state.pending.peek(), message)
  state.answer.value = afterEntry(state.answer.peek(), message)
}

function addTool(state: State, runId: string, use: ToolUse): void {
  const key = toolKey(runId, use.callId)
  const known = state.liveTools.peek()[key]
  const others = Object.entries(state.liveTools.peek()).filter(([other]) => other !== key)
  const now: [string, ToolUse] = [key, { ...use, args: known?.args ?? use.args }]
  state.liveTools.value = Object.fromEntries([...others, now].slice(-maxLiveTools))
}

function finishRun(state: State, run: { runId: string; state: Run['state']; error?: string | undefined }): void {
  if (state.run.peek()?.runId === run.runId) state.run.value = null
  if (state.answer.peek()?.runId === run.runId) state.answer.value = null
  if (run.state === 'failed') state.problem.value = run.error ?? 'The answer failed.'
  if (run.state === 'interrupted') state.problem.value = 'The gateway was restarted before the answer was complete.'
}

/** The gateway says which run works; an answer of another one has ended while the connection was lost. */
function resume(state: State, run: Run | null): void {
  state.run.value = run
  if (state.answer.peek()?.runId !== run?.runId) state.answer.value = null
}

function reset(state: State, epoch: number): void {
  state.epoch.value = epoch
  state.messages.value = []
  state.liveTools.value = {}
  state.answer.value = null
  state.run.value = null
  state.pending.value = []
  state.hasOlder.value = false
  state.problem.value = undefined
}
