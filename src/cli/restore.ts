import { existsSync } from 'node:fs'
import { findBackupFile, inWords } from './backup-look.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { migrationsDir, untilStopped, whileLocked } from './offline.ts'
import { offlineEntry } from './offline-entry.ts'
import type { AddCommand } from './program.ts'

interface Options {
  withoutChecksum?: true
  json?: true
}

export const restoreCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('restore')
    .argument('<file>', 'a backup: a path, or its name in backups/ in the data folder')
    .description('Put a backup into the place of the database, which is kept beside it. No gateway may run meanwhile.')
    .option('--without-checksum', 'take a file that has no .sha256 beside it')
    .option(
      '--json',
      'print {home, file, replaced, sessions, messages, newestActivityAt, schema, pending, bytes, sha256}',
    )
    .addHelpText('after', help)
    .action(async (file, options) =>
      exit(await untilStopped(context, signal => restoreFile(context, file, options, signal))),
    )
}

const help = `
Examples:
  talon backup list
  talon restore gateway-2026-02-19T120000Z-auto.backup
  talon restore /mnt/usb/talon.backup --home /srv/talon

The backup is checked before anything is changed. One of an older version is brought up to date by the next start.
Tokens are as they were when it was made: what was revoked since then works again until it is revoked anew.`

async function restoreFile(context: Context, wanted: string, options: Options, signal: AbortSignal): Promise<number> {
  const { home, clock } = context
  const file = findBackupFile(context, wanted)
  if (!existsSync(file)) throw new CommandError(`There is no ${file}.`)
  // Loaded here, because most commands need no database.
  const { restore } = await import('../db/sqlite/restore.ts')
  const checksum = options.withoutChecksum !== true
  const audit = offlineEntry(context, 'data.restore', { target: file, details: { checksum } })
  const restored = await whileLocked(context, 'restore', () =>
    restore({ home, file, migrationsDir, checksum, now: clock.now(), signal, audit }),
  )
  const { from: _from, replaced, ...contents } = restored
  if (options.json) {
    context.stdout.write(`${JSON.stringify({ home, file, replaced: replaced ?? null, ...contents })}\n`)
    return exitCodes.ok
  }
  context.stdout.write(`Restored ${file} into ${home}: ${inWords(contents)}.\n`)
  if (replaced) context.stderr.write(`The database that was there before is ${replaced}.\n`)
  if (contents.pending.length > 0) {
    context.stderr.write('It is of an older version: the next start brings it up to date, after a backup.\n')
  }
  context.stderr.write('Tokens are as they were then; revoke again what was revoked since. Go on with: talon start\n')
  return exitCodes.ok
}
