import { randomUUID } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FolderImport } from '../db/legacy/import-folder.ts'
import type { ImportReport } from '../db/legacy/report.ts'
import type { OldSettings } from '../db/legacy/settings.ts'
import type { CopiedWorkspace } from '../db/legacy/workspace.ts'
import { TalonError } from '../protocol/errors.ts'
import { loadConfig } from '../server/config.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { createBar } from './import-bar.ts'
import { printReport } from './import-report.ts'
import { requireNoProviders, type TakenSettings, takeSettings } from './import-settings.ts'
import { offlineEntry } from './offline-entry.ts'
import type { AddCommand } from './program.ts'

interface Options {
  dryRun?: true
  changed?: true
  settings?: true
  model?: string[]
  json?: true
}

// The same from src/cli and from dist/server.
const migrationsDir = fileURLToPath(new URL('../../migrations', import.meta.url))

export const importCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('import [folder]')
    .description('Import the sessions of Talon v0.3.3 and v0.4.0. No gateway may run meanwhile.')
    .option('--dry-run', 'only say what would be imported; works while a gateway runs')
    .option('--changed', 'import files that are not what was imported before, as new sessions')
    .option('--settings', 'also take over provider keys and model of the old config.json and .env')
    .option('--model <name...>', 'with --settings: models that the old settings do not name, as provider/model')
    .option('--json', 'print {folder, dryRun, files, totals, workspace, settings}')
    .addHelpText('after', help)
    .action(async (folder, options) => exit(await importData(context, folder, options)))
}

const help = `
Examples:
  talon import --dry-run
  talon import ~/old/.talon
  talon import ~/old/.talon/sessions/sess_V1StGXR8_Z5j.json
  talon import --settings --model openai/gpt-5

The folder is the old data folder (default: the data folder itself), a folder of session files, or one file. Old files
are only read. A second run adds nothing twice. The exit code is 1 if a file could not be imported.`

const noSettings: OldSettings = { providers: [], model: undefined, unknown: [] }

/** What the command has done, as --json prints it. */
export interface Imported extends ImportReport {
  workspace: CopiedWorkspace
  settings: { offered: string | null; taken: TakenSettings | null }
}

async function importData(context: Context, folder: string | undefined, options: Options): Promise<number> {
  // Before anything is imported: what is wrong with the settings must not cost the closing table.
  const { values } = loadConfig({ home: context.home, env: context.env })
  if (options.settings) requireNoProviders(context, values)
  const legacy = await load()
  const path = resolve(folder ?? context.home)
  const stopped = new AbortController()
  const deafen = context.onStopSignal(() => stopped.abort())
  try {
    const input = { path, signal: stopped.signal, changedAsNew: options.changed === true }
    const report = options.dryRun ? await rehearse(context, legacy, input) : await importAll(context, legacy, input)
    const root = rootOf(path)
    const old = root === undefined ? noSettings : await legacy.readOldSettings(root)
    const workspace = await bringWorkspace(context, legacy, root, options)
    const taken = options.settings && !options.dryRun ? takeSettings(context, old, options.model ?? []) : null
    const imported: Imported = { ...report, workspace, settings: { offered: offered(context, legacy, old), taken } }
    if (options.json) context.stdout.write(`${JSON.stringify(imported)}\n`)
    else printReport(context, imported)
    return report.totals.failed + workspace.failed.length > 0 ? exitCodes.failed : exitCodes.ok
  } catch (thrown) {
    if (thrown instanceof legacy.OldFileError) throw new CommandError(thrown.message)
    if (!stopped.signal.aborted) throw thrown
    context.stderr.write('Stopped. No session is half there; run it again for the rest.\n')
    return exitCodes.interrupted
  } finally {
    deafen()
  }
}

type Legacy = Awaited<ReturnType<typeof load>>
type Input = Pick<FolderImport, 'path' | 'signal' | 'changedAsNew'>

