import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline'
import type { Client, ClientState, SessionEvent } from '../client/index.ts'
import type { Message, Session } from '../protocol/shapes.ts'
import { type Context, exitCodes, type Output } from './context.ts'
import { printable } from './text.ts'
import { Transcript } from './transcript.ts'

const shownMessages = 20
// Two presses of Ctrl-C within this time leave.
const doublePressMs = 2_000
const promptText = '> '

/** Talks in a session until the user leaves; gives the exit code. */
export async function converse(context: Context, client: Client, sessionId: string): Promise<number> {
  const { session } = await client.request('session.get', { sessionId })
  const after = await showRecent(context, client, session)
  // From here to the listeners nothing waits, so that no line is lost that was typed meanwhile.
  const screen = new Screen(context)
  const left = Promise.withResolvers<number>()
  const talk = createTalk(client, sessionId, screen)
  const stops = [
    client.subscribe(
      sessionId,
      { epoch: session.epoch, after, onEnd: error => left.resolve(error ? exitCodes.failed : exitCodes.ok) },
      talk.hear,
    ),
    client.onState(createStateTeller(talk, screen, sessionId, left.resolve)),
    context.onStopSignal(() => left.resolve(exitCodes.interrupted)),
  ]
  const press = createPress(context, talk, screen, left.resolve)
  screen.lines.on('line', line => (line.trim() === '/exit' ? left.resolve(exitCodes.ok) : void talk.send(line)))
  screen.lines.on('SIGINT', press)
  screen.lines.on('close', () => left.resolve(exitCodes.ok))
  screen.rest()
  try {
    return await left.promise
  } finally {
    for (const stop of stops) stop()
    screen.close()
  }
}

/** Where one person types and the answers appear, on one terminal. */
class Screen {
  readonly lines: Interface
  readonly transcript: Transcript
  readonly #output: Output
  #isResting = false
  #isClosed = false

  constructor({ stdin, stdout }: Context) {
    this.#output = stdout
    this.lines = createInterface({ input: stdin, output: stdout, prompt: promptText, terminal: true })
    const write = (text: string) => this.write(text)
    this.transcript = new Transcript(write, write)
    this.lines.on('line', () => {
      this.#isResting = false
    })
    this.lines.on('close', () => {
      this.#isClosed = true
    })
  }

  write(text: string): void {
    if (this.#isResting) {
      // What is typed so far comes back with the next prompt.
      cursorTo(this.#output, 0)
      clearLine(this.#output, 0)
      this.#isResting = false
    }
    this.#output.write(text)
  }

  notice(text: string): void {
    this.transcript.notice(text)
  }

  /** Nothing is being said: shows the prompt. */
  rest(): void {
    if (this.#isResting || this.#isClosed) return
    this.transcript.endLine()
    this.lines.prompt(true)
    this.#isResting = true
  }

  close(): void {
    this.transcript.endLine()
    if (this.#isResting) this.#output.write('\n')
    this.lines.close()
  }
}

/** Prints the newest messages of a session that is gone on with; the number of its newest entry. */
async function showRecent(context: Context, client: Client, session: Session): Promise<number> {
  const { id: sessionId, epoch } = session
  const { messages, hasMore } = await client.request('session.history', { sessionId, epoch, limit: shownMessages })
  const { stdout } = context
  if (hasMore) stdout.write(`[the last ${messages.length} of ${session.messageCount} messages]\n`)
  for (const message of messages) {
    const text = printable(message.content)
    if (message.role === 'user') stdout.write(`${promptText}${text}\n`)
    if (message.role === 'assistant' && text !== '') stdout.write(`${text}\n`)
  }
  return messages.at(-1)?.seq ?? session.seq
}

/** One side of the conversation: what we say, and what we hear of the runs that answer. */
interface Talk {
  isBusy(): boolean
  send(text: string): Promise<void>
  cancel(): Promise<void>
  hear(event: SessionEvent): void
}

function createTalk(client: Client, sessionId: string, screen: Screen): Talk {
  // Texts on their way, which come back as entries of the log; as many as a person types before the first is answered.
  const onTheirWay: string[] = []
  const open = new Set<string>()
  let lastEnded = ''
  let sending = 0

  return { isBusy, send, cancel, hear }

  function isBusy(): boolean {
    return open.size > 0 || sending > 0
  }

  async function send(line: string): Promise<void> {
    const text = line.trim()
    if (text === '') return rest()
    onTheirWay.push(text)
    sending++
    try {
      const { runId } = await client.request('session.send_message', { sessionId, text })
      if (runId !== lastEnded) open.add(runId)
    } catch (error) {
      forget(text)
      screen.notice(error instanceof Error ? error.message : String(error))
    }
    sending--
    rest()
  }

  async function cancel(): Promise<void> {
    await client.request('session.cancel', { sessionId }).catch(error => screen.notice(error.message))
  }

  function hear(event: SessionEvent): void {
    if (event.type === 'session.message' && event.payload.message.role === 'user') showUser(event.payload.message)
    else screen.transcript.show(event)
    if (event.type === 'run.started') open.add(event.payload.runId)
    // An answer that is not whole is followed by the reason.
    if (event.type === 'run.finished' || (event.type === 'session.message.final' && !event.payload.incomplete)) {
      lastEnded = event.payload.runId
      open.delete(lastEnded)
    }
    // Nothing runs: the end of what did was lost with a connection.
    if (event.type === 'reset' || (event.type === 'session.resumed' && event.payload.run === null)) open.clear()
    rest()
  }

  function showUser(message: Message): void {
    if (forget(message.content)) return
    screen.transcript.endLine()
    screen.write(`${printable(message.senderName ?? 'someone else')}${promptText}${printable(message.content)}\n`)
  }

  function forget(text: string): boolean {
    const at = onTheirWay.indexOf(text)
    if (at !== -1) onTheirWay.splice(at, 1)
    return at !== -1
  }

  function rest(): void {
    if (!isBusy()) screen.rest()
  }
}

/** Ctrl-C: stops the answer that is being written; a second one leaves. */
function createPress(context: Context, talk: Talk, screen: Screen, leave: (code: number) => void): () => void {
  let lastAt = Number.NEGATIVE_INFINITY
  return () => {
    const now = context.clock.monotonic()
    if (now - lastAt < doublePressMs) return leave(exitCodes.interrupted)
    lastAt = now
    if (!talk.isBusy()) {
      screen.notice('Ctrl-C once more, or Ctrl-D, to leave')
      return screen.rest()
    }
    screen.notice('stopping; Ctrl-C once more to leave')
    void talk.cancel()
  }
}

/** Says when the connection is lost and when it is back. */
function createStateTeller(
  talk: Talk,
  screen: Screen,
  sessionId: string,
  leave: (code: number) => void,
): (state: ClientState) => void {
  let isLost = false
  return state => {
    if (state.status === 'closed') {
      screen.notice(`${state.message} To go on: talon chat ${sessionId}`)
      return leave(exitCodes.failed)
    }
    if (isLost === (state.status === 'reconnecting')) return
    isLost = !isLost
    if (state.status === 'reconnecting' && state.reason === 'draining')
      screen.notice('the gateway stops; waiting for it')
    else screen.notice(isLost ? 'connection lost; trying again' : 'connected again')
    if (!talk.isBusy()) screen.rest()
  }
}
