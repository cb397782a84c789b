import { walled } from '../server/tools/sandbox/walled.ts'

/**
 * Why tests do without a full sandbox here, for `describe.skipIf`; undefined if there is one. With `CI` set its absence
 * is an error.
 */
export async function whyNoSandbox(): Promise<string | undefined> {
  await using bench = await walled()
  const { level, reason } = bench.sandbox
  if (level === 'full') return undefined
  if (process.env['CI']) throw new Error(`The tests of the sandbox must run here, and its level is ${level}: ${reason}`)
  console.warn(`Tests of the sandbox are skipped, its level is ${level}: ${reason}`)
  return reason
}
