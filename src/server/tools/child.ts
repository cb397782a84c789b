import { type ChildProcessWithoutNullStreams as Streams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileError } from './fileError.ts'
import { createHeadAndTail } from './output.ts'
import { kill, type Tree, terminate } from './processTree.ts'

/** Time between SIGTERM and SIGKILL. */
const defaultKillGraceMs = 2_000
/** Time for the last output of a process that has ended; longer only if something that cannot be killed holds the pipe. */
const pipeGraceMs = 1_000
const markName = 'TALON_RUN'

export interface ChildInput {
  command: string
  args: readonly string[]
  cwd: string
  /** All that the child has of an environment; nothing of ours is passed on. */
  env?: Readonly<Record<string, string>>
  stdin?: string
  /** Ends the child and all it started: SIGTERM, then SIGKILL. */
  signal: AbortSignal
  /** Marks what it starts; unique for this run. */
  id: string
  /** Of each stream, in bytes; head and tail of what is longer. */
  maxOutputBytes: number
  killGraceMs?: number
  onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
}

interface Output {
  stdout: string
  stderr: string
  truncated: boolean
}

export interface ChildResult extends Output {
  /** Null if a signal ended it. */
  exitCode: number | null
  signal: string | null
}

/**
 * Runs a program in a session of its own and returns when it and all that it started have ended.
 * @throws the reason of `signal` if that stopped it; TalonError if it could not be started
 */
export async function runChild(input: ChildInput): Promise<ChildResult> {
  input.signal.throwIfAborted()
  const env = { ...input.env, [markName]: input.id }
  const child = spawn(input.command, input.args, { cwd: input.cwd, env, detached: true, stdio: 'pipe' })
  child.on('error', () => {}) // Without a listener an error after the start would end the gateway.
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()))
  const output = collect(child, input)
  await once(child, 'spawn').catch(error => Promise.reject(fileError(error, input.command)))
  feed(child, input.stdin)
  const tree = { pid: child.pid ?? 0, mark: `${markName}=${input.id}` }
  await exitOrStop(exited, tree, input)
  // What it left in the background must not outlive the run, and would hold the pipes open.
  await kill(tree)
  await Promise.race([closed, setTimeout(pipeGraceMs, undefined, { ref: false })])
  child.stdout.destroy()
  child.stderr.destroy()
  input.signal.throwIfAborted()
  return { exitCode: child.exitCode, signal: child.signalCode, ...output() }
}

function collect(child: Streams, { maxOutputBytes, onOutput }: ChildInput): () => Output {
  const streams = { stdout: createHeadAndTail(maxOutputBytes), stderr: createHeadAndTail(maxOutputBytes) }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('error', () => {})
    child[name].on('data', (chunk: Buffer) => {
      streams[name].add(chunk)
      onOutput?.(name, chunk)
    })
  }
  return () => {
    const stdout = streams.stdout.text()
    const stderr = streams.stderr.text()
    return { stdout: stdout.text, stderr: stderr.text, truncated: stdout.truncated || stderr.truncated }
  }
}

function feed(child: Streams, text = ''): void {
  child.stdin.on('error', () => {}) // It may end without reading what it was given.
  child.stdin.end(text)
}

/** Waits for the end of the first process; from the abort on it has a grace, then everything is killed. */
async function exitOrStop(exited: Promise<void>, tree: Tree, { signal, killGraceMs }: ChildInput): Promise<void> {
  const exit = new AbortController()
  const whenExited = exited.then(() => exit.abort())
  const aborted = once(signal, 'abort', { signal: exit.signal }).catch(() => {})
  if (!signal.aborted) await Promise.race([exited, aborted])
  if (!signal.aborted) return whenExited
  await terminate(tree)
  await setTimeout(killGraceMs ?? defaultKillGraceMs, undefined, { signal: exit.signal }).catch(() => {})
  await kill(tree)
  await whenExited
}
