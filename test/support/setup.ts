import type { TestProject } from 'vitest/node'
import { installBrowser } from './browser.ts'
import { buildThreads, removeThreads } from './threads.ts'

/** Runs once before all tests, because their files run side by side and a package can be installed by one only. */
export default function setup(project: TestProject): () => void {
  installBrowser()
  buildThreads()
  // Where tests run again by themselves, whenever a source changes.
  project.onTestsRerun(async () => buildThreads())
  return removeThreads
}
