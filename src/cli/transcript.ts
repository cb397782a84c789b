import type { SessionEvent } from '../client/index.ts'
import type { EventPayload } from '../protocol/messages.ts'
import type { Message } from '../protocol/shapes.ts'
import { oneLine, printable } from './text.ts'

const maxArgumentsLength = 100
const maxErrorLength = 300
const maxNameLength = 60

type ToolResult = EventPayload<'tool.result'>

/**
 * Turns the events of a session into what a person reads: answers go to one place, what is about them (tools, failures)
 * to another; on a terminal both are the same.
 */
export class Transcript {
  readonly #answer: (text: string) => void
  readonly #about: (text: string) => void
  #lineIsOpen = false
  // A call is one line: its begin stays open for its result, unless something else has to be written meanwhile.
  #openCall: string | undefined
  // The answer that is being written: what of it is on the screen, and which of its pieces was the last.
  #runId = ''
  #written = ''
  #lastIndex = -1

  constructor(answer: (text: string) => void, about: (text: string) => void) {
    this.#answer = answer
    this.#about = about
  }

  show(event: SessionEvent): void {
    switch (event.type) {
      case 'session.message.delta':
        return this.#delta(event.payload)
      case 'session.message.snapshot':
        this.#beginRun(event.payload.runId)
        this.#lastIndex = event.payload.index
        return this.#writeUpTo(event.payload.text)
      case 'session.message':
        return this.#stored(event.payload.message)
      case 'session.message.final':
        this.#beginRun(event.payload.runId)
        return this.#finish(event.payload.message.content)
      case 'tool.call':
        return this.#beginCall(event.payload)
      case 'tool.result':
        return this.#endCall(event.payload)
      case 'run.finished':
        return event.payload.state === 'done' ? undefined : this.notice(endOf(event.payload))
      case 'reset':
        return this.notice('The session was reset: it begins anew.')
      case 'session.deleted':
        return this.notice('The session was deleted.')
    }
  }

  /** A line that is about the conversation, not in it. */
  notice(text: string): void {
    this.endLine()
    this.#about(`[${text}]\n`)
  }

  /** Ends the line that is being written, if one is. */
  endLine(): void {
    this.#leaveCall()
    if (this.#lineIsOpen) this.#answer('\n')
    this.#lineIsOpen = false
  }

  #delta({ runId, index, delta }: EventPayload<'session.message.delta'>): void {
    this.#beginRun(runId)
    // After a gap the rest waits for the stored message, which has it whole.
    if (index !== this.#lastIndex + 1) return
    this.#lastIndex = index
    this.#write(delta)
  }

  #stored(message: Message): void {
    if (message.role !== 'assistant') return
    this.#beginRun(message.runId ?? this.#runId)
    this.#finish(message.content)
  }

  #beginRun(runId: string): void {
    if (runId === this.#runId) return
    this.endLine()
    this.#runId = runId
    this.#written = ''
    this.#lastIndex = -1
  }

  #write(text: string): void {
    this.#written += text
    const shown = printable(text)
    if (shown === '') return
    this.#leaveCall()
    this.#answer(shown)
    this.#lineIsOpen = !shown.endsWith('\n')
  }

  /** Writes what is missing of a text; all of it if what is on the screen is no beginning of it. */
  #writeUpTo(text: string): void {
    if (text.startsWith(this.#written)) return this.#write(text.slice(this.#written.length))
    this.endLine()
    this.#written = ''
    this.#write(text)
  }

  #finish(content: string): void {
    this.#writeUpTo(content)
    this.endLine()
    this.#written = ''
  }

  #beginCall(call: EventPayload<'tool.call'>): void {
    this.endLine()
    const begin = `tool ${oneLine(call.toolName, maxNameLength)} ${oneLine(JSON.stringify(call.args), maxArgumentsLength)}`
    this.#about(`[${begin}`)
    this.#openCall = call.callId
  }

  #endCall(result: ToolResult): void {
    if (this.#openCall !== result.callId) {
      return this.notice(`tool ${oneLine(result.toolName, maxNameLength)}: ${resultOf(result)}`)
    }
    this.#openCall = undefined
    this.#about(`: ${resultOf(result)}]\n`)
  }

  #leaveCall(): void {
    if (this.#openCall !== undefined) this.#about(' …]\n')
    this.#openCall = undefined
  }
}

function resultOf(result: ToolResult): string {
  const time = `${Math.round(result.durationMs)} ms`
  if (result.success) return `done in ${time}`
  return `failed after ${time}: ${oneLine(result.error ?? 'no reason given', maxErrorLength)}`
}

function endOf(run: { state: string; error?: string | undefined }): string {
  return run.error === undefined || run.state === 'cancelled'
    ? run.state
    : `${run.state}: ${oneLine(run.error, maxErrorLength)}`
}
