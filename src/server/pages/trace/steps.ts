import type { Run } from '../../../db/store.ts'
import { knownTools, type ToolRecord } from '../../../islands/conversation/records.ts'
import { type ToolUse, toolKey } from '../../../islands/conversation/state.ts'
import type { Message, Usage } from '../../../protocol/shapes.ts'

/** One bar of a run: from when to when it took, and what went in and came out, as far as it is stored. */
export type Step = { from: number; until: number } & (
  | { kind: 'wait'; for: 'turn' | 'permission' }
  | {
      kind: 'model'
      /** Which call of the run it is, from 1. */
      call: number
      model: string | undefined
      usage: Usage | undefined
      /** What the log had that the call before had not: the question, then what tools answered. */
      inputs: Message[]
      /** Undefined where nothing of it is stored (yet). */
      output: Message | undefined
    }
  | {
      kind: 'tool'
      use: ToolUse
      /** What the model was told; undefined while it runs. */
      result: Message | undefined
    }
)

interface Traced {
  run: Run
  question: Message | undefined
  /** The entries of the run, in order. */
  own: readonly Message[]
  records: readonly ToolRecord[]
  /** Unix ms; the end of what is still at work. */
  now: number
}

// Less is the time of a commit, not of a person who thinks.
const shortestWaitMs = 50

/** What a run did, one step after the other. */
export function stepsOf({ run, question, own, records, now }: Traced): Step[] {
  const known = knownTools(own, records)
  const end = run.finishedAt ?? now
  const steps: Step[] = [{ kind: 'wait', for: 'turn', from: run.createdAt, until: run.startedAt ?? end }]
  if (run.startedAt === null) return steps
  let from = run.startedAt
  let inputs = question ? [question] : []
  let call = 0
  const add = (step: Step) => {
    steps.push(step)
    from = step.until
  }
  const ask = (output: Message | undefined) => {
    call += 1
    const until = Math.max(from, output?.timestamp ?? end)
    add({ kind: 'model', call, model: output?.model, usage: output?.usage, inputs, output, from, until })
    inputs = []
  }
  for (const message of own) {
    if (message.role !== 'assistant') continue
    ask(message)
    for (const { id, name, args } of message.toolCalls ?? []) {
      const use = { ...known[toolKey(run.id, id)], callId: id, toolName: name, args }
      const result = own.find(({ toolCallId, seq }) => toolCallId === id && seq > message.seq)
      const { startedAt = from } = use
      if (startedAt - from > shortestWaitMs) add({ kind: 'wait', for: 'permission', from, until: startedAt })
      add({ kind: 'tool', use, result, from, until: Math.max(from, result?.timestamp ?? end) })
      if (result) inputs.push(result)
    }
  }
  if (inputs.length > 0) ask(undefined)
  return steps
}
