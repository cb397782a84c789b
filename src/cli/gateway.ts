import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { CommandError, type Context, exitCodes } from './context.ts'
import { lives } from './process/alive.ts'

/** A gateway and how to enter it. */
export interface Gateway {
  /** Origin, such as http://127.0.0.1:19789. */
  url: string
  token: string | undefined
  /** What the gateway wrote of itself; undefined for one that `TALON_URL` names. */
  run: RunFile | undefined
}

const runFileSchema = z.object({
  pid: z.number().int().positive(),
  bootId: z.string(),
  version: z.string(),
  host: z.string(),
  port: z.number().int(),
  startedAt: z.number(),
  flags: z.record(z.string(), z.string()).optional(),
  stopping: z.boolean().optional(),
  processStart: z.string().optional(),
})
export type RunFile = z.infer<typeof runFileSchema>

// Addresses to listen on that are none to connect to.
const everyAddress: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/**
 * The gateway that a command is for: the one of `TALON_URL`, else the one that runs on the data folder.
 * @throws CommandError with exit code 3 if none runs there.
 */
export function findGateway(context: Context): Gateway {
  const { TALON_URL: url, TALON_TOKEN: token } = context.env
  // The data folder's token belongs to this machine's gateway: it is never sent to an address that was typed in.
  if (url) return { url: originOf(url), token: token || undefined, run: undefined }
  const run = readRunFile(context.home)
  // Port 0: a gateway that has not come so far yet, or a command that works on the folder.
  if (!run || run.port === 0 || !lives(run)) throw notRunning(context.home)
  return { url: addressOf(run), token: token || readToken(context.home), run }
}

/** The error that says so. */
export function notRunning(home: string): CommandError {
  return new CommandError(`No gateway runs on ${home}. Start one with: talon start`, exitCodes.notRunning)
}

function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return parsed.origin
  throw new CommandError(
    `TALON_URL must be an address such as https://talon.example.org, not "${url}".`,
    exitCodes.usage,
  )
}

/**
 * What the last holder of the data folder wrote of itself; it may be gone.
 * @throws CommandError if it cannot be read
 */
export function readRunFile(home: string): RunFile | undefined {
  const file = join(home, 'run', 'gateway.json')
  const text = readIfThere(file)
  if (text === undefined) return undefined
  try {
    return runFileSchema.parse(JSON.parse(text))
  } catch {
    throw new CommandError(`${file} cannot be understood. Was it written by another version of Talon?`)
  }
}

function readToken(home: string): string | undefined {
  return readIfThere(join(home, 'run', 'cli.token'))?.trim() || undefined
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EACCES') {
      throw new CommandError(
        `${file} may not be read. Use the account that the gateway runs under, or set TALON_TOKEN and TALON_URL.`,
      )
    }
    throw error
  }
}

/** Its origin, as a program on this machine reaches it. */
export function addressOf(run: RunFile): string {
  const host = everyAddress[run.host] ?? run.host
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${run.port}`
}
