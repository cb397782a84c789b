import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { fingerprint, isFresh, writeStamp } from './freshness.mjs'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const lockFile = join(dist, '.lock')
const sides = ['client', 'server']
const lockWaitMs = 120_000
const lockPollMs = 100
// EX_UNAVAILABLE of sysexits.h: bin/launch.mjs tells by it that the sources are not at fault.
const cannotBuild = 69

const force = process.argv.includes('--force')
process.exitCode = await main()

/** Builds `dist/` if the sources changed since the last time (always with --force). */
async function main() {
  if (!force && isFresh(root)) return say('dist/ is up to date.', 0)
  const vite = await import('vite').catch(() => undefined)
  if (!vite)
    return say('Talon has to be built first, and the packages for that are not installed. Run: npm ci', cannotBuild)
  try {
    mkdirSync(dist, { recursive: true })
    await lock()
  } catch (error) {
    return say(`dist/ cannot be written: ${error.message}.`, cannotBuild)
  }
  try {
    // Whoever held the lock may have built just this.
    return !force && isFresh(root) ? 0 : await build(vite)
  } finally {
    rmSync(lockFile, { force: true })
  }
}

/** @param {typeof import('vite')} vite */
async function build(vite) {
  const startedAt = performance.now()
  const print = fingerprint(root)
  const fresh = side => join(dist, `${side}.new-${process.pid}`)
  try {
    await bundle(vite, fresh)
  } catch (error) {
    for (const side of sides) rmSync(fresh(side), { recursive: true, force: true })
    const reason = process.stderr.isTTY ? error.message : stripVTControlCharacters(error.message)
    return say(`The build failed. ${reason}`, 1)
  }
  // A whole new folder takes the place of the old one, so that no program ever starts from half of a build.
  for (const side of sides) {
    rmSync(join(dist, side), { recursive: true, force: true })
    renameSync(fresh(side), join(dist, side))
  }
  // Compiled code of the old build, see bin/launch.mjs.
  rmSync(join(dist, '.cache'), { recursive: true, force: true })
  writeStamp(root, print)
  return say(`Built dist/ in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`, 0)
}

/**
 * The browser's side first: its manifest is what the server's side may read.
 * @param {typeof import('vite')} vite
 * @param {(side: string) => string} folder
 */
async function bundle(vite, folder) {
  const quiet = { root, logLevel: 'warn', clearScreen: false }
  const builder = await vite.createBuilder({
    ...quiet,
    environments: {
      client: { build: { outDir: folder('client'), emptyOutDir: true } },
      ssr: { build: { outDir: folder('server'), emptyOutDir: true, reportCompressedSize: false } },
    },
  })
  await builder.build(builder.environments.client)
  await builder.build(builder.environments.ssr)
  await vite.build({
    ...quiet,
    configFile: false,
    publicDir: false,
    build: {
      outDir: folder('client'),
      emptyOutDir: false,
      lib: { entry: join(root, 'src', 'client', 'index.ts'), formats: ['es'], fileName: () => 'talon-client.js' },
    },
  })
}

/** One build at a time: several commands may start at once after a change. */
async function lock() {
  const endsAt = performance.now() + lockWaitMs
  // A link appears with its content, so that nobody reads a lock that does not say yet whose it is.
  const mine = `${lockFile}-${process.pid}`
  for (;;) {
    writeFileSync(mine, String(process.pid))
    try {
      return linkSync(mine, lockFile)
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    } finally {
      rmSync(mine, { force: true })
    }
    if (!lives(holder())) rmSync(lockFile, { force: true })
    else if (performance.now() > endsAt) throw new Error(`another build holds ${lockFile}`)
    else await setTimeout(lockPollMs)
  }
}

/** Process that builds, or 0. */
function holder() {
  return existsSync(lockFile) ? Number(readFileSync(lockFile, 'utf8')) : 0
}

/** @param {number} pid */
function lives(pid) {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/**
 * @param {string} line
 * @param {number} exitCode
 */
function say(line, exitCode) {
  process.stderr.write(`${line}\n`)
  return exitCode
}
