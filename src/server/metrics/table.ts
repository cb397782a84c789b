import { counter, gauge, histogram, type MetricRow, requestBoundsMs } from './row.ts'

/**
 * Every metric of the gateway; those of its process (`process_*`, `nodejs_*`) come from prom-client beside them. What is
 * counted, what `/metrics` says and docs/metrics.md derive from this table. No label ever holds what a caller chose.
 */
export const metricSections = {
  gateway: {
    talon_build_info: gauge('Always 1; its labels say what runs.', ['version', 'node', 'protocol']),
    talon_gateway_uptime_seconds: gauge('Seconds since the start.'),
    talon_gateway_draining: gauge('1 while the gateway shuts down.'),
    talon_sandbox_info: gauge('Always 1; its label says how far commands of tools are shut in.', ['level']),
    talon_sign_in_failures_total: counter('signIn', 'Tokens, cookies and codes that were not valid.'),
    talon_limit_refusals_total: counter('scraped', 'Requests, frames and connections that a limit refused.', ['limit']),
    talon_limit_keys: gauge('Callers and addresses that limits keep a count of, of all limits.'),
    talon_errors_total: counter('request', 'Errors that callers were answered with, by their code.', ['code']),
  },
  sessions: {
    talon_sessions_total: counter('commit', 'Sessions that were created, forks and imports among them.'),
    talon_sessions: gauge('Sessions that there are: active (a run of it waits or works) or resting.', ['state']),
    talon_sessions_active: gauge('Sessions of which a run waits or works.'),
    talon_messages_total: counter('commit', 'Messages that were stored, by who speaks.', ['role']),
    talon_messages: gauge('Messages that there are.'),
  },
  requests: {
    talon_http_requests_total: counter(
      'http',
      'Requests over HTTP that were answered, by the pattern of their route.',
      ['method', 'route', 'status', 'ok'],
    ),
    talon_http_request_duration_seconds: histogram(
      'http',
      'Time until the headers of an answer, by the pattern of the route.',
      ['method', 'route'],
      [5, 25, 100, 500, 2_500, 10_000],
    ),
    talon_request_duration_seconds: histogram(
      'request',
      'Time from a request of the protocol to its answer, over WebSocket or REST.',
      ['type'],
      requestBoundsMs,
    ),
  },
  connections: {
    talon_requests_waiting: gauge('Requests over WebSocket that wait for the turn of their connection.'),
    talon_websocket_connections_total: counter('socket', 'WebSocket connections that were opened.'),
    talon_websocket_connections: gauge('Open WebSocket connections, by whether they have signed in.', ['state']),
    talon_event_streams: gauge('Open streams of Server-Sent Events.'),
    talon_websocket_messages_total: counter('socket', 'Frames by direction (in, out) and type.', ['direction', 'type']),
    talon_websocket_bytes_total: counter('socket', 'Bytes of the text of these frames.', ['direction', 'type']),
    talon_websocket_closes_total: counter('socket', 'Connections that ended, by their close code.', ['code']),
    talon_websocket_resumes_total: counter(
      'socket',
      'Sessions that a client went on with: resumed, reset (its place was gone) or failed.',
      ['outcome'],
    ),
    talon_websocket_legacy_messages_total: counter('socket', 'Frames of clients of Talon v0.3.'),
    talon_slow_consumers_total: counter('socket', 'Connections that were cut because they took too little.'),
    talon_unsent_bytes: gauge('Bytes that wait to be sent, of all connections together.'),
    talon_unsent_bytes_max: gauge('Bytes that wait to be sent on the connection with the most.'),
  },
  agent: {
    talon_runs_active: gauge('Runs that work.'),
    talon_runs_waiting: gauge('Sessions that wait for a free place, in memory (agent.maxRuns).'),
    talon_runs_total: counter('commit', 'Runs that ended, by how.', ['state']),
    talon_run_duration_seconds: histogram('commit', 'Time of a run from its start to its end.', ['state']),
    talon_run_wait_seconds: histogram('commit', 'Time from a message to the start of its run.'),
    talon_provider_first_token_seconds: histogram(
      'provider',
      'Time from a call of a model to the first that it says.',
      ['provider', 'model'],
    ),
    talon_provider_duration_seconds: histogram('provider', 'Time of a call of a model that was answered to its end.', [
      'provider',
      'model',
    ]),
    talon_provider_calls_total: counter('provider', 'Calls of a model, by outcome (ok, or the code of the error).', [
      'provider',
      'model',
      'outcome',
    ]),
    talon_provider_errors_total: counter('provider', 'Calls that a provider failed, by the code of the error.', [
      'provider',
      'model',
      'code',
    ]),
    talon_tokens_total: counter('provider', 'Tokens as providers counted them, by direction (input, output).', [
      'provider',
      'model',
      'direction',
    ]),
    talon_cost_usd_total: counter('provider', 'What calls of models cost in USD, at the prices that are known.', [
      'provider',
      'model',
    ]),
    talon_unpriced_calls_total: counter('provider', 'Calls of models whose price is not known.', ['provider', 'model']),
    talon_budget_refusals_total: counter('scraped', 'Calls of models and runs of tools that a budget refused.', [
      'budget',
    ]),
    talon_budget_used_ratio: gauge(
      'Part of each daily budget of the gateway that is spent; absent where none is set.',
      ['budget'],
    ),
    talon_provider_sockets: gauge('Open sockets to a provider; free is a part of connected.', ['provider', 'state']),
    talon_provider_requests: gauge('Requests to a provider: running, or queued for a free socket.', [
      'provider',
      'state',
    ]),
  },
  tools: {
    talon_tools_executed_total: counter(
      'tool',
      'Runs of tools, by outcome (ok, or the code of the error). A repeated request is none.',
      ['tool', 'outcome'],
    ),
    talon_approvals_waiting: gauge('Calls of tools that wait for a person.'),
    talon_approvals_total: counter(
      'tool',
      'Calls of tools that waited for a person, by how that ended: allowed, denied, expired (which denies) or withdrawn.',
      ['outcome'],
    ),
    talon_tool_duration_seconds: histogram('tool', 'Time of a run of a tool.', ['tool', 'outcome']),
  },
  schedules: {
    talon_schedules: gauge('Schedules: active (they will come), paused, or ended.', ['state']),
    talon_schedule_due_total: counter('scraped', 'Messages that schedules sent.'),
    talon_schedule_missed_total: counter('scraped', 'Times of schedules that no run followed.'),
    talon_schedule_failed_total: counter('scraped', 'Runs of schedules that failed.'),
    talon_schedules_overdue: gauge('Schedules whose time is over and that had no turn yet.'),
  },
  storage: {
    talon_store_commits_total: counter('scraped', 'Transactions that were committed.'),
    talon_store_commits_failed_total: counter('scraped', 'Transactions that failed as a whole.'),
    talon_store_commands_total: counter('scraped', 'Commands that the writer answered.'),
    talon_store_commands_refused_total: counter('scraped', 'Commands that were refused because too many waited.'),
    talon_store_commands_waiting: gauge('Commands that wait for their commit.'),
    talon_store_waiting_chars: gauge('Text that these commands carry, in UTF-16 units.'),
    talon_store_commit_seconds: histogram('scraped', 'Time of a transaction: its commands and the sync of the disk.'),
    talon_store_command_wait_seconds: histogram('scraped', 'Time from giving a command to its being durable.'),
    talon_store_commit_commands: histogram('scraped', 'Commands that shared a transaction.'),
    talon_store_readers: gauge('Threads for searches and sums: busy, idle or stuck.', ['state']),
    talon_store_readers_max: gauge('Such threads that there may be.'),
    talon_store_reads_waiting: gauge('Searches and sums that wait for a thread.'),
    talon_store_oldest_read_seconds: gauge('Age of the oldest of them that runs, 0 if none does.'),
    talon_store_reads_total: counter('scraped', 'Searches and sums, by outcome.', ['outcome']),
    talon_store_reader_crashes_total: counter('scraped', 'Threads that ended by themselves.'),
    talon_store_read_wait_seconds: histogram('scraped', 'Time from asking for a search or sum to its start.'),
    talon_store_read_seconds: histogram('scraped', 'Time of a search or sum.'),
    talon_storage_problems: gauge('Reasons why nothing new can be stored now.'),
    talon_database_bytes: gauge('Size of the database file.'),
    talon_database_wal_bytes: gauge('Size of its write-ahead log.'),
    talon_disk_free_bytes: gauge('Free space on the disk of the data folder, for this account.'),
    talon_disk_size_bytes: gauge('Size of that disk.'),
    talon_backups: gauge('Backups in the data folder.'),
    talon_backup_age_seconds: gauge('Age of the newest of them; absent if there is none.'),
    talon_backup_ok: gauge('1 if the last try to make a backup went well; absent if there was none.'),
  },
  caches: {
    talon_cache_hits_total: counter('scraped', 'Reads that a cache answered.', ['cache']),
    talon_cache_misses_total: counter('scraped', 'Reads that it did not answer.', ['cache']),
    talon_cache_evictions_total: counter('scraped', 'Values that had to go because it was full.', ['cache']),
    talon_cache_entries: gauge('Values that it holds.', ['cache']),
    talon_cache_entries_max: gauge('Values that it holds at most.', ['cache']),
  },
  logs: {
    talon_log_lines_total: counter('scraped', 'Lines of the log, by level.', ['level']),
    talon_log_lines_lost_total: counter('scraped', 'Lines that standard output or the file did not take in time.'),
    talon_trace_spans_total: counter('scraped', 'Spans for the collector of traces: delivered or dropped.', [
      'outcome',
    ]),
    talon_trace_spans_queued: gauge('Spans that wait for their delivery.'),
  },
} as const satisfies Record<string, Record<`talon_${string}`, MetricRow>>

