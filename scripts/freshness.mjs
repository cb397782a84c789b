import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'

// Everything that the build reads. JavaScript, because stripping types would cost each start 30 ms.
const inputs = ['src', 'migrations', 'package.json', 'package-lock.json', 'vite.config.ts', 'scripts/build.mjs']

/**
 * Whether `dist/` was built from the sources as they are now.
 * @param {string} root the checkout
 */
export function isFresh(root) {
  const stamp = stampFile(root)
  if (!existsSync(stamp) || !existsSync(join(root, 'dist', 'server', 'talon.js'))) return false
  return readFileSync(stamp, 'utf8') === fingerprint(root)
}

/**
 * Names, sizes and times of all inputs as one hash: a few milliseconds where their contents would take tens.
 * @param {string} root the checkout
 */
export function fingerprint(root) {
  const hash = createHash('sha256')
  for (const file of inputs.flatMap(input => filesOf(root, input)).sort()) {
    const { size, mtimeMs } = statSync(join(root, file))
    hash.update(`${file}\0${size}\0${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

/**
 * Notes that `dist/` was built from the sources that had this fingerprint.
 * @param {string} root the checkout
 * @param {string} print what `fingerprint` said before the build began
 */
export function writeStamp(root, print) {
  writeFileSync(stampFile(root), print)
}

/** @param {string} root */
function stampFile(root) {
  return join(root, 'dist', '.stamp')
}

/**
 * @param {string} root
 * @param {string} input
 * @returns {string[]}
 */
function filesOf(root, input) {
  const path = join(root, input)
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [input]
  const entries = readdirSync(path, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + sep.length))
}
