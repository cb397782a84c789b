import type { JSX } from 'preact'
import { Time } from '../../islands/parts/Time.tsx'
import { RunDetails, type RunWithOutput } from '../../islands/tools/RunDetails.tsx'
import { outcomeWord } from '../../islands/tools/words.ts'
import { TalonError } from '../../protocol/errors.ts'
import type { PageContext } from './page.ts'

/** The run that the address names, with what it said. One that is gone is as good as none. */
export async function namedRun({ ask, query }: PageContext): Promise<RunWithOutput | undefined> {
  const invocationId = query('run')
  if (invocationId === undefined) return undefined
  try {
    return await ask('tools.run', { invocationId })
  } catch (error) {
    if (error instanceof TalonError) return undefined
    throw error
  }
}

/** One run by itself, for whoever followed a link to it. */
export function RunSection(input: {
  known: RunWithOutput
  names: Readonly<Record<string, string>>
  now: number
}): JSX.Element {
  const { known, names, now } = input
  const { run } = known
  const { word, tone } = outcomeWord(run)
  return (
    <section class="card mb-6 flex flex-col gap-4 p-5" aria-labelledby="run">
      <div class="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h2 id="run">
          A run of <span class="font-mono break-all">{run.toolName}</span>
        </h2>
        <span class="flex items-center gap-2 text-sm">
          <span class={`dot dot-${tone}`} aria-hidden="true" />
          {word}
        </span>
        <span class="text-sm text-muted">
          <Time at={run.startedAt} now={now} />
        </span>
      </div>
      <RunDetails known={known} names={names} />
    </section>
  )
}
