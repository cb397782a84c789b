import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * When a process began, as its system tells it. With its id it names one process and no later one that got the same id.
 * Undefined if no process has the id now, or if this system does not tell.
 */
export function processStart(pid: number): string | undefined {
  return process.platform === 'linux' ? startInProc(pid) : startByPs(pid)
}

/** Field 22 of /proc/<pid>/stat: clock ticks since the machine started (proc_pid_stat(5)). */
function startInProc(pid: number): string | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // Field 2 is the name, between parentheses, and may hold spaces and parentheses itself.
  const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // A process that has ended keeps its number until its parent asks how: it is none any more.
  return state === 'Z' || state === 'X' ? undefined : fields[18]
}

function startByPs(pid: number): string | undefined {
  try {
    // One zone and one language, so that every account reads the same.
    const env = { LC_ALL: 'C', TZ: 'UTC', PATH: '/bin:/usr/bin' }
    const argv = ['-o', 'lstart=', '-p', String(pid)]
    const text = execFileSync('ps', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env })
    return text.trim() || undefined
  } catch {
    return undefined
  }
}
