import type { SessionEvent } from '../client/index.ts'
import type { EventPayload } from '../protocol/messages.ts'
import { oneLine, printable } from './text.ts'

const maxArgumentsLength = 100
const maxErrorLength = 300
const maxNameLength = 60

type ToolResult = EventPayload<'tool.result'>

/** Turns the events of a session into what a person reads. */
export interface Transcript {
  show(event: SessionEvent): void
  /** A line that is about the conversation, not in it. */
  notice(text: string): void
  /** Ends the line that is being written, if one is. */
  endLine(): void
}

/**
 * A transcript that writes answers to one place and what is about them (tools, failures) to another; on a terminal
 * both are the same.
 */
export function createTranscript(answer: (text: string) => void, about: (text: string) => void): Transcript {
  let lineIsOpen = false
  // A call is one line: its begin stays open for its result, unless something else has to be written meanwhile.
  let openCall: string | undefined
  // The answer that is being written: what of it is on the screen, and which of its pieces was the last.
  let runId = ''
  let written = ''
  let lastIndex = -1

  return { show, notice, endLine }

  function show(event: SessionEvent): void {
    switch (event.type) {
      case 'session.message.delta':
        beginRun(event.payload.runId)
        // After a gap the rest waits for the stored message, which has it whole.
        if (event.payload.index !== lastIndex + 1) return
        lastIndex = event.payload.index
        return write(event.payload.delta)
      case 'session.message.snapshot':
        beginRun(event.payload.runId)
        lastIndex = event.payload.index
        return writeUpTo(event.payload.text)
      case 'session.message':
        if (event.payload.message.role !== 'assistant') return
        beginRun(event.payload.message.runId ?? runId)
        return finish(event.payload.message.content)
      case 'session.message.final':
        beginRun(event.payload.runId)
        return finish(event.payload.message.content)
      case 'tool.result':
        return endCall(event.payload)
      case 'tool.call':
        return beginCall(event.payload)
      case 'run.finished':
        return event.payload.state === 'done' ? undefined : notice(endOf(event.payload))
      case 'reset':
        return notice('The session was reset: it begins anew.')
      case 'session.deleted':
        return notice('The session was deleted.')
    }
  }

  function beginRun(id: string): void {
    if (id === runId) return
    endLine()
    runId = id
    written = ''
    lastIndex = -1
  }

  function write(text: string): void {
    written += text
    const shown = printable(text)
    if (shown === '') return
    leaveCall()
    answer(shown)
    lineIsOpen = !shown.endsWith('\n')
  }

  /** Writes what is missing of a text; all of it if what is on the screen is no beginning of it. */
  function writeUpTo(text: string): void {
    if (text.startsWith(written)) return write(text.slice(written.length))
    endLine()
    written = ''
    write(text)
  }

  function finish(content: string): void {
    writeUpTo(content)
    endLine()
    written = ''
  }

  function beginCall(call: { callId: string; toolName: string; args: unknown }): void {
    endLine()
    about(`[tool ${oneLine(call.toolName, maxNameLength)} ${oneLine(JSON.stringify(call.args), maxArgumentsLength)}`)
    openCall = call.callId
  }

  function endCall(result: ToolResult): void {
    if (openCall !== result.callId)
      return notice(`tool ${oneLine(result.toolName, maxNameLength)}: ${resultOf(result)}`)
    openCall = undefined
    about(`: ${resultOf(result)}]\n`)
  }

  function leaveCall(): void {
    if (openCall !== undefined) about(' …]\n')
    openCall = undefined
  }

  function endLine(): void {
    leaveCall()
    if (lineIsOpen) answer('\n')
    lineIsOpen = false
  }

  function notice(text: string): void {
    endLine()
    about(`[${text}]\n`)
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
