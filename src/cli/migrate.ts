import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommandError, type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { table, timeOf } from './text.ts'

interface Options {
  status?: true
  dryRun?: true
  json?: true
}

// The same from src/cli and from dist/server.
const migrationsDir = fileURLToPath(new URL('../../migrations', import.meta.url))

export const migrateCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('migrate')
    .description('Bring the database to the schema of this version, as a start does. No gateway may run meanwhile.')
    .option('--status', 'only say what was applied and what would be; works while a gateway runs')
    .option('--dry-run', 'only try it on a copy, and remove the copy; works while a gateway runs')
    .option('--json', 'print one JSON object')
    .addHelpText('after', help)
    .action(async options => exit(await migrateData(context, options)))
}

const help = `
Examples:
  talon migrate --status
  talon migrate --dry-run && talon migrate

A backup is made before anything is changed. If a step fails, the database stays as it was: exit code 78.
--json prints {applied: [{name, appliedAt}], pending: [name]} with --status, {applied: [name], durationMs, bytesBefore,
bytesAfter} with --dry-run, else {applied: [name], backup}.`

async function migrateData(context: Context, options: Options): Promise<number> {
  if (options.status && options.dryRun) {
    throw new CommandError('Choose one of --status and --dry-run.', exitCodes.usage)
  }
  const print = (value: unknown) => void context.stdout.write(`${JSON.stringify(value)}\n`)
  const answer = options.json ? print : undefined
  if (options.status) return status(context, answer)
  if (!existsSync(databaseOf(context))) {
    answer?.({ applied: [], ...(options.dryRun ? {} : { backup: null }) })
    context.stderr.write(`There is no database in ${context.home} yet: the first start makes it.\n`)
    return exitCodes.ok
  }
  return options.dryRun ? rehearse(context, answer) : migrate(context, answer)
}

type Answer = ((value: unknown) => void) | undefined

async function status(context: Context, answer: Answer): Promise<number> {
  const { schemaStatus } = await loadEngine()
  const { applied = [], pending } = schemaStatus(placeOf(context))
  if (answer) answer({ applied, pending })
  else {
    const rows = [
      ...applied.map(({ name, appliedAt }) => [name, `applied ${timeOf(appliedAt)}`]),
      ...pending.map(name => [name, 'pending']),
    ]
    context.stdout.write(table(['MIGRATION', 'STATE'], rows))
    context.stderr.write(`${pending.length === 0 ? 'The schema is up to date.' : pendingSentence(pending.length)}\n`)
  }
  return exitCodes.ok
}

function pendingSentence(count: number): string {
  const what = count === 1 ? '1 migration is' : `${count} migrations are`
  return `${what} applied at the next start, or by: talon migrate`
}

async function rehearse(context: Context, answer: Answer): Promise<number> {
  const engine = await loadEngine()
  const now = context.clock.now()
  const rehearsal = await engine.rehearse({ ...placeOf(context), now, monotonicMs: () => context.clock.monotonic() })
  if (answer) answer(rehearsal)
  else if (rehearsal.applied.length === 0) context.stdout.write('The schema is up to date: there is nothing to try.\n')
  else {
    const { applied, durationMs, bytesBefore, bytesAfter } = rehearsal
    const seconds = (durationMs / 1000).toFixed(1)
    context.stdout.write(`${applied.map(name => `${name} would be applied.\n`).join('')}`)
    context.stderr.write(
      `On a copy it took ${seconds} s and left ${megabytes(bytesAfter)} MB of ${megabytes(bytesBefore)} MB; every check ` +
        'passed. Nothing was changed. To do it: talon migrate\n',
    )
  }
  return exitCodes.ok
}

async function migrate(context: Context, answer: Answer): Promise<number> {
  const { acquireLock, upgrade } = await loadEngine()
  const now = context.clock.now()
  const { home, version } = context
  const lock = acquireLock(home, { pid: process.pid, bootId: 'migrate', version, host: '', port: 0, startedAt: now })
  try {
    const migrated = await upgrade({ ...placeOf(context), now })
    if (answer) answer({ applied: migrated.applied, backup: migrated.backup ?? null })
    else if (migrated.applied.length === 0) context.stdout.write('The schema is up to date.\n')
    else {
      context.stdout.write(`${migrated.applied.map(name => `${name} is applied.\n`).join('')}`)
      if (migrated.backup) context.stderr.write(`The database as it was before: ${migrated.backup}\n`)
    }
    return exitCodes.ok
  } finally {
    lock.release()
  }
}

/** Loaded here, because no other command needs the database. */
async function loadEngine() {
  const [{ rehearse, schemaStatus, upgrade }, { acquireLock }] = await Promise.all([
    import('../db/sqlite/schema.ts'),
    import('../db/sqlite/lock.ts'),
  ])
  return { acquireLock, rehearse, schemaStatus, upgrade }
}

function placeOf(context: Context) {
  return { file: databaseOf(context), home: context.home, migrationsDir }
}

function databaseOf(context: Context): string {
  return join(context.home, 'gateway.db')
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
