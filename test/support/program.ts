import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { roomyLimits } from './roomy-limits.ts'
import type { SmallDisk } from './small-disk.ts'

const repository = join(import.meta.dirname, '..', '..')

/** The token of every program that a test starts. */
export const programToken = 'program-token-of-at-least-thirty-two-characters'

/** A built program as a package manager lays it out: it never builds, whatever happens to the sources meanwhile. */
export interface Installed {
  entry: string
  remove(): void
}

/** What a process that ended has said. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  out: string
  err: string
}

/** One process of the real program. */
export interface Program {
  child: ChildProcess
  pid: number
  port: number
  url: string
  /** What it has said so far, on both streams. */
  printed(): string
  /** Log lines of level error or worse, so far. */
  failures(): Record<string, unknown>[]
  ended: Promise<Ended>
  /** Kills it without a warning, and resolves when it is gone. */
  kill9(): Promise<void>
  /** Asks it to stop, and resolves when it has. */
  stop(): Promise<Ended>
}

export interface ProgramOptions {
  home: string
  /** 0 takes a free one. */
  port?: number
  env?: Record<string, string>
  argv?: string[]
  /** Where the home is, if it is a disk that only processes within it see. */
  disk?: SmallDisk
}

/** Builds the program if the sources changed, and installs it into a folder of its own. */
export function installProgram(): Installed {
  const build = spawnSync(process.execPath, [join(repository, 'scripts', 'build.mjs')], { encoding: 'utf8' })
  if (build.status !== 0) throw new Error(`The build failed: ${build.stderr}`)
  const folder = mkdtempSync(join(tmpdir(), 'talon-program-'))
  for (const name of ['bin', 'dist', 'migrations', 'package.json']) {
    cpSync(join(repository, name), join(folder, name), { recursive: true, filter: file => !file.endsWith('.map') })
  }
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  return {
    entry: join(folder, 'bin', 'talon.mjs'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Starts `talon start` and waits until it says that it is ready. Rejects with what it said if it ends before. */
export async function startProgram(installed: Installed, options: ProgramOptions): Promise<Program> {
  const { child, printed, ended } = launch(installed, options)
  await readiness(child, printed, ended)
  const home = options.disk?.outside(options.home) ?? options.home
  const { port } = JSON.parse(readFileSync(join(home, 'run', 'gateway.json'), 'utf8'))
  const signalled = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return ended
  }
  return {
    child,
    pid: child.pid ?? 0,
    port,
    url: `http://127.0.0.1:${port}`,
    printed,
    failures: () => failuresIn(printed()),
    ended,
    kill9: async () => void (await signalled('SIGKILL')),
    stop: () => signalled('SIGTERM'),
  }
}

/** Runs `talon start` where it is expected to end by itself. */
export function endedProgram(installed: Installed, options: ProgramOptions): Promise<Ended> {
  return launch(installed, options).ended
}

/** Opens the database of a gateway that does not run. */
export function openDatabase(home: string): Database.Database {
  const file = join(home, 'gateway.db')
  if (!existsSync(file)) throw new Error(`There is no ${file}`)
  return new Database(file)
}

function launch({ entry }: Installed, { home, port = 0, env = {}, argv = [], disk }: ProgramOptions) {
  const [command = '', ...words] = [...(disk?.enter ?? []), process.execPath, entry, 'start', ...argv]
  const child = spawn(command, words, {
    env: {
      ...plainEnvironment(),
      TALON_HOME: home,
      TALON_PORT: String(port),
      TALON_TOKEN: programToken,
      ...roomyLimits,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => {
    out += chunk
  })
  child.stderr.on('data', chunk => {
    err += chunk
  })
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, out, err }))
  return { child, printed: () => out + err, ended }
}

async function readiness(child: ChildProcess, printed: () => string, ended: Promise<Ended>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = () => {
    if (/^Talon \S+ is ready/m.test(printed())) resolve()
  }
  child.stdout?.on('data', look)
  const early = ended.then(({ code, signal }) => {
    throw new Error(`The program ended with ${code ?? signal}: ${printed()}`)
  })
  await Promise.race([promise, early])
  child.stdout?.off('data', look)
  early.catch(() => undefined)
}

/**
 * The environment of a shell that knows nothing of Talon. Nor of where the tests keep what was compiled: the program has a
 * folder of its own for that, which goes with it, and in theirs each program in a new place would stay for ever.
 */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: _, ...environment } = process.env
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TALON_')))
}

function failuresIn(text: string): Record<string, unknown>[] {
  const errorLevel = 50
  const isFailure = (line: Record<string, unknown>) => typeof line['level'] === 'number' && line['level'] >= errorLevel
  const lines = text.split('\n').filter(line => line.startsWith('{') && line.endsWith('}'))
  return lines.map((line): Record<string, unknown> => JSON.parse(line)).filter(isFailure)
}
