import { type Command, Option } from 'commander'
import type { ReplyPayload } from '../protocol/messages.ts'
import { callApi } from './api.ts'
import { type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { durationOf, oneLine, printable, timeOf } from './text.ts'

type Listed = ReplyPayload<'approval.list'>

// As much of the arguments as a person reads at a glance; --json has all of them.
const maxArgsLength = 2_000

export const approvalsCommand: AddCommand = (parent, context, exit) => {
  const command = parent
    .command('approvals')
    .description('See, allow and deny the calls of tools that wait for a person.')
    .addHelpText(
      'after',
      '\nExamples:\n  talon approvals\n  talon approvals allow 019c6f3a --remember session\n  talon approvals deny 019c6f3a\n  talon approvals revoke grant_019c6f3a',
    )
  command
    .command('list', { isDefault: true })
    .description('List the calls that wait, and what was allowed beyond one call.')
    .option('--json', 'print {approvals: [...], grants: [...]}')
    .addHelpText(
      'after',
      '\nExamples:\n  talon approvals\n  talon approvals list --json | jq -r ".approvals[].approvalId"',
    )
    .action(async options => exit(await list(context, options)))
  addAnswers(command, context, exit)
  command
    .command('revoke <grant>')
    .description('Take back what was allowed for a session or always.')
    .option('--json', 'print {grantId}')
    .addHelpText(
      'after',
      '\nAn id may be shortened to its end or its beginning, if only one has it.\n\nExamples:\n  talon approvals revoke grant_019c6f3a',
    )
    .action(async (id, options) => exit(await revoke(context, id, options)))
}

function addAnswers(command: Command, context: Context, exit: (code: number) => void): void {
  const about = '\nAn id may be shortened to its end or its beginning, if only one has it.'
  command
    .command('allow <id>')
    .description('Let a call run, exactly as it is shown.')
    .addOption(
      new Option('--remember <how>', 'allow it from now on: in its session, or always exactly this').choices([
        'session',
        'always',
      ]),
    )
    .option('--json', 'print {approvalId, decision}')
    .addHelpText('after', `${about}\n\nExamples:\n  talon approvals allow 019c6f3a --remember always`)
    .action(async (id, options) => exit(await resolve(context, id, 'allow', options)))
  command
    .command('deny <id>')
    .description('Do not let a call run.')
    .option('--json', 'print {approvalId, decision}')
    .addHelpText('after', `${about}\n\nExamples:\n  talon approvals deny 019c6f3a`)
    .action(async (id, options) => exit(await resolve(context, id, 'deny', options)))
}

async function read(context: Context): Promise<Listed> {
  // The gateway answers by its own schema; a newer one may add to it.
  return (await callApi(context, 'GET', '/approvals')) as Listed
}

async function list(context: Context, { json }: { json?: true }): Promise<number> {
  const listed = await read(context)
  if (json) context.stdout.write(`${JSON.stringify(listed)}\n`)
  else show(context, listed)
  return exitCodes.ok
}

function show({ stdout, stderr, clock }: Context, { approvals, grants }: Listed): void {
  for (const approval of approvals) {
    const left = durationOf(Math.max(0, (approval.expiresAt - clock.now()) / 1_000))
    const where = approval.sessionId === undefined ? '' : `  in session ${oneLine(approval.sessionId, 128)}`
    stdout.write(`${approval.approvalId}  ${oneLine(approval.toolName, 100)}${where}  (${left} left)\n`)
    stdout.write(`  ${argsText(approval.args)}\n  ${oneLine(approval.reason, 300)}\n`)
  }
  if (approvals.length === 0) stderr.write('Nothing waits for a person.\n')
  if (grants.length > 0) stdout.write(`${approvals.length > 0 ? '\n' : ''}Allowed beyond one call:\n`)
  for (const grant of grants) {
    const covers = grant.subject === null ? argsText(grant.args) : oneLine(grant.subject, 200)
    const scope = grant.sessionId === null ? 'always' : `in session ${oneLine(grant.sessionId, 128)}`
    stdout.write(`${grant.id}  ${oneLine(grant.toolName, 100)} ${covers}\n`)
    stdout.write(`  ${scope}, by token ${oneLine(grant.tokenId, 100)}, ${timeOf(grant.createdAt)}\n`)
  }
}

/** In one line, and nothing in it that could command the terminal. */
function argsText(args: Record<string, unknown>): string {
  const text = printable(JSON.stringify(args))
  return text.length <= maxArgsLength
    ? text
    : `${text.slice(0, maxArgsLength)}… (${text.length} characters, see --json)`
}

async function resolve(
  context: Context,
  id: string,
  decision: 'allow' | 'deny',
  { remember, json }: { remember?: string; json?: true },
): Promise<number> {
  const approvalId = whole(
    id,
    (await read(context)).approvals.map(approval => approval.approvalId),
  )
  const path = `/approvals/${encodeURIComponent(approvalId)}`
  const answer = await callApi(context, 'POST', path, { decision, remember })
  if (json) context.stdout.write(`${JSON.stringify(answer)}\n`)
  else context.stderr.write(decision === 'allow' ? 'It is allowed.\n' : 'It is denied.\n')
  return exitCodes.ok
}

async function revoke(context: Context, id: string, { json }: { json?: true }): Promise<number> {
  const grantId = whole(
    id,
    (await read(context)).grants.map(grant => grant.id),
  )
  await callApi(context, 'DELETE', `/grants/${encodeURIComponent(grantId)}`)
  if (json) context.stdout.write(`${JSON.stringify({ grantId })}\n`)
  else context.stderr.write('It is revoked: what it allowed asks again.\n')
  return exitCodes.ok
}

/** The one id that begins or ends so; what it may be otherwise is for the gateway to say. */
function whole(part: string, ids: readonly string[]): string {
  const found = ids.filter(id => id.startsWith(part) || id.endsWith(part))
  const [only] = found
  return only !== undefined && found.length === 1 ? only : part
}
