import type { ChildResult } from '../child.ts'
import { containerHere } from './container.ts'
import type { Machine } from './machine.ts'
import { type Ground, type Plan, planOf } from './plan.ts'
import { type Findings, faultOf, limitProbe, wallProbe } from './probe.ts'
import type { SandboxLevel } from './sandbox.ts'

const advice = 'docs/sandbox.md says what it needs'

/** Finds out what works on this machine by running it. `run` starts a plan and resolves with what it said. */
export async function findingsOn(
  machine: Machine,
  ground: Ground,
  run: (plan: Plan) => Promise<ChildResult>,
): Promise<Findings> {
  const numbers = [`${ground.limits.memoryBytes}`, `${ground.limits.fileBytes}`]
  const tryOnce = async (level: SandboxLevel, script: string): Promise<string | undefined> => {
    const argv = ['/bin/sh', '-c', script, 'sh', ground.home, ...numbers] as const
    try {
      return faultOf(await run(await planOf(level, machine, ground, { argv, cwd: ground.workspace })))
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  // What is found here counts until the next start, so that a machine which was too busy once gets a second chance.
  const tryAt = async (level: SandboxLevel, script: string) =>
    (await tryOnce(level, script)) && (await tryOnce(level, script))
  const walls =
    typeof machine.walls === 'string' ? machine.walls : explain(await tryAt('full', `${wallProbe}\n${limitProbe}`))
  const limits =
    machine.prlimit === undefined ? 'Without prlimit there are no limits.' : await tryAt('limits', limitProbe)
  return { bubblewrap: walls, limits, container: containerHere() }
}

function explain(fault: string | undefined): string | undefined {
  return fault && `bubblewrap is installed and does not work here: ${fault}. ${advice}.`
}
