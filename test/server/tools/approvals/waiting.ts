import * as z from 'zod'
import type { EventPayload } from '../../../../src/protocol/messages.ts'
import type { Scope } from '../../../../src/protocol/shapes.ts'
import { createTools } from '../../../../src/server/tools/registry.ts'
import { defineTool, type Permission, type Tool } from '../../../../src/server/tools/tool.ts'
import { type TestGateway, testGateway } from '../../../support/gateway.ts'
import { type RawSocket, rawSocket } from '../../../support/raw-socket.ts'

export type Requested = EventPayload<'approval.requested'>
export type Resolved = EventPayload<'approval.resolved'>

/** A tool that notes with what it ran, and nothing else. */
export function notingTool(
  more: { name?: string; permission?: Permission; taints?: boolean; subject?: boolean } = {},
): { tool: Tool; ran: Record<string, unknown>[] } {
  const { name = 'note_it', permission = 'exec', taints = false, subject = false } = more
  const ran: Record<string, unknown>[] = []
  const tool = defineTool({
    name,
    description: 'Notes with what it ran.',
    group: 'test',
    permission,
    taints,
    schema: z.strictObject({
      text: z.string().optional(),
      host: z.string().optional(),
      list: z.array(z.string()).optional(),
    }),
    example: { text: 'a' },
    ...(subject && { subject: (args: { host?: string | undefined }) => args.host ?? '' }),
    async dryRun() {
      return 'Would note it.'
    },
    async run(args) {
      ran.push(args)
      return `Noted ${JSON.stringify(args)}.`
    },
  })
  return { tool, ran }
}

/** A gateway with these tools, in which commands ask: nothing walls them in as far as the decision knows. */
export async function askingGateway(
  tools: Tool[],
  options: Parameters<typeof testGateway>[0] = {},
): Promise<TestGateway> {
  const env = { TALON_TOOLS_PROFILE: 'ask', ...options.env }
  const gateway = await testGateway({ ...options, env })
  gateway.app.tools = createTools(gateway.app, tools)
  return gateway
}

/** A connection of a new token with these scopes. */
export async function socketOf(gateway: TestGateway, ...scopes: Scope[]): Promise<RawSocket> {
  return rawSocket(gateway.port, { token: await gateway.token(...scopes) })
}

/** The next call that this connection hears of, from the frame of this index on. */
export async function requested(socket: RawSocket, from = 0): Promise<Requested> {
  const frame = await socket.until(({ type }) => type === 'approval.requested', from)
  return frame.payload as Requested // By its type.
}

/** How that call ended. */
export async function resolved(socket: RawSocket, approvalId: string): Promise<Resolved> {
  const frame = await socket.until(
    ({ type, replyTo, payload }) =>
      type === 'approval.resolved' && replyTo === undefined && payload['approvalId'] === approvalId,
  )
  return frame.payload as Resolved // By its type.
}

export function heardOf(socket: RawSocket): number {
  return socket.frames.filter(({ type }) => type.startsWith('approval.')).length
}
