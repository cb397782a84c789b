import type { Config } from '../../config.ts'
import type { Log } from '../../log.ts'
import type { ChildResult } from '../child.ts'
import { type Enclosed, enclose, type Program } from './enclosure.ts'
import { findingsOn } from './findings.ts'
import { limitsOf } from './limits.ts'
import { type Machine, prepareMachine } from './machine.ts'
import { type Ground, plannedArgs, planOf } from './plan.ts'
import { type Verdict, verdictOf } from './probe.ts'
import { createStarter } from './starter.ts'
import { createWatch } from './watch.ts'

/**
 * How well a command is walled in. `full`: namespaces, no network, limits; `container`: the gateway itself runs in a
 * container that has none of the host's files; `limits`: only limits of memory, time and processes; `off`: nothing.
 */
export type SandboxLevel = 'full' | 'container' | 'limits' | 'off'

export interface Command {
  argv: readonly [string, ...string[]]
  /** An absolute path in the workspace. */
  cwd: string
  stdin?: string
  /** Whether it may use the network; without it there is none, loopback included. */
  network?: boolean
  /** Beside the few variables that every command gets; nothing of the gateway's own environment is passed on. */
  env?: Readonly<Record<string, string>>
  /** Files and folders that it may read beside the system and the workspace, absolute paths that exist. */
  readable?: readonly string[]
  /** Walls off writing to the workspace. */
  readOnly?: boolean
  /** Ends it with all that it started. */
  signal: AbortSignal
  /** Unique for this run. */
  id: string
  /** Of each stream, in bytes; head and tail of what is longer. */
  maxOutputBytes: number
  /** Output beyond this, both streams together, ends it; the result then says so as `stopped`. */
  maxTotalBytes?: number
  /** Time after which it is asked to end, and killed a little later; the result then says so as `stopped`. */
  timeLimitMs?: number
  onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
}

export interface Sandbox {
  /** `off` until it is known what works here. */
  readonly level: SandboxLevel
  /** Why it is not `full`, with the fix. */
  readonly reason: string | undefined
  /** Finds out, by running it, what works here; once, however often it is asked. */
  probe(): Promise<void>
  /** The arguments with which the kernel would be asked to run it, for a dry run. */
  describe(command: Pick<Command, 'argv' | 'cwd' | 'network'>): string[]
  /**
   * Runs a command until it and all that it started have ended. `stopped` of the result says which bound ended it.
   * @throws the reason of `signal`; TalonError if it could not be started
   */
  run(command: Command): Promise<ChildResult>
  /** How to start a program that lives longer than a command, behind a full wall; undefined where there is none. */
  enclose(program: Program): Promise<Enclosed | undefined>
  /** Ends every command, and resolves when none is left. */
  close(): Promise<void>
}

export interface SandboxParts {
  /** The data folder, an absolute path. */
  home: string
  /** The folder that commands may write to, an absolute path. */
  workspace: string
  config: Config
  log: Log
  newId: () => string
  /** Space on the disk of the workspace that commands may not use up. */
  keepFreeBytes?: number
}

const probeTimeoutMs = 10_000
const probeOutputBytes = 4_096
const defaultKeepFreeBytes = 128 * 1_048_576
const nothing: Machine = { prlimit: undefined, walls: 'It was not looked for.' }

/** Runs commands behind the best wall that works here. */
export function createSandbox(parts: SandboxParts): Sandbox {
  const { config, log, home, workspace } = parts
  const keepFreeBytes = parts.keepFreeBytes ?? defaultKeepFreeBytes
  const starter = createStarter(createWatch({ folder: workspace, keepFreeBytes }))
  const ground = (): Ground => ({ home, workspace, limits: limitsOf(config) })
  let machine = nothing
  let verdict: Verdict = { level: 'off', reason: 'What works here is being probed.' }
  let probing: Promise<void> | undefined
  let closed = false

  const find = async () => {
    starter.refuseIfClosed()
    machine = await prepareMachine(home)
    const signal = AbortSignal.timeout(probeTimeoutMs)
    const command = () => ({ id: parts.newId(), signal, maxOutputBytes: probeOutputBytes })
    const found = await findingsOn(machine, ground(), plan => starter.run(plan, command(), ground().limits))
    if (closed) return // What was cut short says nothing about this machine.
    verdict = verdictOf(found, config['sandbox.level'])
    const { level, reason } = verdict
    if (level === 'full') log.info({ level }, 'commands of tools run behind a full wall')
    else log.warn({ level, reason }, 'commands of tools run without a full wall')
  }
  const probe = () => {
    probing ??= find().catch(error => {
      if (closed) return
      verdict = { level: 'off', reason: 'What works here could not be probed; the log says why.' }
      log.error({ err: error }, 'the sandbox could not be probed')
    })
    return probing
  }
  return {
    get level() {
      return verdict.level
    },
    get reason() {
      return verdict.reason
    },
    probe,
    describe: command => plannedArgs(verdict.level, machine, ground(), command),
    async run(command) {
      await probe()
      command.signal.throwIfAborted()
      starter.refuseIfClosed()
      const plan = await planOf(verdict.level, machine, ground(), command)
      return starter.run(plan, command, ground().limits)
    },
    async enclose(program) {
      await probe()
      starter.refuseIfClosed()
      return enclose(verdict.level, machine, home, program)
    },
    async close() {
      closed = true
      await starter.close()
      await probing
    },
  }
}
