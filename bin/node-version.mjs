// Plain JavaScript without imports of ours, because its work is to be understood by Node versions that cannot run the rest.
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'

const requiredMajor = 24
const passedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']
const leashVariable = 'TALON_LEASH'

/**
 * Whether this Node can run the program. If not, it hands over to the Node in `node_modules`, or says which one to get.
 * @param {string} entry path of the script that was started
 */
export function prepareNode(entry) {
  if (isSupported(process.versions.node)) {
    holdLeash()
    return true
  }
  const other = join(dirname(entry), '..', 'node_modules', 'node', 'bin', 'node')
  if (existsSync(other)) handOver(other, entry)
  else refuse()
  return false
}

/** @param {string} version such as 24.21.0 */
export function isSupported(version) {
  return Number.parseInt(version, 10) >= requiredMajor
}

function refuse() {
  process.stderr.write(
    `Talon needs Node ${requiredMajor} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      `Get it from https://nodejs.org/en/download, or run "npm ci" here: that installs one beside Talon.\n`,
  )
  process.exitCode = 1
}

/** Runs the same command with another Node, as if it had been that one: same terminal, signals and exit code. */
async function handOver(node, entry) {
  const { spawn } = await import('node:child_process')
  const child = spawn(node, [...process.execArgv, entry, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [leashVariable]: String(process.pid) },
  })
  for (const signal of passedSignals) process.on(signal, () => child.kill(signal))
  child.on('error', error => {
    process.stderr.write(`${node} does not start: ${error.message}.\n`)
    refuse()
    process.exit(1)
  })
  // 128 + number is what a shell reports for a program that a signal ended.
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

/** A parent that was killed cannot pass that on, and an orphan would go on holding the data folder: so it follows. */
function holdLeash() {
  if (process.env[leashVariable] !== String(process.ppid) || !process.channel) return
  delete process.env[leashVariable]
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel.unref()
}
