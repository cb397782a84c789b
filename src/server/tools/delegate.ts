import * as z from 'zod'
import type { ErrorCode } from '../../protocol/errors.ts'
import { delegateRoles } from '../../protocol/shapes.ts'
import type { DelegateResult } from '../record.ts'
import { storedText } from './memory/keep.ts'
import { defineTool, type ToolAnswer } from './tool.ts'

const maxTaskChars = 20_000
const maxContextChars = 200_000
// As long as any tool may take; what a sub-run may take is a setting below that.
const timeoutMs = 600_000

const what: Record<(typeof delegateRoles)[number], string> = {
  research: 'finds out, with the web and files to read',
  writer: 'writes texts and files',
  planner: 'takes a task apart into steps',
  critic: 'says what is wrong with something',
  summarizer: 'makes something shorter',
}
const roleList = delegateRoles.map(role => `${role} (${what[role]})`).join(', ')

export default defineTool({
  name: 'delegate',
  description: `Gives a task to another agent that works on it alone, and answers with its result. It sees nothing of this conversation: task and context must hold all that it needs. Several calls in one answer work at the same time. Roles: ${roleList}.`,
  group: 'agents',
  // What it does for itself is asked and decided call by call, with no more rights than whoever delegates.
  permission: 'safe',
  schema: z.strictObject({
    role: z.enum(delegateRoles),
    task: storedText(maxTaskChars).describe('What is to be done, and what the result should look like.'),
    context: storedText(maxContextChars)
      .or(z.literal(''))
      .default('')
      .describe('Texts and facts that it needs for that.'),
    model: z.string().min(1).max(200).optional().describe('Another model than that of this conversation.'),
  }),
  example: { role: 'research', task: 'Which of the files in docs/ mention a port, and which port? Answer as a list.' },
  timeoutMs,
  waits: true,
  available: ({ config }) =>
    config['agent.delegateDepth'] === 0 ? 'The setting agent.delegateDepth is 0, which switches it off.' : undefined,
  dryRun: async ({ role, task }, { config }) =>
    `Would let another agent (${role}) work on ${JSON.stringify(task)}, for at most ${config['agent.delegateTokens']} tokens and ${config['agent.delegateMs'] / 1_000} s.`,
  async run(args, { agents, sessionId, runId, tokenId, tainted, signal }) {
    return answerOf(args.role, await agents.delegate({ ...args, sessionId, runId, tokenId, tainted, signal }))
  },
})

function answerOf(role: string, result: DelegateResult): ToolAnswer {
  const { state, text, error, usage, sessionId, tainted } = result
  const about = `[${role}: ${usage.totalTokens.toLocaleString('en')} tokens, session ${sessionId}]`
  if (state === 'done') return { output: `${text}\n\n${about}`, taints: tainted }
  const said = text === '' ? 'It had said nothing.' : `What it had said:\n${text}`
  const why = `The ${role} did not come to its end (${state}). ${error ?? ''}`.trim()
  return { output: `${said}\n\n${about}`, error: why, code: codeOf(result), taints: tainted }
}

function codeOf({ state }: DelegateResult): ErrorCode {
  if (state === 'interrupted') return 'INTERRUPTED'
  return state === 'cancelled' ? 'CANCELLED' : 'TOOL_FAILED'
}
