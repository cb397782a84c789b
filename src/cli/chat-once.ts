import type { Client, SessionEvent } from '../client/index.ts'
import type { EventPayload } from '../protocol/messages.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { Transcript } from './transcript.ts'

// After the last entry of a run its end follows at once; longer than this it was lost with a connection.
const endGraceMs = 2_000

type Final = EventPayload<'session.message.final'>

/** How a run ended. `final` is missing where it had not said a word. */
interface RunEnd {
  state: EventPayload<'run.finished'>['state']
  error?: string | undefined
  final?: Final | undefined
}

interface Question {
  sessionId: string
  text: string
  json: boolean
}

/** Sends one message, prints what answers it, and gives the exit code. */
export async function askOnce(context: Context, client: Client, question: Question): Promise<number> {
  const answer = new Transcript(
    text => void (question.json || context.stdout.write(text)),
    text => void context.stderr.write(text),
  )
  const left = Promise.withResolvers<'left'>()
  let signals = 0
  const deafen = context.onStopSignal(() => {
    if (++signals > 1) return left.resolve('left')
    answer.notice('stopping; once more to leave at once')
    client.request('session.cancel', { sessionId: question.sessionId }).catch(() => left.resolve('left'))
  })
  try {
    const end = await Promise.race([followRun(client, question, event => answer.show(event)), left.promise])
    answer.endLine()
    if (end === 'left') return exitCodes.interrupted
    if (question.json) context.stdout.write(`${JSON.stringify(asJson(question.sessionId, end))}\n`)
    if (end.state === 'done') return exitCodes.ok
    return end.state === 'cancelled' ? exitCodes.interrupted : exitCodes.failed
  } finally {
    deafen()
  }
}

/** Sends the message and shows the events of its run until that ends. */
async function followRun(
  client: Client,
  question: Question,
  show: (event: SessionEvent) => void,
): Promise<RunEnd & { runId: string }> {
  const { sessionId, text } = question
  const { session } = await client.request('session.get', { sessionId })
  const end = Promise.withResolvers<RunEnd>()
  // A lost connection fails the request below as well, and then nobody waits for this one.
  end.promise.catch(() => {})
  let final: Final | undefined
  // What arrives before the run's id is known; that is one round trip at most.
  const early: SessionEvent[] = []
  let hear = (event: SessionEvent): void => void (event.type === 'session.resumed' || early.push(event))
  const position = { epoch: session.epoch, after: session.seq }
  const stops = [
    client.subscribe(sessionId, { ...position, onEnd: error => error && end.reject(error) }, event => hear(event)),
    client.onState(state => state.status === 'closed' && end.reject(new CommandError(state.message))),
  ]
  const late = createDeadline(() => end.resolve({ state: 'interrupted', final }))
  try {
    const { runId } = await client.request('session.send_message', { sessionId, text })
    hear = event => {
      if (event.type === 'reset' || event.type === 'session.deleted') return end.resolve({ state: 'interrupted' })
      // Nothing runs or waits: unless its last entry is among those that are replayed now, the run ended without one.
      if (event.type === 'session.resumed' && event.payload.run === null) late.set()
      if (runOf(event) !== runId) return
      show(event)
      if (event.type === 'session.message.final') {
        final = event.payload
        if (!final.incomplete) end.resolve({ state: 'done', final })
        else late.set()
      }
      if (event.type === 'run.finished') end.resolve({ state: event.payload.state, error: event.payload.error, final })
    }
    for (const event of early) hear(event)
    return { runId, ...(await end.promise) }
  } finally {
    late.clear()
    for (const stop of stops) stop()
  }
}

function createDeadline(act: () => void): { set(): void; clear(): void } {
  let timer: NodeJS.Timeout | undefined
  return {
    set: () => {
      timer ??= setTimeout(act, endGraceMs)
    },
    clear: () => clearTimeout(timer),
  }
}

function runOf(event: SessionEvent): string | undefined {
  if (event.type === 'session.message') return event.payload.message.runId
  return 'payload' in event && 'runId' in event.payload ? event.payload.runId : undefined
}

function asJson(sessionId: string, end: RunEnd & { runId: string }): Record<string, unknown> {
  const { runId, state, error, final } = end
  const { message, model, usage, incomplete } = final ?? {}
  return { sessionId, runId, state, content: message?.content ?? '', model, usage, incomplete, error }
}
