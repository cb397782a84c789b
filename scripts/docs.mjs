import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generatedPages } from './docs/generated.ts'

const root = join(import.meta.dirname, '..')
const stale = [...(await generatedPages())].filter(([path, text]) => textOf(path) !== text)

// With --check nothing is written: a page that is stale is named, and the exit code is 1.
if (process.argv.includes('--check')) {
  for (const [path] of stale) process.stderr.write(`${path} is stale. Run: npm run docs\n`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const [path, text] of stale) write(path, text)
  if (stale.length === 0) process.stdout.write('The docs are up to date.\n')
}

/**
 * @param {string} path
 * @param {string} text
 */
function write(path, text) {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
  process.stdout.write(`Wrote ${path}.\n`)
}

/** @param {string} path */
function textOf(path) {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}
