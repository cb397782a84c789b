import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { run } from './program.ts'
import { listenToReloadSignal, listenToStopSignals } from './signals.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }

for (const stream of [process.stdout, process.stderr]) {
  // Whoever read the output has left (`talon token list | head -1`): nobody is there to tell, and a gateway goes on.
  stream.on('error', () => {})
}

const exitCode = await run(process.argv.slice(2), {
  env: process.env,
  home: resolve(process.env.TALON_HOME || join(homedir(), '.talon')),
  version: manifest.version,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock,
  onStopSignal: listenToStopSignals(process, clock),
  onReloadSignal: listenToReloadSignal(process),
})
// What a slow reader of a pipe has not taken yet would be lost with the process.
await Promise.all([process.stdout, process.stderr].map(stream => new Promise(resolve => stream.write('', resolve))))
process.exit(exitCode)
