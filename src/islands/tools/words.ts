import type { ToolDecision } from '../../protocol/shapes.ts'

/** A word and a dot for each, so that neither the colour nor the word has to say it alone. */
export interface Shown {
  word: string
  tone: 'ok' | 'warn' | 'danger' | 'busy' | 'quiet'
}

/** What is decided about a tool before anybody calls it. */
export function decisionWord({ outcome, allowed }: Pick<ToolDecision, 'outcome' | 'allowed'>): Shown {
  if (outcome === 'ask' && !allowed) return { word: 'Asks first', tone: 'warn' }
  return allowed ? { word: 'Allowed', tone: 'ok' } : { word: 'Denied', tone: 'danger' }
}

/** How a run of a tool ended. */
export function outcomeWord(run: {
  success: boolean | null
  dryRun: boolean
  code: string | null
  decision: Pick<ToolDecision, 'allowed'> | null
}): Shown {
  if (run.success === null) return { word: 'Running', tone: 'busy' }
  if (run.success) return { word: run.dryRun ? 'Dry run' : 'Done', tone: run.dryRun ? 'quiet' : 'ok' }
  if (run.decision?.allowed === false && run.code === 'FORBIDDEN') return { word: 'Refused', tone: 'warn' }
  return { word: run.code === 'CANCELLED' ? 'Cancelled' : 'Failed', tone: 'danger' }
}

/** A number of bytes for people. */
export function sizeOf(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`
  const [value, unit] = bytes < 1_048_576 ? [bytes / 1_024, 'KiB'] : [bytes / 1_048_576, 'MiB']
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}

/** The name of a token, or what is known of it. */
export function whoOf(tokenId: string | null, names: Readonly<Record<string, string>>): string {
  if (tokenId === null || tokenId === '') return 'the gateway itself'
  return Object.hasOwn(names, tokenId) ? (names[tokenId] ?? tokenId) : tokenId
}
