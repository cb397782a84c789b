import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import * as z from 'zod'
import type { AuditEntry } from '../db/audit.ts'
import { callApi } from './api.ts'
import { download, moveHere } from './backup-download.ts'
import { addList, addVerify } from './backup-look.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { gatewayServes, untilStopped, whileLocked } from './offline.ts'
import { offlineEntry } from './offline-entry.ts'
import { refuseOwnFile } from './own-files.ts'
import type { AddCommand } from './program.ts'
import { megabytes } from './text.ts'

interface MakeOptions {
  force?: true
  json?: true
}

/** Where a backup is to go. */
interface Wish {
  /** A file or a folder; undefined for the folder of the gateway. */
  target: string | undefined
  force: boolean
  signal: AbortSignal
}

interface Made {
  /** Null if it is on the machine of a gateway elsewhere. */
  file: string | null
  name: string
  bytes: number
  sha256: string | null
  createdAt: number
}

const madeSchema = z.object({
  name: z.string(),
  bytes: z.number(),
  sha256: z.string().nullable(),
  createdAt: z.number(),
})
// 60 GB at the speed of a slow disk; a gateway that hangs is not waited for longer.
const makeTimeoutMs = 5 * 60_000

export const backupCommand: AddCommand = (parent, context, exit) => {
  const command = parent
    .command('backup')
    .argument('[file]', 'where it goes, a file or a folder (default: backups/ in the data folder)')
    .description('Make a backup of the database, whether a gateway runs or not.')
    .option('--force', 'overwrite the file')
    .option('--json', 'print {file, name, bytes, sha256, createdAt}')
    .addHelpText('after', help)
    .action(async (file, options) =>
      exit(await untilStopped(context, signal => backUp(context, file, options, signal))),
    )
  addList(command, context, exit)
  addVerify(command, context, exit)
}

const help = `
Examples:
  talon backup                        into backups/ in the data folder
  talon backup /mnt/usb/talon.backup
  TALON_URL=https://talon.example.org TALON_TOKEN=tln_… talon backup talon.backup

All that was stored before the command is in it. <file>.sha256 is written beside it: sha256sum -c talon.backup.sha256
A backup holds every conversation and the hashes of all tokens. It does not hold talon.json, prompt.md or the workspace.
To get it back: talon restore <file>`

async function backUp(
  context: Context,
  wanted: string | undefined,
  options: MakeOptions,
  signal: AbortSignal,
): Promise<number> {
  const wish = { target: wanted === undefined ? undefined : resolve(wanted), force: options.force === true, signal }
  if (wish.target !== undefined) refuseTarget(context.home, wish.target, wish.force)
  const made = (await gatewayServes(context)) ? await makeThere(context, wish) : await makeHere(context, wish)
  context.stdout.write(options.json ? `${JSON.stringify(made)}\n` : `${made.file ?? made.name}\n`)
  if (!options.json) {
    const where = made.file === null ? ', in backups/ in the data folder of the gateway' : ''
    context.stderr.write(`${megabytes(made.bytes)}, read back and found whole${where}.\n`)
  }
  return exitCodes.ok
}

function refuseTarget(home: string, target: string, force: boolean): void {
  refuseOwnFile(home, target)
  const stat = statSync(target, { throwIfNoEntry: false })
  if (stat?.isDirectory()) return
  if (stat && !force) throw new CommandError(`${target} is there already. Name another file, or add --force.`)
  if (!existsSync(dirname(target))) throw new CommandError(`There is no folder ${dirname(target)}.`)
}

/** Asks the gateway for it, and loads it where a file is wanted. The gateway need not keep it then. */
async function makeThere(context: Context, { target, force, signal }: Wish): Promise<Made> {
  const timed = AbortSignal.any([signal, AbortSignal.timeout(makeTimeoutMs)])
  const { sha256, ...made } = madeSchema.parse(await callApi(context, 'POST', '/backups', undefined, timed))
  const there = join(context.home, 'backups', made.name)
  const isHere = !context.env['TALON_URL'] && existsSync(there)
  if (target === undefined) return { file: isHere ? there : null, ...made, sha256 }
  const file = isFolder(target) ? join(target, made.name) : target
  refuseTarget(context.home, file, force)
  if (sha256 === null) throw new CommandError(`${made.name} has lost its checksum on the gateway. Try again.`)
  const offered = { ...made, sha256 }
  if (!isHere || !(await moveHere(there, offered, file))) await download(context, offered, file, signal)
  await callApi(context, 'DELETE', `/backups/${made.name}`)
  return { file, ...made, name: basename(file), sha256 }
}

async function makeHere(context: Context, { target, force, signal }: Wish): Promise<Made> {
  const { home, clock } = context
  const database = join(home, 'gateway.db')
  if (!existsSync(database)) throw new CommandError(`There is no database in ${home}, and so nothing to back up.`)
  return await whileLocked(context, 'backup', async () => {
    const engine = await loadEngine()
    const createdAt = clock.now()
    const asked = target ?? join(home, 'backups')
    const inside = target === undefined || isFolder(asked)
    const file = inside ? join(asked, engine.newBackupName(asked, 'manual', createdAt)) : asked
    if (!inside) refuseTarget(home, file, force)
    await engine.ensureUsable({ file: database, home, now: createdAt, setAside: false })
    const { bytes, sha256 } = await engine.whileUsable(database, home, async () => {
      // Open meanwhile: the last connection to close folds the log, which a reader cannot.
      const connection = engine.openWriter(database)
      try {
        const made = await engine.backUp(connection.database, file, { signal })
        recordMade(context, file, made.bytes, entry => engine.recordInFile(connection, entry))
        return made
      } finally {
        connection.close()
      }
    })
    return { file, name: basename(file), bytes, sha256, createdAt }
  })
}

/** The backup is made by now, so that a failure here is none of it. */
function recordMade(context: Context, target: string, bytes: number, record: (entry: AuditEntry) => boolean): void {
  try {
    record(offlineEntry(context, 'backup.create', { target, details: { bytes } }))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    context.stderr.write(`It could not be written into the audit trail: ${reason}.\n`)
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** Loaded here, because a gateway that runs needs none of it. */
async function loadEngine() {
  const [{ backUp }, { newBackupName }, { openWriter }, { ensureUsable, whileUsable }, { recordInFile }] =
    await Promise.all([
      import('../db/sqlite/backup.ts'),
      import('../db/sqlite/backup-files.ts'),
      import('../db/sqlite/open.ts'),
      import('../db/sqlite/usable.ts'),
      import('../db/sqlite/audit-file.ts'),
    ])
  return { backUp, ensureUsable, newBackupName, openWriter, recordInFile, whileUsable }
}
