import { spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const packages = join(root, 'node_modules')
const env = { ...process.env }
if (!process.stdout.isTTY) {
  // Node warns where both are set.
  delete env.FORCE_COLOR
  env.NO_COLOR = '1'
}

/** What has to hold before a commit, beside the tests: a name, and the command that finds out. */
const steps = [
  [
    'format and lint',
    join(packages, '@biomejs', 'biome', 'bin', 'biome'),
    'ci',
    '--error-on-warnings',
    `--colors=${process.stdout.isTTY ? 'force' : 'off'}`,
  ],
  ['types', join(packages, 'typescript', 'bin', 'tsc'), '--noEmit', '-p', root],
  ['architecture', join(packages, 'vitest', 'vitest.mjs'), 'run', '--reporter=dot', 'test/architecture.test.ts'],
  ['generated docs', join(root, 'scripts', 'docs.mjs'), '--check'],
]

let failed = 0
for (const [name, ...command] of steps) {
  const startedAt = performance.now()
  const { status, output } = await run(command)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  process.stdout.write(`${status === 0 ? '✓' : '✗'} ${name} (${seconds} s)\n`)
  if (status === 0) continue
  failed += 1
  process.stdout.write(`${output.trimEnd()}\n\n`)
}
process.exitCode = failed === 0 ? 0 : 1

/**
 * Runs a script of JavaScript under this Node and collects what it says.
 * @param {string[]} command
 * @returns {Promise<{status: number | null, output: string}>}
 */
function run(command) {
  const { promise, resolve, reject } = Promise.withResolvers()
  const child = spawn(process.execPath, command, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text
    })
  }
  child.once('error', reject)
  child.once('close', status => resolve({ status, output }))
  return promise
}
