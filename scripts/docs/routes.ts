import type { RequestType } from '../../src/protocol/messages.ts'
import type { Scope } from '../../src/protocol/shapes.ts'

/** One route of REST as docs/protocol.md shows it; a test holds the table against the routes that are mounted. */
export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  scope: Scope | null
  /** The request of the WebSocket that it does the work of. */
  like?: RequestType
  answer: string
}

export const routes: readonly Route[] = [
  { method: 'GET', path: '/livez', scope: null, answer: '200 `{status: "ok"}` while the process lives' },
  { method: 'GET', path: '/healthz', scope: null, answer: 'the same as `/livez`' },
  {
    method: 'GET',
    path: '/readyz',
    scope: null,
    answer: '200 `{status, reasons}` after a durable write just now, else 503 with the reasons',
  },
  {
    method: 'GET',
    path: '/metrics',
    scope: 'metrics',
    answer: '200, the text format of Prometheus; without a token where `metrics.public` is set; see docs/metrics.md',
  },
  { method: 'GET', path: '/api/v1/status', scope: 'read', like: 'gateway.status', answer: '200' },
  {
    method: 'GET',
    path: '/api/v1/sessions',
    scope: 'read',
    like: 'session.list',
    answer:
      '200; `limit`, `cursor`, `channel`, `state`, `senderId`, `query`, `order`, `deleted=true` in the query string',
  },
  {
    method: 'POST',
    path: '/api/v1/sessions',
    scope: 'chat',
    like: 'session.create',
    answer: '201 `{session}` with `Location`; `senderId` and `channel` default to `api`',
  },
  { method: 'GET', path: '/api/v1/sessions/:id', scope: 'read', like: 'session.get', answer: '200 `{session}`' },
  { method: 'PATCH', path: '/api/v1/sessions/:id', scope: 'chat', like: 'session.update', answer: '200 `{session}`' },
  { method: 'DELETE', path: '/api/v1/sessions/:id', scope: 'chat', like: 'session.delete', answer: '204' },
  {
    method: 'POST',
    path: '/api/v1/sessions/:id/restore',
    scope: 'chat',
    like: 'session.restore',
    answer: '200 `{session}`',
  },
  { method: 'POST', path: '/api/v1/sessions/:id/reset', scope: 'chat', like: 'session.reset', answer: '200' },
  {
    method: 'POST',
    path: '/api/v1/sessions/:id/fork',
    scope: 'chat',
    like: 'session.fork',
    answer: '201 `{…, forkedFrom}` with `Location`, for `{atSeq, epoch?, title?}`',
  },
  { method: 'POST', path: '/api/v1/sessions/:id/cancel', scope: 'chat', like: 'session.cancel', answer: '200' },
  {
    method: 'GET',
    path: '/api/v1/sessions/:id/messages',
    scope: 'read',
    like: 'session.history',
    answer: '200; `epoch`, `after`, `before`, `limit` in the query string',
  },
  {
    method: 'POST',
    path: '/api/v1/sessions/:id/messages',
    scope: 'chat',
    like: 'session.send_message',
    answer: '202, after the commit',
  },
  { method: 'GET', path: '/api/v1/sessions/:id/events', scope: 'read', answer: '200, Server-Sent Events (below)' },
  {
    method: 'GET',
    path: '/api/v1/sessions/:id/export',
    scope: 'read',
    answer: '200, the session as a file: `format=json` (complete) or `md`, `epoch` for one alone; see docs/history.md',
  },
  {
    method: 'POST',
    path: '/api/v1/sessions/import',
    scope: 'chat',
    answer:
      '201 `{sessionId, messages, renamed}` with `Location`, for an exported session of up to 1 GiB as the body; each call makes a session, but for one that repeats `Idempotency-Key` and body (`duplicate: true`)',
  },
  {
    method: 'GET',
    path: '/api/v1/search',
    scope: 'read',
    like: 'session.search',
    answer: '200; `q` (the query), `limit`, `sessionId` in the query string',
  },
  { method: 'GET', path: '/api/v1/tools', scope: 'read', like: 'tools.list', answer: '200' },
  {
    method: 'GET',
    path: '/api/v1/tools/runs',
    scope: 'read',
    like: 'tools.history',
    answer: '200; `sessionId`, `toolName`, `outcome`, `before`, `limit` in the query string',
  },
  { method: 'GET', path: '/api/v1/tools/runs/:id', scope: 'read', like: 'tools.run', answer: '200' },
  { method: 'GET', path: '/api/v1/approvals', scope: 'approve', like: 'approval.list', answer: '200' },
  {
    method: 'POST',
    path: '/api/v1/approvals/:id',
    scope: 'approve',
    like: 'approval.resolve',
    answer: '200, for `{decision, remember?}`',
  },
  { method: 'DELETE', path: '/api/v1/grants/:id', scope: 'approve', like: 'approval.revoke', answer: '204' },
  {
    method: 'POST',
    path: '/api/v1/grants/:id/restore',
    scope: 'approve',
    like: 'approval.restore',
    answer: '200',
  },
  {
    method: 'POST',
    path: '/api/v1/sessions/:id/elevate',
    scope: 'approve',
    like: 'session.elevate',
    answer: '200, for `{minutes}`',
  },
  {
    method: 'POST',
    path: '/api/v1/tools/:name',
    scope: 'tools',
    like: 'tools.invoke',
    answer: '200, also where the tool failed (`success: false`)',
  },
  {
    method: 'GET',
    path: '/api/v1/attachments/:id',
    scope: 'read',
    answer: '200, a file that a tool made for people, such as a screenshot; see docs/browser.md',
  },
  {
    method: 'GET',
    path: '/api/v1/sessions/:id/attachments',
    scope: 'read',
    answer: '200 `{attachments}`, newest first',
  },
  { method: 'GET', path: '/api/v1/schedules', scope: 'read', like: 'schedule.list', answer: '200' },
  {
    method: 'POST',
    path: '/api/v1/schedules',
    scope: 'tools',
    like: 'schedule.add',
    answer: '201 `{schedule}` with `Location`; it needs the scope `chat` too',
  },
  { method: 'GET', path: '/api/v1/schedules/:id', scope: 'read', like: 'schedule.get', answer: '200' },
  {
    method: 'DELETE',
    path: '/api/v1/schedules/:id',
    scope: 'tools',
    like: 'schedule.remove',
    answer: '204; it needs the scope `chat` too',
  },
  {
    method: 'POST',
    path: '/api/v1/schedules/:id/pause',
    scope: 'tools',
    like: 'schedule.pause',
    answer: '200 `{schedule}`, for `{paused}`; it needs the scope `chat` too',
  },
  {
    method: 'POST',
    path: '/api/v1/schedules/:id/run',
    scope: 'tools',
    like: 'schedule.run',
    answer: '202 `{scheduleId, sessionId, runId}`; it needs the scope `chat` too',
  },
  {
    method: 'GET',
    path: '/api/v1/memory',
    scope: 'read',
    answer:
      '200 `{entries, nextCursor}`, newest first; `day` or `category`, `cursor`, `limit` (1 to 500, 100 where absent) in the query string, or `q` to search: then best first; see docs/memory.md',
  },
  { method: 'DELETE', path: '/api/v1/memory/:id', scope: 'admin', answer: '204' },
  {
    method: 'GET',
    path: '/api/v1/facts',
    scope: 'read',
    answer: '200 `{facts, version, at, taintedKeys}`; `version` in the query string for an older one',
  },
  {
    method: 'DELETE',
    path: '/api/v1/facts/:key',
    scope: 'admin',
    answer: '204; older versions of all facts go with it',
  },
  {
    method: 'GET',
    path: '/api/v1/persona',
    scope: 'read',
    answer:
      '200 `{content, version, at, tainted}`, version 0 for the default; `version` in the query string for an older one',
  },
  { method: 'DELETE', path: '/api/v1/persona', scope: 'admin', answer: '204; back to the default' },
  {
    method: 'GET',
    path: '/api/v1/notes',
    scope: 'read',
    answer:
      '200 `{notes, nextCursor}` without their text, newest first; `cursor`, `limit` in the query string, or `q` and `tag` to search: then with it, best first',
  },
  {
    method: 'GET',
    path: '/api/v1/notes/:id',
    scope: 'read',
    answer: '200 `{note}`; `version` in the query string for an older one',
  },
  { method: 'DELETE', path: '/api/v1/notes/:id', scope: 'admin', answer: '204' },
  {
    method: 'GET',
    path: '/api/v1/tasks',
    scope: 'read',
    answer:
      '200 `{tasks, nextCursor, counts}`; `status` (pending, completed, all where absent), `cursor`, `limit` in the query string',
  },
  { method: 'DELETE', path: '/api/v1/tasks/:id', scope: 'admin', answer: '204' },
  {
    method: 'GET',
    path: '/api/v1/usage',
    like: 'usage.get',
    scope: 'read',
    answer:
      '200 with the result; `from`, `to`, `by`, `limit`, `sessionId` in the query string. With `format=csv` the rows as CSV, at most 10,000',
  },
  {
    method: 'GET',
    path: '/api/v1/pools',
    scope: 'read',
    answer: '200 `{writer, readers, http, caches}`: what the pools and caches do now and have done since the start',
  },
  {
    method: 'GET',
    path: '/api/v1/doctor',
    scope: 'admin',
    answer:
      '200 `{ok, counts, risks, findings}`, what `talon doctor --json` prints, made at most once in 10 s; `full` in the query string checks every page of a large database, `offline` asks no provider, `groups` names what to look at; see docs/doctor.md',
  },
  {
    method: 'GET',
    path: '/api/v1/limits',
    scope: 'read',
    like: 'limits.get',
    answer: '`{enabled, limits}`; `sessionId` in the query string; see docs/limits.md',
  },
  {
    method: 'GET',
    path: '/api/v1/history',
    scope: 'read',
    like: 'metrics.history',
    answer: '200; `range` in the query string: `5m`, `1h` (the default) or `24h`',
  },
  {
    method: 'GET',
    path: '/api/v1/logs',
    scope: 'admin',
    answer:
      '200 `{entries, after, dropped, bootId}`: the newest lines of the log, or with `after` those after it; `level`, `text`, `field` (`name=value`), `limit` (1 to 2000, 100 where absent) in the query string; see docs/logs.md',
  },
  {
    method: 'GET',
    path: '/api/v1/audit',
    scope: 'admin',
    answer:
      '200 `{entries, next}`: the audit trail, newest first; `after` (a seq: what is older; `next` of the page before), `limit` (1 to 1000, 100 where absent), `action`, `who` (id of a token) in the query string; see docs/audit.md',
  },
  {
    method: 'GET',
    path: '/api/v1/audit/verify',
    scope: 'admin',
    answer:
      '200 `{ok, entries, head, fault, noted}`: whether the chain of the audit trail is whole; `head` in the query string is a hash that must be in it',
  },
  {
    method: 'GET',
    path: '/api/v1/backups',
    scope: 'admin',
    answer:
      '200 `{backups: [{name, bytes, createdAt, kind, sha256}], last}`, newest first; `last` tells how the last try went',
  },
  {
    method: 'POST',
    path: '/api/v1/backups',
    scope: 'admin',
    answer:
      '201, one such row with `Location`, when the backup is made and checked; who asks while another is made waits for the next',
  },
  {
    method: 'GET',
    path: '/api/v1/backups/:name',
    scope: 'admin',
    answer:
      '200, the file, with its SHA-256 in `Repr-Digest`; with `.sha256` behind the name the line that `sha256sum -c` reads',
  },
  {
    method: 'POST',
    path: '/api/v1/backups/:name/verify',
    scope: 'admin',
    answer:
      '200 `{ok: true, sessions, messages, newestActivityAt, schema, pending, …}` after reading all of it; 503 with what is wrong with it',
  },
  { method: 'DELETE', path: '/api/v1/backups/:name', scope: 'admin', answer: '204' },
  {
    method: 'GET',
    path: '/api/v1/config',
    scope: 'admin',
    like: 'config.get',
    answer: '200, with the hash as `ETag` too',
  },
  {
    method: 'PATCH',
    path: '/api/v1/config',
    scope: 'admin',
    like: 'config.update',
    answer: '200; the hash may be in `If-Match` in the place of the body. Any such request with no changes confirms',
  },
  { method: 'GET', path: '/api/v1/tokens', scope: 'admin', answer: '200 `{tokens}`, without their secrets' },
  {
    method: 'POST',
    path: '/api/v1/tokens',
    scope: 'admin',
    answer:
      '201 `{id, token}` for `{name, scopes, expiresAt?}`: the only time that the token is shown. It gets no scope that the asking token lacks',
  },
  { method: 'DELETE', path: '/api/v1/tokens/:id', scope: 'admin', answer: '204; connections of the token end (4010)' },
  {
    method: 'POST',
    path: '/api/v1/auth/exchange',
    scope: null,
    answer: '200 `{scopes, expiresAt}` and the cookie, for the `{code}` of a sign-in link',
  },
  {
    method: 'POST',
    path: '/api/v1/auth/token',
    scope: null,
    answer: '200 `{scopes, expiresAt}` and the cookie, for a `{token}`',
  },
  {
    method: 'POST',
    path: '/api/v1/auth/codes',
    scope: 'admin',
    answer: '201 `{code, url, expiresAt}`: a new sign-in link',
  },
  { method: 'POST', path: '/api/v1/auth/logout', scope: null, answer: '204; ends the sign-in of the cookie' },
]

