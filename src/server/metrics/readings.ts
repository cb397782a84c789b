import type { Histogram } from '../../db/histogram.ts'
import type { StoreStats } from '../../db/store.ts'
import { protocolVersion } from '../../protocol/version.ts'
import type { Registry } from '../connections.ts'
import type { App, BudgetLine } from '../record.ts'
import type { ProviderPool } from '../record-models.ts'
import type { DiskFigures } from './disk.ts'
import type { ScrapedName } from './table.ts'
import type { Series } from './tally.ts'

/** What the metrics that are read at a scrape are read from, of one moment. */
export interface Figures {
  app: App
  registry: Pick<Registry, 'count' | 'size' | 'unauthenticated' | 'unsent'>
  runsWaiting: number
  /** Undefined if the store cannot be asked. */
  counts: { sessions: number; activeSessions: number; totalMessages: number } | undefined
  /** Those of the whole gateway; undefined if the store cannot be asked. */
  budgets: readonly BudgetLine[] | undefined
  store: StoreStats
  pools: readonly ProviderPool[]
  unsent: { bytes: number; maxBytes: number }
  disk: DiskFigures
}

/** One value, a value for each set of labels, or undefined where it is not known now: then there is no series. */
export type Reading = number | undefined | readonly Series<number>[] | Histogram

