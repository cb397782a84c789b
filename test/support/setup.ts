import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { installBrowser } from './browser.ts'
import { buildThreads, rebuildThreads, removeThreads } from './threads.ts'

/** Of Node: what is compiled, and what is left of sources without their types. Most programs that tests start do little else. */
const compileCache = join(import.meta.dirname, '..', '..', 'node_modules', '.compile-cache')

/** Runs once before all tests, because their files run side by side and a package can be installed by one only. */
export default function setup(project: TestProject): () => void {
  process.env.NODE_COMPILE_CACHE ??= compileCache
  installBrowser()
  buildThreads()
  // Where tests run again by themselves, whenever a source changes.
  project.onTestsRerun(async () => rebuildThreads())
  return removeThreads
}
