import type { Config } from '../../settings.ts'

const megabyte = 1_048_576
/** Files that one process may have open. */
const maxOpenFiles = 1_024

/** The bounds of one command. */
export interface CommandLimits {
  /** Of it and all that it starts; each process alone is held to it by the kernel. */
  memoryBytes: number
  cpuSeconds: number
  fileBytes: number
  processes: number
}

export function limitsOf(config: Config): CommandLimits {
  return {
    memoryBytes: config['sandbox.memoryMegabytes'] * megabyte,
    cpuSeconds: config['sandbox.cpuSeconds'],
    fileBytes: config['sandbox.fileMegabytes'] * megabyte,
    processes: config['sandbox.processes'],
  }
}

/**
 * Begins a command line that runs within these bounds. Memory is bounded by what a process may write to (RLIMIT_DATA),
 * because runtimes reserve far more addresses than they use.
 */
export function prlimitArgs(
  prlimit: string,
  limits: CommandLimits,
  { processes }: { processes: boolean },
): [string, ...string[]] {
  // Past the first number a process is asked to end (SIGXCPU), at the second it is killed.
  const cpu = `--cpu=${limits.cpuSeconds}:${limits.cpuSeconds + 5}`
  // The kernel counts them for each account, and not at all for root.
  const count = processes ? [`--nproc=${limits.processes}`] : []
  const memory = `--data=${limits.memoryBytes}`
  return [prlimit, '--core=0', cpu, memory, `--fsize=${limits.fileBytes}`, `--nofile=${maxOpenFiles}`, ...count, '--']
}
