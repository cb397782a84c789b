import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** After the end of a start: what comes with it, such as a look at the sandbox, is over too. */
const settledAfterMs = 1_000

type Collect = (options: { type: 'major'; execution: 'async'; flavor: 'last-resort' }) => Promise<void>

/**
 * Gives the memory back that only a start needed, a tenth of what an idle gateway holds: V8 keeps it for as long as there
 * is nothing to do. It is one collection of about a twentieth of a second.
 */
export function giveBackSoon(): void {
  setTimeout(giveBack, settledAfterMs).unref()
}

function giveBack(): void {
  // There is no other way to ask for it than this function, which is in contexts that are made while the flag is set.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  void collect({ type: 'major', execution: 'async', flavor: 'last-resort' })
}
