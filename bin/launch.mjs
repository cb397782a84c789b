import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'

const root = join(import.meta.dirname, '..')
const buildScript = join(root, 'scripts', 'build.mjs')
const program = join(root, 'dist', 'server', 'talon.js')

// Left alone the young generation grows to 48 MiB in a storm of connections and never shrinks: 13 KiB for each of 5,000.
// Half of that collects as fast. A program that was started without the bound keeps the small one that it begins with.
if (!process.execArgv.some(argument => argument.startsWith('--max-semi-space-size='))) {
  setFlagsFromString('--semi-space-growth-factor=1')
}

// Only a checkout has the script; an installed package is built.
if (existsSync(buildScript)) {
  const { isFresh } = await import('../scripts/freshness.mjs')
  if (!isFresh(root)) await build()
}
// What was compiled once is kept: a fifth less work at each start. Where dist/ cannot be written it is done without.
enableCompileCache(join(root, 'dist', '.cache'))
await import('../dist/server/talon.js')

async function build() {
  const { spawnSync } = await import('node:child_process')
  // A process of its own, so that the gateway does not carry the bundler's memory for the rest of its life. It speaks on
  // standard error, because standard output belongs to the command (`talon token list --json | jq`).
  const { status } = spawnSync(process.execPath, [buildScript], { stdio: ['ignore', 2, 2] })
  if (status === 0) return
  // 69 is EX_UNAVAILABLE of sysexits.h: this machine cannot build, which an older build need not suffer from.
  if (status === 69 && existsSync(program)) process.stderr.write('Going on with the older build in dist/.\n')
  else process.exit(1)
}
