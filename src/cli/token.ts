import { type Command, InvalidArgumentError, Option } from 'commander'
import * as z from 'zod'
import { type Profile, profiles, type Scope, scopes } from '../protocol/shapes.ts'
import { callApi } from './api.ts'
import { type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { table, timeOf } from './text.ts'

const createdSchema = z.object({ id: z.string(), token: z.string() })
const listSchema = z.object({
  tokens: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      scopes: z.array(z.string()),
      profile: z.string().nullish(),
      createdAt: z.number(),
      expiresAt: z.number().nullable(),
      lastUsedAt: z.number().nullable(),
      revokedAt: z.number().nullable(),
    }),
  ),
})
const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

interface CreateOptions {
  name: string
  scope: Scope[]
  profile?: Profile
  expires?: number
  json?: true
}

export const tokenCommand: AddCommand = (parent, context, exit) => {
  const command = parent.command('token').description('Create, list and revoke the tokens of the gateway.')
  command.addHelpText(
    'after',
    `\nExamples:\n  talon token create --name phone --scope read,chat\n  talon token list\n  talon token revoke 3f9a1c`,
  )
  addCreate(command, context, exit)
  command
    .command('list')
    .description('List the tokens, without their secrets.')
    .option('--json', 'print {tokens: [...]}')
    .addHelpText('after', '\nExamples:\n  talon token list\n  talon token list --json | jq -r ".tokens[].name"')
    .action(async options => exit(await list(context, options)))
  command
    .command('revoke <id>')
    .description('Revoke a token at once; its connections are closed.')
    .addHelpText('after', '\nExamples:\n  talon token revoke 3f9a1c')
    .action(async id => exit(await revoke(context, id)))
}

function addCreate(command: Command, context: Context, exit: (code: number) => void): void {
  command
    .command('create')
    .description('Create a token and print it, this one time.')
    .requiredOption('--name <name>', 'what it is for')
    .requiredOption('--scopes, --scope <list>', `what it may do: ${scopes.join(', ')}`, readScopes)
    .option('--expires <time>', 'when it ends, such as 12h or 30d (default: never)', readDurationMs)
    .addOption(
      new Option('--profile <name>', 'the most that tools may do for it (default: no bound)').choices(profiles),
    )
    .option('--json', 'print {id, token}')
    .addHelpText(
      'after',
      '\nExamples:\n  talon token create --name phone --scope read,chat --expires 30d\n  TOKEN=$(talon token create --name prometheus --scope metrics)',
    )
    .action(async options => exit(await create(context, options)))
}

async function create(context: Context, options: CreateOptions): Promise<number> {
  const expiresAt = options.expires === undefined ? undefined : context.clock.now() + options.expires
  const body = { name: options.name, scopes: options.scope, profile: options.profile, expiresAt }
  const created = createdSchema.parse(await callApi(context, 'POST', '/tokens', body))
  context.stdout.write(options.json ? `${JSON.stringify(created)}\n` : `${created.token}\n`)
  if (!options.json) {
    const end = expiresAt === undefined ? 'does not expire' : `works until ${timeOf(expiresAt)}`
    context.stderr.write(`Token ${created.id} ${end}. It is not shown again.\n`)
  }
  return exitCodes.ok
}

async function list(context: Context, options: { json?: true }): Promise<number> {
  const answer = await callApi(context, 'GET', '/tokens')
  if (options.json) {
    context.stdout.write(`${JSON.stringify(answer)}\n`)
    return exitCodes.ok
  }
  const rows = listSchema
    .parse(answer)
    .tokens.map(token => [
      token.id,
      token.name,
      token.scopes.join(',') + (token.profile ? ` (tools: ${token.profile})` : ''),
      timeOf(token.createdAt),
      token.lastUsedAt === null ? 'never' : timeOf(token.lastUsedAt),
      stateOf(token, context.clock.now()),
    ])
  context.stdout.write(table(['ID', 'NAME', 'SCOPES', 'CREATED', 'LAST USED', 'STATE'], rows))
  return exitCodes.ok
}

function stateOf(token: { expiresAt: number | null; revokedAt: number | null }, now: number): string {
  if (token.revokedAt !== null) return `revoked ${timeOf(token.revokedAt)}`
  if (token.expiresAt === null) return 'valid'
  return `${token.expiresAt <= now ? 'expired' : 'valid until'} ${timeOf(token.expiresAt)}`
}

async function revoke(context: Context, id: string): Promise<number> {
  await callApi(context, 'DELETE', `/tokens/${encodeURIComponent(id)}`)
  context.stderr.write(`Token ${id} is revoked.\n`)
  return exitCodes.ok
}

function readScopes(text: string): Scope[] {
  const names = text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  const known = scopes.filter(scope => names.includes(scope))
  const unknown = names.find(name => !known.some(scope => scope === name))
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no scope "${unknown}". They are: ${scopes.join(', ')}.`)
  if (known.length === 0) throw new InvalidArgumentError('Name at least one scope.')
  return known
}

function readDurationMs(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? []
  const unitMs = unitsMs[unit]
  if (unitMs === undefined || Number(count) === 0) {
    throw new InvalidArgumentError('Write a number with m, h, d or w, such as 30d.')
  }
  return Number(count) * unitMs
}