/** The surface of v0.3.3, served while `protocol.legacy` is on. */
export const legacyRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/health', scope: null, like: 'gateway.status', answer: '`timestamp` in ISO 8601' },
  { method: 'GET', path: '/api/ready', scope: null, answer: '200 `{ready, reason?}` always' },
  {
    method: 'GET',
    path: '/api/health/deep',
    scope: 'read',
    answer: '`{status, timestamp, checks: {sessions, agent, memory}}`',
  },
  {
    method: 'GET',
    path: '/api/sessions',
    scope: 'read',
    like: 'session.list',
    answer: 'a bare array, 200 sessions at most',
  },
  {
    method: 'GET',
    path: '/api/sessions/:id',
    scope: 'read',
    like: 'session.get',
    answer: 'the session with `metadata` and its newest 1000 `messages`; 404 is `{error: "Session not found"}`',
  },
  {
    method: 'POST',
    path: '/api/sessions/:id/send',
    scope: 'chat',
    like: 'session.send_message',
    answer: '`{status: "queued", sessionId}` for `{text, senderName?}`',
  },
  { method: 'GET', path: '/api/config', scope: 'admin', answer: '`{gateway, agent, channels}`, without secrets' },
  { method: 'GET', path: '/api/tools', scope: 'read', like: 'tools.list', answer: '`{tools}`' },
]
