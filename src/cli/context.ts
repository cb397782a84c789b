import type { Clock } from '../server/record.ts'

/** What a command may use of the process around it. `main.ts` makes it; tests make their own. */
export interface Context {
  env: Readonly<Record<string, string | undefined>>
  /** The data folder, an absolute path. */
  home: string
  version: string
  stdin: Input
  /** What was asked for, so that it can be piped. */
  stdout: Output
  /** Everything that is said about it. */
  stderr: Output
  clock: Clock
  /** Listens to Ctrl-C and SIGTERM; the returned function ends it. One press is one call, whoever passed it on. */
  onStopSignal(listener: () => void): () => void
  /** Listens to SIGHUP, as `systemctl reload` sends it. */
  onReloadSignal(listener: () => void): () => void
}

export type Input = NodeJS.ReadableStream & { isTTY?: boolean }
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number }

/** What the process exits with. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** No gateway runs on the data folder; 3 is what `systemctl status` says of a stopped unit. */
  notRunning: 3,
  /** The database is damaged or cannot be written; EX_IOERR of sysexits.h. */
  database: 74,
  /** A setting cannot be used, or the schema of the database is not this program's; EX_CONFIG of sysexits.h. */
  config: 78,
  /** Ended by Ctrl-C; 128 + SIGINT, as a shell counts it. */
  interrupted: 130,
} as const

/** An error that is the user's to solve: its sentence is all that is shown. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message)
    this.exitCode = exitCode
  }
}
