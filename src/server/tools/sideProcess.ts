import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TalonError } from '../../protocol/errors.ts'
import type { Report } from './sideWork.ts'
import { createSlots } from './slots.ts'

/**
 * A process beside the gateway for work on what others made, one task at a time. A thread would not do: one allocation
 * that does not fit ends the whole process with it, and what a library keeps outside of the heap has no bound there.
 */
export interface SideProcess<Task, Answer> {
  /**
   * @returns the answer, or what is wrong with the task in words
   * @throws TalonError `TIMEOUT`, `TOO_LARGE` if it needs too much memory, `OVERLOADED`, `DRAINING`, `TOOL_FAILED` if it
   * cannot be started; the reason of `signal`
   */
  ask(task: Task, signal: AbortSignal): Promise<{ answer: Answer } | { problem: string }>
  /** Ends it. */
  close(): Promise<void>
}

export interface SideProcessOptions {
  /** The file that it runs, which calls `serve`. */
  entry: URL
  /** For one task, from when it says that it begins. */
  timeLimitMs: number
  /** It ends when nothing was asked of it for so long: with its libraries it holds some tens of MiB. */
  idleMs: number
  /** Of JavaScript, in MiB. */
  maxHeapMib: number
  /** Of all that it holds. */
  maxMemoryMib: number
}

const loadLimitMs = 20_000
const maxWaiting = 64
const maxWaitMs = 60_000

/** No process runs before the first task. */
export function createSideProcess<Task extends object, Answer>(options: SideProcessOptions): SideProcess<Task, Answer> {
  const slots = createSlots(() => 1, maxWaiting)
  let child: ChildProcess | undefined
  let idle: NodeJS.Timeout | undefined
  let closed = false

  async function end(): Promise<void> {
    clearTimeout(idle)
    const ending = child
    child = undefined
    if (ending && isAlive(ending)) {
      const gone = once(ending, 'exit')
      ending.ref() // Who stops it waits for that.
      ending.kill('SIGKILL')
      await gone
    }
  }
  return {
    async ask(task, signal) {
      const release = await slots.acquire(signal, maxWaitMs)
      clearTimeout(idle)
      try {
        if (closed) throw stopping()
        if (child && !isAlive(child)) child = undefined
        child ??= start(options)
        return await reportOf<Answer>(child, task, options, signal).catch(async error => {
          await end() // It works on, or is gone.
          throw closed ? stopping() : error
        })
      } finally {
        idle = setTimeout(() => void end(), options.idleMs).unref()
        release()
      }
    },
    close() {
      closed = true
      return end()
    },
  }
}

function start({ entry, maxHeapMib, maxMemoryMib }: SideProcessOptions): ChildProcess {
  const child = fork(entry, [String(maxMemoryMib)], {
    cwd: '/',
    // It needs nothing of the environment, so it holds no secret of it.
    env: {},
    execArgv: [`--max-old-space-size=${maxHeapMib}`, '--no-warnings', ...fence(entry)],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    // A Ctrl-C that is meant for the gateway is not for it.
    detached: true,
  })
  child.on('error', () => {}) // Without a listener it would end the gateway.
  if (child.pid !== undefined) yieldTo(child.pid)
  release(child)
  return child
}

/**
 * What a text that outwits a library could do then: it writes nothing, starts nothing, and reads nothing but the program.
 * From its sources that has its libraries elsewhere.
 */
function fence(entry: URL): string[] {
  const readable = entry.pathname.endsWith('.ts') ? '*' : dirname(fileURLToPath(entry))
  return ['--permission', `--allow-fs-read=${readable}`, '--allow-worker']
}

/** However much it computes, the gateway comes first. */
function yieldTo(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // It has ended already.
  }
}

/** Lets the gateway end while it runs. */
function release(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
}

function isAlive({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null
}

type Ended<Answer> = { answer: Answer } | { problem: string }

/** @throws the signal's reason, TalonError `TIMEOUT`, `TOO_LARGE` or `TOOL_FAILED` */
async function reportOf<Answer>(
  child: ChildProcess,
  task: object,
  { timeLimitMs, maxMemoryMib }: SideProcessOptions,
  signal: AbortSignal,
): Promise<Ended<Answer>> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended<Answer>>()
  const late = () =>
    reject(new TalonError('TIMEOUT', `It did not end within ${timeLimitMs} ms and was stopped. Ask for less.`))
  let timer = setTimeout(late, loadLimitMs)
  const onMessage = (message: unknown) => {
    const report = message as Report<Answer> // The file that it runs is ours, and says nothing else.
    if (!('begun' in report)) return resolve(report)
    clearTimeout(timer)
    timer = setTimeout(late, timeLimitMs)
  }
  const onError = (error: Error) => reject(notStarted(error))
  const onExit = () => reject(tooMuch(maxMemoryMib))
  const onAbort = () => reject(signal.reason)
  child.on('message', onMessage)
  child.on('error', onError)
  child.on('exit', onExit)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    child.ref()
    child.channel?.ref()
    // Where it cannot be sent the process is gone, which is told as that.
    child.send(task, () => {})
    return await promise
  } finally {
    clearTimeout(timer)
    release(child)
    child.off('message', onMessage)
    child.off('error', onError)
    child.off('exit', onExit)
    signal.removeEventListener('abort', onAbort)
  }
}

function stopping(): TalonError {
  return new TalonError('DRAINING', 'Talon is stopping.')
}

function tooMuch(maxMemoryMib: number): TalonError {
  const text = `It needs more than ${maxMemoryMib} MiB of memory and was stopped. Ask for less.`
  return new TalonError('TOO_LARGE', text)
}

function notStarted(cause: Error): TalonError {
  return new TalonError('TOOL_FAILED', `What works on it could not be started: ${cause.message}.`, { cause })
}
