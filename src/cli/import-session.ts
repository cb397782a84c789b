import { createReadStream, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import * as z from 'zod'
import { reach, refusal } from './api.ts'
import { CommandError, type Context, exitCodes } from './context.ts'
import { findGateway } from './gateway.ts'
import type { AddCommand } from './program.ts'

const importedSchema = z.object({ sessionId: z.string(), messages: z.number(), renamed: z.boolean() })
// A gigabyte over a slow line; a gateway that is gone is noticed by the line.
const uploadTimeoutMs = 60 * 60_000

export const importSessionCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('import-session')
    .description('Bring a session back that talon export wrote.')
    .argument('<file>', 'the JSON; - reads standard input')
    .option('--json', 'print {sessionId, messages, renamed}')
    .addHelpText('after', about)
    .action(async (file: string, options: { json?: true }) => exit(await importSession(context, file, options)))
}

const about = `
It is imported whole or not at all. A session keeps its id unless one of this gateway has it; then it becomes a copy
with an id of its own. Data of Talon v0.3 is imported by: talon import

Examples:
  talon import-session engines.json
  talon export sess_019c6f3a | TALON_URL=https://talon.example.org TALON_TOKEN=tln_… talon import-session -`

async function importSession(context: Context, file: string, options: { json?: true }): Promise<number> {
  const gateway = findGateway(context)
  const size = file === '-' ? undefined : sizeOf(file)
  const text = file === '-' ? context.stdin : createReadStream(file)
  const response = await reach(context, gateway, '/api/v1/sessions/import', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(gateway.token === undefined ? {} : { authorization: `Bearer ${gateway.token}` }),
      ...(size === undefined ? {} : { 'content-length': String(size) }),
    },
    // A stream as a body, by the name of its type and with the option that DOM's types leave out.
    ...({ body: Readable.toWeb(Readable.from(text)), duplex: 'half' } as object),
    signal: AbortSignal.timeout(uploadTimeoutMs),
  })
  if (!response.ok) throw await refusal(response, gateway)
  const imported = importedSchema.parse(await response.json())
  context.stdout.write(options.json ? `${JSON.stringify(imported)}\n` : `${imported.sessionId}\n`)
  if (!options.json) {
    const copy = imported.renamed ? ' It is a copy: a session of this gateway has its old id.' : ''
    context.stderr.write(`${imported.messages} messages are imported.${copy}\n`)
  }
  return exitCodes.ok
}

function sizeOf(file: string): number {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) throw new CommandError(`There is no file ${file}.`)
  if (!stat.isFile()) throw new CommandError(`${file} is no file. Folders of Talon v0.3 are imported by: talon import`)
  return stat.size
}