/** How each of them is read. */
export const readings: { [N in ScrapedName]: (figures: Figures) => Reading } = {
  talon_build_info: ({ app }) => [one(1, app.version, process.version, protocolVersion)],
  talon_gateway_uptime_seconds: ({ app }) => Math.max(0, app.clock.now() - app.lifecycle.startedAt) / 1_000,
  talon_gateway_draining: ({ app }) => Number(app.lifecycle.draining()),
  talon_sandbox_info: ({ app }) => [one(1, app.sandbox.level)],
  talon_approvals_waiting: ({ app }) => app.approvals.open().length,
  talon_limit_refusals_total: ({ app }) =>
    Object.entries(app.limits.stats().refused).map(([limit, refused]) => one(refused, limit)),
  talon_limit_keys: ({ app }) => app.limits.stats().keys,

  talon_sessions: ({ counts }) =>
    counts && [one(counts.activeSessions, 'active'), one(counts.sessions - counts.activeSessions, 'resting')],
  talon_sessions_active: ({ counts }) => counts?.activeSessions,
  talon_messages: ({ counts }) => counts?.totalMessages,

  talon_requests_waiting: ({ app }) => app.limits.lanes.waiting(),
  talon_websocket_connections: ({ registry }) => {
    const strangers = registry.unauthenticated()
    return [one(Math.max(0, registry.count() - strangers), 'signed_in'), one(strangers, 'unauthenticated')]
  },
  talon_event_streams: ({ registry }) => registry.size() - registry.count(),
  talon_unsent_bytes: ({ unsent }) => unsent.bytes,
  talon_unsent_bytes_max: ({ unsent }) => unsent.maxBytes,

  talon_runs_active: ({ app }) => app.runs.count(),
  talon_runs_waiting: ({ runsWaiting }) => runsWaiting,
  talon_budget_refusals_total: ({ app }) =>
    Object.entries(app.budgets.stats().refused).map(([budget, refused]) => one(refused, budget)),
  talon_budget_used_ratio: ({ budgets }) => budgets?.map(({ name, spent, limit }) => one(spent / limit, name)),
  talon_provider_sockets: ({ pools }) =>
    ofProviders(pools, ({ connected, free }) => ({ connected, free: Math.min(free, connected) })),
  talon_provider_requests: ({ pools }) => ofProviders(pools, ({ running, queued }) => ({ running, queued })),

  talon_schedules: ({ app }) => {
    const { active, paused, ended } = app.schedules.stats()
    return [one(active, 'active'), one(paused, 'paused'), one(ended, 'ended')]
  },
  talon_schedule_due_total: ({ app }) => app.schedules.stats().sent,
  talon_schedule_missed_total: ({ app }) => app.schedules.stats().missed,
  talon_schedule_failed_total: ({ app }) => app.schedules.stats().failed,
  talon_schedules_overdue: ({ app }) => app.schedules.stats().overdue.length,

  talon_store_commits_total: ({ store }) => store.writer.commits,
  talon_store_commits_failed_total: ({ store }) => store.writer.failedCommits,
  talon_store_commands_total: ({ store }) => store.writer.commands,
  talon_store_commands_refused_total: ({ store }) => store.writer.refused,
  talon_store_commands_waiting: ({ store }) => store.writer.waiting,
  talon_store_waiting_chars: ({ store }) => store.writer.waitingChars,
  talon_store_commit_seconds: ({ store }) => store.writer.commitMs,
  talon_store_command_wait_seconds: ({ store }) => store.writer.waitMs,
  talon_store_commit_commands: ({ store }) => store.writer.commandsPerCommit,
  talon_store_readers: ({ store: { readers } }) => [
    one(readers.busy, 'busy'),
    one(readers.idle, 'idle'),
    one(readers.stuck, 'stuck'),
  ],
  talon_store_readers_max: ({ store }) => store.readers.size,
  talon_store_reads_waiting: ({ store }) => store.readers.waiting,
  talon_store_oldest_read_seconds: ({ store }) => store.readers.oldestMs / 1_000,
  talon_store_reads_total: ({ store: { readers } }) => [
    one(readers.runs, 'answered'),
    one(readers.timeouts, 'timeout'),
    one(readers.cancelled, 'cancelled'),
    one(readers.refused, 'refused'),
  ],
  talon_store_reader_crashes_total: ({ store }) => store.readers.crashes,
  talon_store_read_wait_seconds: ({ store }) => store.readers.waitMs,
  talon_store_read_seconds: ({ store }) => store.readers.runMs,
  talon_storage_problems: ({ app }) => app.lifecycle.problems().length,
  talon_database_bytes: ({ disk }) => disk.databaseBytes,
  // SQLite removes an empty one.
  talon_database_wal_bytes: ({ disk }) => (disk.databaseBytes === undefined ? undefined : (disk.walBytes ?? 0)),
  talon_disk_free_bytes: ({ disk }) => disk.freeBytes,
  talon_disk_size_bytes: ({ disk }) => disk.sizeBytes,
  talon_backups: ({ disk }) => disk.backups,
  talon_backup_age_seconds: ({ disk, app }) =>
    disk.newestBackupAt === undefined ? undefined : Math.max(0, app.clock.now() - disk.newestBackupAt) / 1_000,
  talon_backup_ok: ({ app }) => {
    const last = app.backups.last()
    return last && Number(last.ok)
  },

  talon_cache_hits_total: ({ app }) => app.caches.stats().map(({ name, hits }) => one(hits, name)),
  talon_cache_misses_total: ({ app }) => app.caches.stats().map(({ name, misses }) => one(misses, name)),
  talon_cache_evictions_total: ({ app }) => app.caches.stats().map(({ name, evictions }) => one(evictions, name)),
  talon_cache_entries: ({ app }) => app.caches.stats().map(({ name, size }) => one(size, name)),
  talon_cache_entries_max: ({ app }) => app.caches.stats().map(({ name, max }) => one(max, name)),

  talon_log_lines_total: ({ app }) => Object.entries(app.logs.stats().lines).map(([level, lines]) => one(lines, level)),
  talon_log_lines_lost_total: ({ app }) => app.logs.stats().lost,
  talon_trace_spans_total: ({ app }) => {
    const { delivered, dropped } = app.tracing.stats()
    return [one(delivered, 'delivered'), one(dropped, 'dropped')]
  },
  talon_trace_spans_queued: ({ app }) => app.tracing.stats().queued,
}

function one(value: number, ...labels: string[]): Series<number> {
  return { value, labels }
}

/** By provider and state; the figures of several origins of one provider are added up. */
function ofProviders(
  pools: readonly ProviderPool[],
  states: (pool: ProviderPool) => Record<string, number>,
): Series<number>[] {
  const sums = new Map<string, Series<number>>()
  for (const pool of pools) {
    for (const [state, value] of Object.entries(states(pool))) {
      const key = `${pool.provider} ${state}`
      const sum = sums.get(key) ?? one(0, pool.provider, state)
      sums.set(key, { ...sum, value: sum.value + value })
    }
  }
  return [...sums.values()]
}