/** Loaded here, because few commands need the database. */
async function load() {
  const [folder, settings, source, workspace, engine, lock] = await Promise.all([
    import('../db/legacy/import-folder.ts'),
    import('../db/legacy/settings.ts'),
    import('../db/legacy/source.ts'),
    import('../db/legacy/workspace.ts'),
    import('../db/sqlite/engine.ts'),
    import('../db/sqlite/lock.ts'),
  ])
  return { ...folder, ...settings, ...source, ...workspace, ...engine, ...lock }
}

async function importAll(context: Context, legacy: Legacy, input: Input): Promise<ImportReport> {
  const { home, clock } = context
  const now = () => clock.now()
  const lock = takeFolder(context, legacy)
  try {
    const store = await legacy.openSqliteStore({ file: join(home, 'gateway.db'), home, migrationsDir, now })
    const bar = createBar(context)
    try {
      await store.dropUnfinishedImports()
      const scratch = join(home, 'run')
      const report = await legacy.importFolder({
        ...input,
        home,
        scratch,
        into: { store },
        newId: randomUUID,
        now,
        onProgress: bar.show,
      })
      const { sessions, messagesStored: messages, failed } = report.totals
      const details = { sessions, messages, failed }
      if (sessions > 0) await store.recordAudit(offlineEntry(context, 'data.import', { target: input.path, details }))
      return report
    } finally {
      bar.end()
      await store.close()
    }
  } finally {
    lock.release()
  }
}

function takeFolder({ home, version, clock }: Context, legacy: Legacy) {
  const startedAt = clock.now()
  try {
    return legacy.acquireLock(home, { pid: process.pid, bootId: 'import', version, host: '', port: 0, startedAt })
  } catch (thrown) {
    const holder = thrown instanceof TalonError ? thrown.extras.details : undefined
    const pid = typeof holder === 'object' && holder !== null && 'pid' in holder ? holder.pid : undefined
    if (pid === undefined) throw thrown
    throw new CommandError(
      `A gateway uses ${home} (process ${pid}). Stop it first (Ctrl-C, or: kill ${pid}), then import again. ` +
        'It imports what is in its own data folder at each start.',
    )
  }
}

/** Reads the old files and writes nothing. */
async function rehearse(context: Context, legacy: Legacy, input: Input): Promise<ImportReport> {
  const file = join(context.home, 'gateway.db')
  const queries = existsSync(file) ? openToRead(context, legacy, file) : undefined
  const bar = createBar(context)
  try {
    const common = { home: context.home, scratch: tmpdir(), newId: randomUUID, now: () => context.clock.now() }
    return await legacy.importFolder({ ...input, ...common, into: { dry: queries }, onProgress: bar.show })
  } finally {
    bar.end()
    queries?.close()
  }
}

function openToRead(context: Context, legacy: Legacy, file: string) {
  try {
    return legacy.openSqliteReadOnly({ file, migrationsDir })
  } catch (thrown) {
    if (!(thrown instanceof TalonError)) throw thrown
    context.stderr.write(`${thrown.message} What was imported before is not known, so everything is shown as new.\n`)
    return undefined
  }
}

/** With the same data folder the old workspace is today's; from another one its files are copied. */
async function bringWorkspace(
  context: Context,
  legacy: Legacy,
  root: string | undefined,
  options: Options,
): Promise<CopiedWorkspace> {
  const nothing = { copied: [], kept: [], failed: [] }
  if (root === undefined) return nothing
  const from = join(root, 'workspace')
  const { values } = loadConfig({ home: context.home, env: context.env })
  const to = resolve(context.home, values['tools.workspace'])
  if (from === to) return nothing
  return legacy.copyWorkspace(from, to, { dryRun: options.dryRun === true })
}

/** The old data folder that sessions are in; undefined for one file, which brings nothing else. */
function rootOf(path: string): string | undefined {
  if (existsSync(path) && statSync(path).isFile()) return undefined
  return basename(path) === 'sessions' ? dirname(path) : path
}

function offered(context: Context, legacy: Legacy, old: OldSettings): string | null {
  const { values } = loadConfig({ home: context.home, env: context.env })
  return values['agent.providers'].length > 0 ? null : (legacy.describe(old) ?? null)
}
