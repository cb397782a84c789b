import { defineConfig } from 'vitest/config'
import { builtThreads } from './test/support/threads.ts'

export default defineConfig({
  plugins: [builtThreads()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    globalSetup: ['test/support/setup.ts'],
    pool: 'forks',
    // Most tests wait for a disk, a child or a timer: one file per core, not one less.
    maxWorkers: '100%',
    // Node strips types with WebAssembly. V8 now and then aborts when a thread ends that had made faster wrappers for it.
    execArgv: ['--wasm-wrapper-tiering-budget=1000000000'],
    // A machine of others may take the processor away for seconds. The run names what passed at its second try only.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
