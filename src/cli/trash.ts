import { type Command, InvalidArgumentError } from 'commander'
import type { TrashItem } from '../server/trash.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { untilStopped } from './offline.ts'
import type { AddCommand } from './program.ts'
import { megabytes, table, timeOf } from './text.ts'

type Exit = (code: number) => void

export const trashCommand: AddCommand = (parent, context, exit) => {
  const command = parent.command('trash').description('Show what tools deleted, get it back, or remove it for good.')
  command.addHelpText('after', '\nExamples:\n  talon trash list\n  talon trash restore docs/plan.md')
  addList(command, context, exit)
  addRestore(command, context, exit)
  addEmpty(command, context, exit)
}

function addList(parent: Command, context: Context, exit: Exit): void {
  parent
    .command('list')
    .description('Show what is in the trash, the newest first, whether a gateway runs or not.')
    .option('--json', 'print {items: [{id, path, root, kind, files, bytes, deletedAt, tokenId, sessionId}]}')
    .addHelpText('after', '\nExamples:\n  talon trash list\n  talon trash list --json | jq ".items[].path"')
    .action(async (options: { json?: true }) => exit(await list(context, options)))
}

function addRestore(parent: Command, context: Context, exit: Exit): void {
  parent
    .command('restore')
    .argument('<item>', 'its id, or its path, of which the newest is taken')
    .description('Put something back to where it was. Nothing is overwritten.')
    .option('--to <path>', 'another place: a path in the workspace, or a whole path in one of tools.roots')
    .option('--json', 'print {path}')
    .addHelpText(
      'after',
      '\nExamples:\n  talon trash restore docs/plan.md\n  talon trash restore docs/plan.md --to docs/plan-of-monday.md',
    )
    .action(async (item: string, options: { to?: string; json?: true }) =>
      exit(await untilStopped(context, signal => restore(context, item, options, signal))),
    )
}

function addEmpty(parent: Command, context: Context, exit: Exit): void {
  parent
    .command('empty')
    .description('Remove what is in the trash for good.')
    .option('--older-than <days>', 'only what was deleted before so many days', readDays)
    .option('--json', 'print {removed: [...]}, as list does')
    .addHelpText('after', '\nExamples:\n  talon trash empty\n  talon trash empty --older-than 7')
    .action(async (options: { olderThan?: number; json?: true }) => exit(await empty(context, options)))
}

async function list(context: Context, { json }: { json?: true }): Promise<number> {
  const items = await (await trash(context)).list()
  if (json) context.stdout.write(`${JSON.stringify({ items })}\n`)
  else if (items.length === 0) context.stderr.write('The trash is empty.\n')
  else context.stdout.write(table(['DELETED', 'PATH', 'KIND', 'SIZE', 'ID'], items.map(cellsOf)))
  return exitCodes.ok
}

function cellsOf({ id, path, kind, bytes, deletedAt }: TrashItem): string[] {
  return [timeOf(deletedAt), path, kind, megabytes(bytes), id]
}

async function restore(
  context: Context,
  item: string,
  { to, json }: { to?: string; json?: true },
  signal: AbortSignal,
): Promise<number> {
  const path = await (await trash(context)).restore(item, to, signal)
  context.stdout.write(json ? `${JSON.stringify({ path })}\n` : `It is back: ${path}\n`)
  return exitCodes.ok
}

async function empty(context: Context, { olderThan, json }: { olderThan?: number; json?: true }): Promise<number> {
  const removed = await (await trash(context)).empty(olderThan)
  const bytes = removed.reduce((sum, item) => sum + item.bytes, 0)
  const what = removed.length === 1 ? '1 item' : `${removed.length} items`
  if (json) context.stdout.write(`${JSON.stringify({ removed })}\n`)
  else context.stdout.write(`Removed ${what} for good, ${megabytes(bytes)}.\n`)
  return exitCodes.ok
}

async function trash({ home, env, clock }: Context) {
  if (env['TALON_URL']) {
    throw new CommandError('The trash is a folder on the machine of the gateway. Run this there, without TALON_URL.')
  }
  // Loaded here, because most commands need nothing of a gateway.
  const { trashOf } = await import('../server/trash.ts')
  return trashOf({ home, env, clock })
}

function readDays(text: string): number {
  const days = Number(text)
  if (Number.isInteger(days) && days >= 1 && days <= 36_500) return days
  throw new InvalidArgumentError('It is a whole number of days, at least 1.')
}
