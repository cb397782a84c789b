import { type ChildResult, runChild } from '../child.ts'

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
  /** Files and folders that it may read beside the system and the workspace, absolute paths. */
  readable?: readonly string[]
  /** Folder that it sees as the workspace if that is another one; `readOnly` walls off writing. */
  readOnly?: boolean
  /** Ends it with all that it started. */
  signal: AbortSignal
  /** Unique for this run. */
  id: string
  /** Of each stream, in bytes; head and tail of what is longer. */
  maxOutputBytes: number
  /** Output beyond this, both streams together, ends it. */
  maxTotalBytes?: number
  onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
}

export interface Sandbox {
  readonly level: SandboxLevel
  /** Why it is not `full`, with the fix. */
  readonly reason: string | undefined
  /** The arguments with which the kernel would be asked to run it, for a dry run. */
  describe(command: Pick<Command, 'argv' | 'cwd' | 'network'>): string[]
  /**
   * Runs a command until it and all that it started have ended.
   * @throws the reason of `signal`; TalonError if it could not be started
   */
  run(command: Command): Promise<ChildResult>
}

/** Runs commands without a wall. */
export function createSandbox(): Sandbox {
  return {
    level: 'off',
    reason: 'There is no sandbox.',
    describe: ({ argv }) => [...argv],
    run: ({ argv: [command, ...args], ...more }) => runChild({ ...more, command, args }),
  }
}
