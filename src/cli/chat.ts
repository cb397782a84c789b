import { askOnce } from './chat-once.ts'
import { converse } from './chat-prompt.ts'
import { openConnection } from './connection.ts'
import { CommandError, type Context, exitCodes, type Input } from './context.ts'
import type { AddCommand } from './program.ts'
import { nameOfUser } from './user.ts'

// A frame may have 1 MiB (PROTOCOL section 1); this leaves room for its envelope and for escapes.
const maxMessageBytes = 900_000

interface ChatOptions {
  message?: string
  json?: true
}

export const chatCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('chat [session]')
    .description('Talk to the gateway: in a new session, or going on with the one that is named.')
    .option('-m, --message <text>', 'send this, print the answer and end (so does text on standard input)')
    .option('--json', 'print the answer as {sessionId, runId, state, content, model, usage, incomplete, error}')
    .addHelpText('after', help)
    .action(async (session: string | undefined, options: ChatOptions) => exit(await chat(context, session, options)))
}

const help = `
Examples:
  talon chat
  talon chat 0198c2f4-6d1e-7c3a-9b1f-2f6a54d0c9e1
  talon chat -m "What is in my notes?"
  git diff | talon chat --json | jq -r .content

Ctrl-C stops an answer; twice, or Ctrl-D, leaves. The session stays: its id is printed, so that you can go on with it.`

async function chat(context: Context, named: string | undefined, options: ChatOptions): Promise<number> {
  const isConversation = options.message === undefined && context.stdin.isTTY === true
  if (isConversation && options.json) {
    throw new CommandError('--json needs a message: add -m "…", or pipe it in.', exitCodes.usage)
  }
  const text = isConversation ? undefined : checked(options.message ?? (await readAll(context.stdin)))
  const { client } = await openConnection(context)
  try {
    const senderId = nameOfUser(context.env)
    const sessionId = named ?? (await client.request('session.create', { senderId, channel: 'cli' })).sessionId
    if (!named) context.stderr.write(`Session ${sessionId}; to go on with it later: talon chat ${sessionId}\n`)
    if (text === undefined) return await converse(context, client, sessionId)
    return await askOnce(context, client, { sessionId, text, json: options.json === true })
  } finally {
    client.close()
  }
}

function checked(text: string): string {
  if (text.trim() === '') {
    throw new CommandError(
      'There is nothing to send. Add -m "…", pipe text in, or run it on a terminal.',
      exitCodes.usage,
    )
  }
  if (Buffer.byteLength(JSON.stringify(text)) > maxMessageBytes) throw tooLong()
  return text
}

async function readAll(input: Input): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of input) {
    const buffer = typeof part === 'string' ? Buffer.from(part) : part
    bytes += buffer.length
    if (bytes > maxMessageBytes) throw tooLong()
    parts.push(buffer)
  }
  return Buffer.concat(parts).toString('utf8').trimEnd()
}

function tooLong(): CommandError {
  return new CommandError(`A message may have ${maxMessageBytes} bytes at most.`)
}
