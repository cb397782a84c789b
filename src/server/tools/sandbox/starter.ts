import { closeSync, openSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { TalonError } from '../../../protocol/errors.ts'
import { type ChildInput, type ChildResult, runChild } from '../child.ts'
import { markedTree } from '../processTree.ts'
import { createSlots } from '../slots.ts'
import type { CommandLimits } from './limits.ts'
import { namespaceTree } from './namespace.ts'
import type { Plan } from './plan.ts'
import type { Command } from './sandbox.ts'
import type { Watch } from './watch.ts'

/** Starts what was planned, and knows what runs. */
export interface Starter {
  /** @throws TalonError `DRAINING` once it is closed */
  refuseIfClosed(): void
  run(plan: Plan, command: Omit<Command, 'argv' | 'cwd'>, limits: CommandLimits): Promise<ChildResult>
  /** Ends everything, and resolves when none is left. */
  close(): Promise<void>
}

/**
 * Commands that are being started. A start holds the gateway up until the kernel has loaded the program, the longer
 * the more of them there are.
 */
const maxStarting = 1
/** As long as any tool may take. */
const maxStartWaitMs = 600_000

export function createStarter(watch: Watch): Starter {
  // Bounded by the slots of tools and by the processes that sessions may leave running.
  const running = new Map<Promise<ChildResult>, AbortController>()
  let closed = false
  const starts = createSlots(() => maxStarting, Number.POSITIVE_INFINITY)
  const refuseIfClosed = () => {
    if (closed) throw new TalonError('DRAINING', 'The gateway stops, and starts no more commands.')
  }
  return {
    refuseIfClosed,
    async run(plan, command, limits) {
      const up = await starts.acquire(command.signal, maxStartWaitMs)
      await setImmediate() // What else there is to do comes first.
      try {
        refuseIfClosed()
        const stop = new AbortController()
        const signal = AbortSignal.any([command.signal, stop.signal])
        const ended = start({ ...command, signal }, plan, limits, watch, up)
        running.set(ended, stop)
        return await ended.finally(() => running.delete(ended))
      } finally {
        up()
      }
    },
    async close() {
      closed = true
      for (const stop of running.values()) stop.abort(new TalonError('CANCELLED', 'The gateway stops.'))
      await Promise.allSettled(running.keys())
    },
  }
}

async function start(
  command: Omit<Command, 'argv' | 'cwd'>,
  { argv, cwd, env, walls }: Plan,
  limits: CommandLimits,
  watch: Watch,
  onUp: () => void,
): Promise<ChildResult> {
  const [program, ...args] = argv
  let leave = () => {}
  const input: ChildInput = { ...command, command: program, args, cwd, env }
  const watched = (first: () => Promise<number | undefined>): Pick<ChildInput, 'onStart'> => ({
    onStart(_started, halt) {
      leave = watch.add({ first, limits, halt })
      void first().then(onUp)
    },
  })
  try {
    if (!walls) return await runChild(inTheOpen(input, watched))
    return await behindWalls(input, walls.filter, watched)
  } finally {
    leave()
  }
}

type Watched = (first: () => Promise<number | undefined>) => Pick<ChildInput, 'onStart'>

function inTheOpen(input: ChildInput, watched: Watched): ChildInput {
  let pid: number | undefined
  return {
    ...input,
    treeOf(started) {
      pid = started.pid
      return markedTree(started)
    },
    ...watched(async () => pid),
  }
}

function behindWalls(input: ChildInput, filter: string, watched: Watched): Promise<ChildResult> {
  let first: () => Promise<number | undefined> = async () => undefined
  const descriptor = openSync(filter, 'r')
  try {
    // It has its own copy of the descriptor once this call returns.
    return runChild({
      ...input,
      descriptor,
      treeOf(started) {
        const tree = namespaceTree(started)
        first = tree.first
        return tree
      },
      ...watched(() => first()),
    })
  } finally {
    closeSync(descriptor)
  }
}
