import { existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { InvalidArgumentError, Option } from 'commander'
import { reach, refusal } from './api.ts'
import { CommandError, type Context, exitCodes, type Output } from './context.ts'
import { findGateway, type Gateway } from './gateway.ts'
import { refuseOwnFile } from './own-files.ts'
import type { AddCommand } from './program.ts'
import { megabytes } from './text.ts'

interface Options {
  format: 'json' | 'md'
  epoch?: number
  out?: string
  force?: true
}

// No byte of an answer in this time: the gateway or the line to it is gone.
const silenceMs = 60_000

export const exportCommand: AddCommand = (parent, context, exit) => {
  parent
    .command('export')
    .description('Write a session to a file: everything as JSON, or to be read as Markdown.')
    .argument('<session>', 'its id')
    .addOption(new Option('--format <format>', 'json or md').choices(['json', 'md']).default('json'))
    .option('--epoch <n>', 'one epoch alone, counted from 1; each reset begins another (default: all)', readEpoch)
    .option('--out <file>', 'where to (default: standard output)')
    .option('--force', 'replace the file if it is there')
    .addHelpText('after', about)
    .action(async (sessionId: string, options: Options) => exit(await exportSession(context, sessionId, options)))
}

const about = `
The JSON holds all there is of the session, archived epochs too: talon import-session <file> brings it back, here or into
another gateway. What is said while it is written is not in it.

Examples:
  talon export sess_019c6f3a --out engines.json
  talon export sess_019c6f3a --format md | less`

async function exportSession(context: Context, sessionId: string, options: Options): Promise<number> {
  const target = options.out === undefined ? undefined : resolve(options.out)
  if (target !== undefined) refuseTarget(context.home, target, options.force === true)
  const gateway = findGateway(context)
  const asked = new URLSearchParams({ format: options.format })
  if (options.epoch !== undefined) asked.set('epoch', String(options.epoch))
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), silenceMs)
  try {
    const path = `/api/v1/sessions/${encodeURIComponent(sessionId)}/export?${asked}`
    const response = await reach(context, gateway, path, { headers: bearer(gateway), signal: silence.signal })
    if (!response.ok || !response.body) throw await refusal(response, gateway)
    const counted = count(response.body, () => timer.refresh())
    if (target === undefined) await print(counted.text, context.stdout)
    else await write(counted.text, target)
    if (target !== undefined) context.stderr.write(`${target}: ${megabytes(counted.bytes())}\n`)
    return exitCodes.ok
  } catch (error) {
    if (silence.signal.aborted) throw new CommandError(`${gateway.url} did not answer any more.`)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function readEpoch(text: string): number {
  const epoch = Number(text)
  if (Number.isInteger(epoch) && epoch >= 1) return epoch
  throw new InvalidArgumentError('Epochs are numbered from 1.')
}

function refuseTarget(home: string, target: string, force: boolean): void {
  refuseOwnFile(home, target)
  if (!existsSync(dirname(target))) throw new CommandError(`There is no folder ${dirname(target)}.`)
  if (existsSync(target) && !force) {
    throw new CommandError(`${target} is there already. Name another file, or add --force.`)
  }
}

function bearer(gateway: Gateway): Record<string, string> {
  return gateway.token === undefined ? {} : { authorization: `Bearer ${gateway.token}` }
}

/** The body in its pieces. @throws CommandError if it ends before its end */
function count(body: Response['body'] & {}, heard: () => void): { text: Readable; bytes: () => number } {
  let bytes = 0
  async function* pieces() {
    try {
      // The same thing by two names of its type.
      for await (const piece of body as ReadableStream<Uint8Array>) {
        heard()
        bytes += piece.byteLength
        yield piece
      }
    } catch (cause) {
      throw new CommandError(
        `The export broke off after ${megabytes(bytes)}: ${cause instanceof Error ? cause.message : cause}.`,
      )
    }
  }
  return { text: Readable.from(pieces()), bytes: () => bytes }
}

async function print(text: Readable, stdout: Output): Promise<void> {
  try {
    await pipeline(text, stdout, { end: false })
  } catch (error) {
    // Whoever reads it, such as `head`, has enough.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
  }
}

/** The file has its name only once it is whole, and nobody else may read it. */
async function write(text: Readable, target: string): Promise<void> {
  const partial = `${target}.partial`
  await rm(partial, { force: true })
  try {
    const file = await open(partial, 'wx', 0o600)
    try {
      for await (const piece of text) await file.appendFile(piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, target)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}
