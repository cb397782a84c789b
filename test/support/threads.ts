import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin } from 'vite'

const root = join(import.meta.dirname, '..', '..')
const packages = join(root, 'node_modules')
/** A copy for this run, where the packages are found: `dist/` may be built anew meanwhile. */
const folder = join(packages, `.talon-threads-${process.pid}`)
/** Which file a thread begins with, in its two forms: beside sources and beside what was built. */
const threadEntry = /import\.meta\.url\.endsWith\('\.ts'\) \? '\.\/([\w-]+)\.ts' : '\.\/\1\.js'/

/**
 * Lets threads run what was built, as they do for users. From sources it takes Node a quarter of a second to strip types at
 * each start of a gateway, of which the tests make more than a thousand.
 */
export function builtThreads(): Plugin {
  return {
    name: 'built-threads',
    // Before types are stripped, which rewrites the line.
    enforce: 'pre',
    transform(code) {
      // Found out when it runs: what was transformed is kept for the next run.
      return threadEntry.test(code) ? code.replace(threadEntry, "process.env.BUILT_THREADS + '/$1.js'") : undefined
    },
  }
}

/** Builds the program, if the sources changed, and copies what threads run. @throws Error with what the build said */
export function buildThreads(): void {
  const build = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { encoding: 'utf8' })
  if (build.status !== 0) throw new Error(`The build failed: ${build.stderr}`)
  removeThreads()
  process.env.BUILT_THREADS = pathToFileURL(folder).href
  cpSync(join(root, 'dist', 'server'), folder, { recursive: true, filter: path => !path.endsWith('.map') })
}

/**
 * The same where tests run again by themselves, which must not end with each file that is saved half written. Nothing runs
 * what was built before: threads cannot begin until the sources are right again.
 */
export function rebuildThreads(build = buildThreads): void {
  try {
    build()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    removeThreads()
    process.env.BUILT_THREADS = pathToFileURL(folder).href
  }
}

/** With the copies of runs that were ended before they could do that. */
export function removeThreads(): void {
  for (const name of readdirSync(packages)) {
    const pid = Number(/^\.talon-threads-(\d+)$/.exec(name)?.[1])
    if (pid === process.pid || (pid > 0 && !lives(pid))) remove(join(packages, name))
  }
}

function remove(copy: string): void {
  try {
    rmSync(copy, { recursive: true, force: true })
  } catch {
    // Another run removes it as well.
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
