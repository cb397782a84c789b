import type { Histogram, StoreStats } from '../db/store.ts'
import type { CacheStats } from '../server/cache.ts'
import type { ProviderPool } from '../server/record-models.ts'

/** The answer of `GET /api/v1/pools`. */
export interface PoolFigures extends StoreStats {
  http: ProviderPool[]
  caches: CacheStats[]
}

/** What the pools and caches do, a line each, for a person. */
export function poolLines({ writer, readers, caches, http }: PoolFigures): string[] {
  return [
    `  writer   ${writer.commands} commands in ${writer.commits} commits${perCommit(writer.commandsPerCommit)}, ${writer.waiting} waiting${trouble(
      { refused: writer.refused, 'failed commits': writer.failedCommits },
    )}`,
    `           commit ${mean(writer.commitMs)}, wait ${mean(writer.waitMs)}`,
    `  readers  ${readers.busy} of ${readers.size} busy, ${readers.waiting} waiting, ${readers.runs} reads${trouble({
      refused: readers.refused,
      'timed out': readers.timeouts,
      cancelled: readers.cancelled,
      crashed: readers.crashes,
      stuck: readers.stuck,
    })}`,
    `           read ${mean(readers.runMs)}, wait ${mean(readers.waitMs)}`,
    ...caches.map(
      ({ name, hits, misses, evictions, size, max }) =>
        `  cache    ${name}: ${share(hits, hits + misses)} of ${hits + misses} reads, holds ${size} of ${max}${trouble({ evicted: evictions })}`,
    ),
    ...http.map(
      ({ provider, origin, connected, free, running, pending }) =>
        `  sockets  ${provider} (${origin}): ${connected} open, ${free} free, ${running} calls running, ${pending} waiting`,
    ),
  ]
}

/** What is only worth a word if it happened. */
function trouble(counts: Record<string, number>): string {
  const happened = Object.entries(counts).filter(([, count]) => count > 0)
  return happened.map(([what, count]) => `, ${count} ${what}`).join('')
}

function perCommit({ count, sum, max }: Histogram): string {
  return count === 0 ? '' : ` (${(sum / count).toFixed(1)} each, ${max} at most)`
}

function mean({ count, sum, max }: Histogram): string {
  return count === 0 ? 'not yet' : `${duration(sum / count)} (${duration(max)} at most)`
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

function share(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${((100 * part) / whole).toFixed(1)} %`
}
