import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { Command } from 'commander'
import * as z from 'zod'
import { callApi } from './api.ts'
import { type Context, exitCodes } from './context.ts'
import { gatewayServes, migrationsDir, untilStopped } from './offline.ts'
import { megabytes, table, timeOf } from './text.ts'

type Exit = (code: number) => void

const listSchema = z.object({
  backups: z.array(
    z.object({
      name: z.string(),
      bytes: z.number(),
      createdAt: z.number(),
      kind: z.string(),
      sha256: z.string().nullable(),
    }),
  ),
  last: z.object({ ok: z.boolean(), at: z.number(), error: z.string().nullable() }).nullable(),
})

// The options of `talon backup` itself mean nothing here.
const ownHelp = {
  showGlobalOptions: true,
  visibleGlobalOptions: (command: Command) => [...(command.parent?.parent?.options ?? [])],
}

/** Adds `talon backup list`. */
export function addList(parent: Command, context: Context, exit: Exit): void {
  parent
    .command('list')
    .description('List the backups in the data folder, newest first.')
    .option('--json', 'print {backups: [{name, bytes, createdAt, kind, sha256}], last}')
    .addHelpText('after', '\nExamples:\n  talon backup list\n  talon backup list --json | jq -r ".backups[0].name"')
    .configureHelp(ownHelp)
    .action(async (_options, command) => exit(await list(context, wantsJson(command))))
}

/** Adds `talon backup verify`. */
export function addVerify(parent: Command, context: Context, exit: Exit): void {
  parent
    .command('verify')
    .argument('<file>', 'a backup: a path, or its name in backups/ in the data folder')
    .description('Say whether a backup is whole: its checksum, pages, references and schema. Exit code 1 if not.')
    .option(
      '--json',
      'print {ok, file, bytes, sha256, sessions, messages, newestActivityAt, schema, pending} or {ok, file, error}',
    )
    .addHelpText('after', '\nExamples:\n  talon backup verify /mnt/usb/talon.backup && echo good')
    .configureHelp(ownHelp)
    .action(async (file, _options, command) =>
      exit(await untilStopped(context, signal => verify(context, file, wantsJson(command), signal))),
    )
}

/** Commander gives an option to the command above where that has one of the same name. */
function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: true }>().json === true
}

async function list(context: Context, asJson: boolean): Promise<number> {
  const answer = listSchema.parse(await listed(context))
  if (asJson) {
    context.stdout.write(`${JSON.stringify(answer)}\n`)
    return exitCodes.ok
  }
  const rows = answer.backups.map(({ name, kind, createdAt, bytes, sha256 }) => [
    name,
    kind,
    timeOf(createdAt),
    megabytes(bytes),
    sha256 === null ? 'missing' : `${sha256.slice(0, 12)}…`,
  ])
  if (rows.length > 0) context.stdout.write(table(['NAME', 'KIND', 'CREATED', 'SIZE', 'SHA-256'], rows))
  else context.stderr.write('There is no backup yet. Make one with: talon backup\n')
  const { last } = answer
  if (last && !last.ok) context.stderr.write(`The last one, at ${timeOf(last.at)}, failed: ${last.error}\n`)
  return exitCodes.ok
}

async function listed(context: Context): Promise<unknown> {
  if (await gatewayServes(context)) return await callApi(context, 'GET', '/backups')
  const { listBackups } = await import('../db/sqlite/backup-files.ts')
  return { backups: listBackups(join(context.home, 'backups')), last: null }
}

async function verify(context: Context, wanted: string, asJson: boolean, signal: AbortSignal): Promise<number> {
  const { verifyBackup } = await import('../db/sqlite/restore.ts')
  const file = findBackupFile(context, wanted)
  try {
    const contents = await verifyBackup({ file, migrationsDir, checksum: true, signal })
    if (asJson) context.stdout.write(`${JSON.stringify({ ok: true, file, ...contents })}\n`)
    else context.stdout.write(`${file} is whole: ${inWords(contents)}.\n`)
    return exitCodes.ok
  } catch (error) {
    if (!asJson || signal.aborted || !(error instanceof Error)) throw error
    context.stdout.write(`${JSON.stringify({ ok: false, file, error: error.message })}\n`)
    return exitCodes.failed
  }
}

/** A path, or the name of a backup in the data folder. */
export function findBackupFile(context: Context, wanted: string): string {
  const named = join(context.home, 'backups', wanted)
  const isName = !existsSync(wanted) && basename(wanted) === wanted && existsSync(named)
  return isName ? named : resolve(wanted)
}

/** What a backup holds. */
export function inWords(contents: {
  sessions: number
  messages: number
  newestActivityAt: number | null
  schema: string
}): string {
  const { sessions, messages, newestActivityAt, schema } = contents
  const newest = newestActivityAt === null ? '' : `, newest activity ${timeOf(newestActivityAt)}`
  return `${sessions} sessions, ${messages} messages${newest}, schema ${schema}`
}
