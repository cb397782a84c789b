import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import type { AuditRow, AuditVerdict } from '../db/audit.ts'
import { callApi } from './api.ts'
import { findBackupFile } from './backup-look.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import type { AddCommand } from './program.ts'
import { table, timeOf } from './text.ts'

interface ListOptions {
  limit: number
  action?: string
  who?: string
  json?: true
}

interface VerifyOptions {
  fromHead?: string
  file?: string
  json?: true
}

type Exit = (code: number) => void

const maxEntries = 1_000
// Ten million entries on a slow machine.
const verifyTimeoutMs = 10 * 60_000

export const auditCommand: AddCommand = (parent, context, exit) => {
  const command = parent.command('audit').description('Show the audit trail, and say whether it is what was written.')
  command.addHelpText('after', '\nExamples:\n  talon audit list --action token.create\n  talon audit verify')
  addList(command, context, exit)
  addVerify(command, context, exit)
}

function addList(parent: Command, context: Context, exit: Exit): void {
  parent
    .command('list')
    .description('Show the newest entries of the audit trail, whether a gateway runs or not.')
    .option('-n, --limit <n>', `how many, 1 to ${maxEntries}`, readLimit, 50)
    .option('--action <action>', 'only of this action, such as sign_in; docs/audit.md lists them')
    .option('--who <id>', 'only of the token with this id')
    .option('--json', 'print {entries: [...]}, with the details and hashes')
    .addHelpText(
      'after',
      '\nExamples:\n  talon audit list\n  talon audit list --action sign_in -n 20\n  talon audit list --json | jq ".entries[].details"',
    )
    .action(async options => exit(await list(context, options)))
}

function addVerify(parent: Command, context: Context, exit: Exit): void {
  parent
    .command('verify')
    .description(
      'Look through the chain of the audit trail, whether a gateway runs or not. Exit code 1 if it is broken.',
    )
    .option('--from-head <hash>', 'a head that was noted before, which must be in the chain', readHash)
    .option('--file <backup>', 'look into this backup: a path, or its name in backups/ in the data folder')
    .option('--json', 'print {ok, entries, head, fault, noted}')
    .addHelpText('after', verifyHelp)
    .action(async options => exit(await verify(context, options)))
}

const verifyHelp = `
Examples:
  talon audit verify
  talon audit verify --from-head 5f6b…    with all 64 digits of a head that an earlier run has printed
  talon audit verify --file gateway-2026-02-19T120000Z-auto.backup

An entry that was changed, put in or taken out of the middle breaks the chain. Whoever can write the database can take
entries from its end, or write all of it anew: that is noticed only with a head that was noted elsewhere.`

async function list(context: Context, options: ListOptions): Promise<number> {
  const entries = await newest(context, options)
  if (options.json) {
    context.stdout.write(`${JSON.stringify({ entries })}\n`)
    return exitCodes.ok
  }
  if (entries.length === 0) context.stderr.write('There is no such entry.\n')
  else
    context.stdout.write(
      table(['SEQ', 'TIME', 'ACTION', 'OUTCOME', 'WHO', 'FROM', 'TARGET', 'DETAILS'], entries.map(cellsOf)),
    )
  return exitCodes.ok
}

async function newest(context: Context, { limit, action, who }: ListOptions): Promise<AuditRow[]> {
  if (!context.env['TALON_URL']) {
    return await whileSteady(context, undefined, (files, place) =>
      files.listAuditFile(place, { limit, action, tokenId: who }),
    )
  }
  const query = new URLSearchParams({ limit: String(limit), ...(action && { action }), ...(who && { who }) })
  // The gateway answers by its own table; a newer one may add to it.
  const { entries } = (await callApi(context, 'GET', `/audit?${query}`)) as { entries: AuditRow[] }
  return entries
}

