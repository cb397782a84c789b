import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { TalonError } from '../../protocol/errors.ts'
import { fileError } from './fileError.ts'
import { createHeadAndTail } from './output.ts'
import { markedTree, type Tree } from './processTree.ts'

/** Time between SIGTERM and SIGKILL. */
const defaultKillGraceMs = 2_000
/** Time for the last output of a process that has ended; longer only if something that cannot be killed holds the pipe. */
const pipeGraceMs = 1_000
const markName = 'TALON_RUN'

/** A program that has just been started. */
export interface Started {
  pid: number
  /** Marks the environment of all that it starts. */
  mark: string
  /** What it says on descriptor 4, if it was given one. */
  notes: Readable | undefined
}

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
  /** Output beyond this, both streams together, ends it. */
  maxTotalBytes?: number
  /** Time after which it is asked to end; the result then says so as `stopped`. */
  timeLimitMs?: number
  killGraceMs?: number
  onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
  /** An open file that it gets as its descriptor 3; with it, a pipe is its descriptor 4. It stays open here. */
  descriptor?: number
  /** How what was started is found and ended; by parents, session and mark where this is left out. */
  treeOf?: (started: Started) => Tree
  /** Told at its start; the function that it is handed ends it at once. */
  onStart?: (started: Started, halt: (stop: Stop) => void) => void
}

/** A bound that a child went beyond. */
export interface Stop {
  by: 'time' | 'output' | 'memory' | 'processes' | 'disk'
  /** In words, with the setting that says how much it may be. */
  reason: string
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
  /** Which bound it was ended for; undefined if it ended by itself. */
  stopped?: Stop
}

/** What `runChild` follows while the child lives. */
interface Streams {
  child: ChildProcess
  stdin: Writable
  stdout: Readable
  stderr: Readable
  notes: Readable | undefined
}

/**
 * Runs a program in a session of its own and returns when it and all that it started have ended.
 * @throws the reason of `signal` if that stopped it; TalonError if it could not be started
 */
export async function runChild(input: ChildInput): Promise<ChildResult> {
  input.signal.throwIfAborted()
  const streams = start(input)
  const { child } = streams
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()))
  const halt = new AbortController()
  let stopped: Stop | undefined
  const haltFor = (stop: Stop) => {
    stopped ??= stop
    halt.abort()
  }
  const output = collect(streams, input, haltFor)
  await once(child, 'spawn').catch(error => Promise.reject(notStarted(error, input)))
  feed(streams.stdin, input.stdin)
  const started = { pid: child.pid ?? 0, mark: `${markName}=${input.id}`, notes: streams.notes }
  const tree = input.treeOf?.(started) ?? markedTree(started)
  input.onStart?.(started, haltFor)
  const late = new AbortController()
  const timer = setTimer(() => {
    stopped ??= { by: 'time', reason: `It did not end within ${input.timeLimitMs} ms.` }
    late.abort()
  }, input.timeLimitMs)
  await exitOrStop(exited, tree, AbortSignal.any([input.signal, late.signal]), halt.signal, input.killGraceMs)
  clearTimeout(timer)
  const pipesClose = () => Promise.race([closed, setTimeout(pipeGraceMs, undefined, { ref: false })])
  if (tree.endsWithFirst) await pipesClose()
  // What it left in the background must not outlive the run, and would hold the pipes open.
  await tree.kill()
  await pipesClose()
  for (const stream of [streams.stdout, streams.stderr, streams.notes]) stream?.destroy()
  input.signal.throwIfAborted()
  const result = { exitCode: child.exitCode, signal: child.signalCode, ...output() }
  return stopped === undefined ? result : { ...result, stopped }
}

/** The system says the same of a program and of a folder that are not there. */
function notStarted(error: unknown, { command, cwd }: ChildInput): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) return fileError(error, command)
  const text = `${JSON.stringify(command)} could not be started in ${JSON.stringify(cwd)}: one of them does not exist.`
  return new TalonError('NOT_FOUND', text, { cause: error })
}

function setTimer(then: () => void, afterMs: number | undefined): NodeJS.Timeout | undefined {
  return afterMs === undefined ? undefined : globalThis.setTimeout(then, afterMs)
}

function start({ command, args, cwd, env, id, descriptor }: ChildInput): Streams {
  const child = spawn(command, args, {
    cwd,
    env: { ...env, [markName]: id },
    detached: true,
    stdio: descriptor === undefined ? ['pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe', descriptor, 'pipe'],
  })
  if (child.pid !== undefined) yieldTo(child.pid)
  child.on('error', () => {}) // Without a listener an error after the start would end the gateway.
  // A pipe that the child writes to is readable here, whatever the type of `stdio` allows.
  const notes = (descriptor === undefined ? undefined : child.stdio[4]) as Readable | undefined
  notes?.on('error', () => {})
  // The first three are pipes, as said above.
  const { stdin, stdout, stderr } = child as ChildProcessWithoutNullStreams
  return { child, stdin, stdout, stderr, notes }
}

/** However much a command computes, the gateway comes first. */
function yieldTo(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // It has ended already.
  }
}

function collect(streams: Streams, input: ChildInput, halt: (stop: Stop) => void): () => Output {
  const { maxOutputBytes, maxTotalBytes = Number.POSITIVE_INFINITY, onOutput } = input
  const kept = { stdout: createHeadAndTail(maxOutputBytes), stderr: createHeadAndTail(maxOutputBytes) }
  let totalBytes = 0
  for (const name of ['stdout', 'stderr'] as const) {
    streams[name].on('error', () => {})
    streams[name].on('data', (chunk: Buffer) => {
      kept[name].add(chunk)
      onOutput?.(name, chunk)
      totalBytes += chunk.length
      if (totalBytes > maxTotalBytes) halt({ by: 'output', reason: `It wrote more than ${maxTotalBytes} bytes.` })
    })
  }
  return () => {
    const stdout = kept.stdout.text()
    const stderr = kept.stderr.text()
    return { stdout: stdout.text, stderr: stderr.text, truncated: stdout.truncated || stderr.truncated }
  }
}

function feed(stdin: Writable, text = ''): void {
  stdin.on('error', () => {}) // It may end without reading what it was given.
  stdin.end(text)
}

/** Waits for the end of the first process; from the abort on it has a grace, then everything is killed. A halt has none. */
async function exitOrStop(
  exited: Promise<void>,
  tree: Tree,
  signal: AbortSignal,
  halt: AbortSignal,
  killGraceMs = defaultKillGraceMs,
): Promise<void> {
  const exit = new AbortController()
  const whenExited = exited.then(() => exit.abort())
  const wait = (other: AbortSignal) =>
    other.aborted ? undefined : once(other, 'abort', { signal: exit.signal }).catch(() => {})
  await Promise.race([exited, wait(signal), wait(halt)])
  if (exit.signal.aborted) return
  if (signal.aborted && !halt.aborted) {
    await tree.terminate()
    const grace = setTimeout(killGraceMs, undefined, { signal: exit.signal }).catch(() => {})
    await Promise.race([grace, wait(halt)])
  }
  if (signal.aborted || halt.aborted) await tree.kill()
  await whenExited
}
