import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const buildScript = join(root, 'scripts', 'build.mjs')
const program = join(root, 'dist', 'server', 'talon.js')

// Only a checkout has the script; an installed package is built. The build is a process of its own, so that the
// gateway does not carry the bundler's memory for the rest of its life.
if (existsSync(buildScript)) {
  const { isFresh } = await import('../scripts/freshness.mjs')
  if (!isFresh(root)) build()
}
await import('../dist/server/talon.js')

function build() {
  // Standard output belongs to the command (`talon token list --json | jq`), so the build speaks on standard error.
  const { status } = spawnSync(process.execPath, [buildScript], { stdio: ['ignore', 2, 2] })
  if (status === 0) return
  // 69 is EX_UNAVAILABLE of sysexits.h: this machine cannot build, which an older build need not suffer from.
  if (status === 69 && existsSync(program)) process.stderr.write('Going on with the older build in dist/.\n')
  else process.exit(1)
}