function cellsOf(entry: AuditRow): string[] {
  const { seq, at, action, outcome, tokenId, tokenName, channel, address, target, details } = entry
  const name = tokenName === null ? tokenId : `${tokenName} (${tokenId})`
  const from = [channel, address].filter(part => part !== null).join(' ')
  const more = details === null ? '' : JSON.stringify(details)
  return [String(seq), timeOf(at), action, outcome, name ?? '', from, target ?? '', more]
}

async function verify(context: Context, { fromHead, file, json }: VerifyOptions): Promise<number> {
  const verdict = await verdictOf(context, fromHead, file)
  if (json) context.stdout.write(`${JSON.stringify(verdict)}\n`)
  else if (verdict.ok) sayWhole(context, verdict)
  else sayBroken(context, verdict)
  return verdict.ok ? exitCodes.ok : exitCodes.failed
}

async function verdictOf(context: Context, noted: string | undefined, file: string | undefined): Promise<AuditVerdict> {
  if (file !== undefined || !context.env['TALON_URL']) {
    return await whileSteady(context, file, (files, place) => files.verifyAuditFile(place, noted))
  }
  const query = noted === undefined ? '' : `?head=${noted}`
  const signal = AbortSignal.timeout(verifyTimeoutMs)
  return (await callApi(context, 'GET', `/audit/verify${query}`, undefined, signal)) as AuditVerdict // As above.
}

function sayWhole({ stdout, stderr }: Context, { entries, head, noted }: AuditVerdict): void {
  const newest = head.at === null ? '' : `, the newest of ${timeOf(head.at)}`
  stdout.write(`The audit trail is whole: ${counted(entries)}${newest}.\n`)
  if (noted) {
    const when = noted.at === null ? '' : ` of ${timeOf(noted.at)}`
    stdout.write(
      `The head that was noted is entry ${noted.seq}${when}; ${counted(entries - noted.seq)} came after it.\n`,
    )
  }
  stdout.write(`Head: ${head.hash}\n`)
  if (!noted) {
    stderr.write(
      'Note the head where nobody who can write the database can. Later: talon audit verify --from-head <head>\n',
    )
  }
}

function sayBroken({ stderr }: Context, { entries, head, fault }: AuditVerdict): void {
  const right = entries === 0 ? 'No entry before it is right.' : `Up to entry ${head.seq} it is what was written.`
  stderr.write(`The audit trail is not whole. ${fault?.reason ?? ''}\n${right}\n`)
}

function counted(entries: number): string {
  return entries === 1 ? '1 entry' : `${entries.toLocaleString('en')} entries`
}

type Files = typeof import('../db/sqlite/audit-file.ts')

/** Looks into a file; once more if a gateway began or ended meanwhile, because what was seen may be half of it. */
async function whileSteady<Result>(
  context: Context,
  backup: string | undefined,
  look: (files: Files, place: { file: string; live: boolean }) => Result,
): Promise<Result> {
  // Loaded here, because most commands need no database.
  const files = await import('../db/sqlite/audit-file.ts')
  if (backup !== undefined) return look(files, { file: existing(findBackupFile(context, backup)), live: false })
  const { lockHolder } = await import('../db/sqlite/lock.ts')
  const file = existing(join(context.home, 'gateway.db'))
  const isLive = () => lockHolder(context.home) !== undefined
  for (let attempts = 3; ; attempts--) {
    const live = isLive()
    const result = attempt(() => look(files, { file, live }))
    if (isLive() !== live && attempts > 1) continue
    if ('value' in result) return result.value
    throw result.error
  }
}

function attempt<Result>(look: () => Result): { value: Result } | { error: unknown } {
  try {
    return { value: look() }
  } catch (error) {
    return { error }
  }
}

function existing(file: string): string {
  if (existsSync(file)) return file
  throw new CommandError(`There is no ${file}, and so no audit trail.`)
}

function readLimit(text: string): number {
  const limit = Number(text)
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxEntries) return limit
  throw new InvalidArgumentError(`It is a whole number from 1 to ${maxEntries}.`)
}

function readHash(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text
  throw new InvalidArgumentError('It is the hash that "talon audit verify" prints, 64 hexadecimal digits.')
}