type Sections = typeof metricSections
type Table = Sections['gateway'] &
  Sections['sessions'] &
  Sections['requests'] &
  Sections['connections'] &
  Sections['agent'] &
  Sections['tools'] &
  Sections['schedules'] &
  Sections['storage'] &
  Sections['caches'] &
  Sections['logs']

/** All of them by name. */
export const metricTable: Table = Object.assign({}, ...Object.values(metricSections))

/** @hono/prometheus counts it. */
export const countedByPackage = 'talon_http_requests_total'

export type MetricName = keyof Table
type NamesFrom<From> = { [N in MetricName]: Table[N]['from'] extends From ? N : never }[MetricName]
type NamesOf<Type, Names extends MetricName> = { [N in Names]: Table[N]['type'] extends Type ? N : never }[Names]

/** What is counted where it happens. */
export type CountedName = Exclude<MetricName, NamesFrom<'scraped'> | typeof countedByPackage>
export type CounterName = NamesOf<'counter', CountedName>
export type HistogramName = NamesOf<'histogram', CountedName>
/** What is read at the scrape. */
export type ScrapedName = NamesFrom<'scraped'>
/** A value for each label of a metric, in the order of the table. */
export type LabelValues<N extends MetricName> = Texts<Table[N]['labels']>
/** As many of them. */
type Texts<Labels extends readonly string[]> = { -readonly [I in keyof Labels]: string }
