import type { Reporter, TestCase } from 'vitest/node'

/** Names the tests that passed only when they were tried again: each of them, or what it tests, has a fault. */
export default class SecondTries implements Reporter {
  readonly #names: string[] = []

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky) this.#names.push(`${test.module.relativeModuleId} > ${test.fullName}`)
  }

  onTestRunEnd(): void {
    if (this.#names.length > 0) console.log(`\nPassed only when tried again:\n  ${this.#names.join('\n  ')}`)
  }
}
