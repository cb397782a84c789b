import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** One thing that the provider does while it answers; a promise is a gate: nothing more is sent before it resolves. */
export type Step =
  | string
  | Promise<unknown>
  | { thought: string }
  | { toolCall: { id: string; name: string; args: string } }
  | { raw: string }
  | { waitMs: number }

/** An answer in the wire format of the path that was asked. */
export interface StreamedReply {
  steps: Step[]
  /** `cut` destroys the socket, `unfinished` ends the body without a finish; `hang` and `linger` leave it open, `linger` after a finish. */
  end?: 'finish' | 'cut' | 'unfinished' | 'hang' | 'linger'
  reason?: 'stop' | 'tool_calls' | 'length'
  usage?: { input: number; output: number }
}

/** Any other HTTP answer. */
export interface PlainReply {
  status: number
  headers?: Record<string, string>
  body?: string
}

export type Reply = StreamedReply | PlainReply

export interface ProviderRequest {
  path: string
  headers: IncomingHttpHeaders
  // The tests look into bodies of two wire formats; a type for them would be the tests' own guess.
  body: Record<string, unknown> & { messages: Record<string, unknown>[] }
  text: string
  socket: Socket
  /** Resolves when the client closed the socket, or when the answer ended and the socket with it. */
  closed: Promise<void>
}

export interface ScriptedProvider {
  /** The base URL; what is under it speaks both wire formats. */
  url: string
  port: number
  requests: ProviderRequest[]
  /** Resolves with the next request that arrives. */
  nextRequest(): Promise<ProviderRequest>
  close(): Promise<void>
}

/** The last reply is given to all further requests. */
export type Script = Reply[] | ((request: ProviderRequest, index: number) => Reply)

/** A real HTTP server on loopback that speaks OpenAI's chat completions and Anthropic's messages as it is told to. */
export async function scriptedProvider(script: Script): Promise<ScriptedProvider> {
  const requests: ProviderRequest[] = []
  let waiting: ((request: ProviderRequest) => void)[] = []
  const server = createServer(async (incoming, response) => {
    const request = await readRequest(incoming, response)
    const index = requests.push(request) - 1
    const reply = typeof script === 'function' ? script(request, index) : script[Math.min(index, script.length - 1)]
    for (const resolve of waiting) resolve(request)
    waiting = []
    if (reply) await send(reply, request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on a port has an address of this shape.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    requests,
    nextRequest: () => new Promise(resolve => waiting.push(resolve)),
    close: async () => {
      if (!server.listening) return
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A script that calls a tool and, once it is shown the result, says the text. */
export function toolThenText(name: string, args: string, text: string[]): Script {
  return request =>
    sawToolResult(request)
      ? { steps: text }
      : { steps: [{ toolCall: { id: 'call_1', name, args } }], reason: 'tool_calls' }
}

function sawToolResult({ body }: ProviderRequest): boolean {
  const last = body.messages.at(-1)
  return last?.role === 'tool' || JSON.stringify(last?.content ?? '').includes('tool_result')
}

async function readRequest(incoming: IncomingMessage, response: ServerResponse): Promise<ProviderRequest> {
  const closed = once(response, 'close').then(() => {})
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  const { url: path = '', headers, socket } = incoming
  // A question for the list of models has none.
  const body = text === '' ? { messages: [] } : JSON.parse(text)
  return { path, headers, body, text, socket, closed }
}

async function send(reply: Reply, request: ProviderRequest, response: ServerResponse): Promise<void> {
  if ('status' in reply) {
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers }).end(reply.body ?? '')
    return
  }
  const format = request.path.endsWith('/messages') ? anthropicFormat(reply) : openAiFormat(reply)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  response.write(format.start())
  for (const step of reply.steps) {
    if (response.destroyed) return
    if (step instanceof Promise) await step
    else if (typeof step === 'string') response.write(format.text(step))
    else if ('waitMs' in step) await delay(step.waitMs)
    else if ('raw' in step) response.write(step.raw)
    else if ('thought' in step) response.write(format.thought(step.thought))
    else response.write(format.toolCall(step.toolCall))
  }
  const { end = 'finish' } = reply
  if (end === 'finish') response.end(format.finish())
  if (end === 'linger') response.write(format.finish())
  if (end === 'unfinished') response.end()
  if (end === 'cut') await cut(response)
}

async function cut(response: ServerResponse): Promise<void> {
  // What was written before must have left, or the client would not see a cut in the middle.
  await new Promise(resolve => response.write(': cut\n\n', resolve))
  response.destroy()
}

interface Format {
  start(): string
  text(text: string): string
  thought(text: string): string
  toolCall(call: { id: string; name: string; args: string }): string
  finish(): string
}

function openAiFormat({ reason = 'stop', usage = { input: 7, output: 3 } }: StreamedReply): Format {
  let calls = 0
  const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'scripted' }
  const event = (chunk: object) => `data: ${JSON.stringify({ ...base, ...chunk })}\n\n`
  const delta = (delta: object, finish_reason: string | null = null) =>
    event({ choices: [{ index: 0, delta, finish_reason }] })
  return {
    start: () => delta({ role: 'assistant', content: '' }),
    text: content => delta({ content }),
    thought: reasoning_content => delta({ reasoning_content }),
    toolCall: ({ id, name, args }) => {
      const index = calls++
      const half = Math.ceil(args.length / 2)
      const first = { index, id, type: 'function', function: { name, arguments: args.slice(0, half) } }
      const second = { index, function: { arguments: args.slice(half) } }
      return delta({ tool_calls: [first] }) + delta({ tool_calls: [second] })
    },
    finish: () => {
      const { input, output } = usage
      const counted = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
      return `${delta({}, reason)}${event({ choices: [], usage: counted })}data: [DONE]\n\n`
    },
  }
}

function anthropicFormat({ reason = 'stop', usage = { input: 7, output: 3 } }: StreamedReply): Format {
  let blocks = 0
  const event = (type: string, data: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
  const block = (content_block: object, delta: object) => {
    const index = blocks++
    return (
      event('content_block_start', { index, content_block }) +
      event('content_block_delta', { index, delta }) +
      event('content_block_stop', { index })
    )
  }
  return {
    start: () =>
      event('message_start', {
        message: {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'scripted',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: usage.input, output_tokens: 0 },
        },
      }) + event('ping', {}),
    text: text => block({ type: 'text', text: '' }, { type: 'text_delta', text }),
    thought: thinking => block({ type: 'thinking', thinking: '' }, { type: 'thinking_delta', thinking }),
    toolCall: ({ id, name, args }) =>
      block({ type: 'tool_use', id, name, input: {} }, { type: 'input_json_delta', partial_json: args }),
    finish: () => {
      const stop_reason = { stop: 'end_turn', tool_calls: 'tool_use', length: 'max_tokens' }[reason]
      const delta = { stop_reason, stop_sequence: null }
      return event('message_delta', { delta, usage: { output_tokens: usage.output } }) + event('message_stop', {})
    },
  }
}
