import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')

process.exitCode = main(process.argv.slice(2))

/**
 * Builds `dist/` if it is stale, runs the tests once, and ends with one line that counts them.
 * @param {string[]} args for Vitest, such as the path of a test
 */
function main(args) {
  const folder = mkdtempSync(join(tmpdir(), 'talon-tests-'))
  try {
    // Some tests start the program as it is installed, several at once: it is built once before them.
    if (node([join(root, 'scripts', 'build.mjs')]) !== 0) return end({ passed: 0, failed: 1, skipped: 0 }, 1)
    const file = join(folder, 'report.json')
    const again = join(root, 'test', 'support', 'second-tries.ts')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`, `--reporter=${again}`]
    const status = node([vitest, 'run', ...reporters, ...args])
    return end(countsOf(file, status), status)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Runs a script under this Node, with our own output.
 * @param {string[]} command
 */
function node(command) {
  return spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status ?? 1
}

/**
 * @param {string} file the report of the runner
 * @param {number} status its exit code
 */
function countsOf(file, status) {
  const report = readReport(file)
  if (!report) return { passed: 0, failed: 1, skipped: 0 }
  // A file that could not be loaded has no tests to fail.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some(assertion => assertion.status === 'failed'),
  )
  const failed = report.numFailedTests + broken.length
  return {
    passed: report.numPassedTests,
    // An error outside of a test makes the runner fail without a test that did.
    failed: status === 0 ? failed : Math.max(failed, 1),
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

/** @param {string} file */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * @param {{passed: number, failed: number, skipped: number}} counts
 * @param {number} status
 */
function end({ passed, failed, skipped }, status) {
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
  return status === 0 && failed > 0 ? 1 : status
}
