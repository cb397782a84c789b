import type { Role, SearchHit } from '../../protocol/shapes.ts'
import { parseQuery } from '../search/query.ts'
import type { SearchInput, SearchResult } from '../search/result.ts'
import { snippetOf } from '../search/snippet.ts'
import { type Check, stillWanted } from './guard.ts'
import type { Connection } from './open.ts'
import { unindexedMessages } from './search-index.ts'
import { messageMatch, type Narrowed, titleMatch } from './search-match.ts'

/** A match that may become a hit. */
interface Candidate {
  rowid: number
  /** Of the session that shows it. */
  sessionRowid: number
  timestamp: number
  rank: number
}

// Of a common word the newest of this many are ranked: a million would take seconds, and nobody reads them.
const maxRanked = 2_000
// Matches in sessions that are deleted, outside of the hours that were asked for, or in the part of a source that a fork
// does not show, are passed over, this many at most.
const maxScanned = 20_000
const maxTitles = 500
// A fork of a fork has one more than that; nobody makes a line of so many.
const maxSources = 200
// What was said now counts three times what was said long ago; after this time, the middle of the two.
const recencyHalfLifeMs = 30 * 24 * 60 * 60_000
const recencyWeight = 2
// A title says what a whole session is about.
const titleWeight = 1.5

/**
 * Finds messages and titles, best first. What is not indexed yet is not found.
 * @throws TalonError `INVALID_MESSAGE` for a query that says nothing, or a filter with a value that cannot be
 */
export function searchMessages(connection: Connection, input: SearchInput, check: Check): SearchResult {
  const wanted = parseQuery(input.query)
  const narrowed = narrow(connection, wanted, input.sessionId)
  const found = narrowed
    ? [
        ...scaled(matchingMessages(connection, narrowed), 1),
        ...scaled(matchingTitles(connection, narrowed), titleWeight),
      ]
    : []
  for (const candidate of found) candidate.rank *= recency(input.now - candidate.timestamp)
  found.sort((a, b) => b.rank - a.rank || b.timestamp - a.timestamp || b.rowid - a.rowid)
  const hits = found.slice(0, input.limit).map(candidate => {
    check()
    return toHit(connection, candidate, wanted)
  })
  return { hits, unindexed: unindexedMessages(connection) }
}

type Wanted = ReturnType<typeof parseQuery>

/** Undefined where a session that has to hold it is not there. */
function narrow(connection: Connection, wanted: Wanted, sessionId: string | undefined): Narrowed | undefined {
  const rowids = (ids: readonly string[]) => ids.flatMap(id => rowidOf(connection, id) ?? [])
  const except = { ...wanted.except, session: rowids(wanted.except.session) }
  const named = wanted.only.session
  if (sessionId === undefined && named.length === 0) return { ...wanted, except, sessions: undefined, sources: [] }
  const ids = sessionId === undefined ? named : [sessionId].filter(id => named.length === 0 || named.includes(id))
  const sessions = rowids(ids)
  return sessions.length === 0 ? undefined : { ...wanted, except, sessions, sources: sourcesOf(connection, sessions) }
}

function sourcesOf(connection: Connection, sessions: readonly number[]): number[] {
  return connection
    .prepared<{ rowid: number }>(
      `SELECT DISTINCT source.rowid FROM sessions
       CROSS JOIN session_bases ON session_bases.session_id = sessions.id
       CROSS JOIN sessions AS source ON source.id = source_session_id
       WHERE sessions.rowid IN (SELECT value FROM json_each(?)) LIMIT ${maxSources}`,
    )
    .all(JSON.stringify(sessions))
    .map(({ rowid }) => rowid)
}

function rowidOf(connection: Connection, sessionId: string): number | undefined {
  return connection
    .prepared<{ rowid: number }>('SELECT rowid FROM sessions WHERE id = ? AND deleted_at IS NULL')
    .get(sessionId)?.rowid
}

// The session that said it, or a fork that shows it where that one is deleted or not the one that is looked in.
const shownIn = `iif(sessions.deleted_at IS NULL AND (@sessions IS NULL OR sessions.rowid IN (SELECT value FROM json_each(@sessions))),
  sessions.rowid,
  (SELECT fork.rowid FROM session_bases CROSS JOIN sessions AS fork ON fork.id = session_bases.session_id
   WHERE source_session_id = messages.session_id AND source_epoch = messages.epoch
     AND first_seq <= messages.seq AND last_seq >= messages.seq AND fork.deleted_at IS NULL
     AND (@sessions IS NULL OR fork.rowid IN (SELECT value FROM json_each(@sessions)))
     AND fork.rowid NOT IN (SELECT value FROM json_each(@except)) LIMIT 1))`

function matchingMessages(connection: Connection, wanted: Narrowed): Candidate[] {
  const match = messageMatch(wanted)
  const found = connection
    .prepared<Candidate>(
      `SELECT messages.rowid, ${shownIn} AS sessionRowid, messages.timestamp, 1.0 AS rank
       FROM (SELECT rowid FROM message_index WHERE ${stillWanted('message_index.rowid')} AND message_index MATCH @match
             ORDER BY rowid DESC LIMIT ${maxScanned}) AS found
       CROSS JOIN messages ON messages.rowid = found.rowid
       CROSS JOIN sessions ON sessions.id = messages.session_id
       WHERE sessionRowid IS NOT NULL AND messages.timestamp >= @after AND messages.timestamp < @before
       LIMIT ${maxRanked}`,
    )
    .all({
      match,
      after: wanted.after ?? Number.MIN_SAFE_INTEGER,
      before: wanted.before ?? Number.MAX_SAFE_INTEGER,
      sessions: wanted.sessions ? JSON.stringify(wanted.sessions) : null,
      except: JSON.stringify(wanted.except.session),
    })
  if (worthRanking(wanted, found.length)) rankMessages(connection, match, found)
  return found
}

/** Where there are only filters nothing is more relevant; a prefix of very many words would be counted twice as long as it was found. */
function worthRanking({ all }: Narrowed, count: number): boolean {
  return all.length > 0 && count > 0 && (count < maxRanked || !all.flat().some(({ prefix }) => prefix))
}

/**
 * By BM25, whose figures are better the lower they are. The rows come newest first, as `found` does; a lower bound in the
 * statement would make FTS5 count the words of the whole index three times slower.
 */
function rankMessages(connection: Connection, match: string, found: readonly Candidate[]): void {
  const rows = connection
    .prepared<{ rowid: number; score: number }>(
      `SELECT rowid, bm25(message_index, 1.0, 0.0) AS score FROM message_index
       WHERE ${stillWanted('message_index.rowid')} AND message_index MATCH ? ORDER BY rowid DESC LIMIT ${maxScanned}`,
    )
    .iterate(match)
  const candidates = new Map(found.map(candidate => [candidate.rowid, candidate]))
  for (const { rowid, score } of rows) {
    const candidate = candidates.get(rowid)
    if (!candidate) continue
    candidate.rank = -score
    candidates.delete(rowid)
    if (candidates.size === 0) break
  }
}

interface TitleCandidate extends Candidate {
  channel: string
}

function matchingTitles(connection: Connection, wanted: Narrowed): Candidate[] {
  const match = titleMatch(wanted)
  if (match === undefined) return []
  return connection
    .prepared<TitleCandidate>(
      `SELECT 0 AS rowid, sessions.rowid AS sessionRowid, last_active_at AS timestamp, -score AS rank, channel
       FROM (SELECT rowid, bm25(title_index) AS score FROM title_index
             WHERE ${stillWanted('title_index.rowid')} AND title_index MATCH ? ORDER BY rowid DESC LIMIT ${maxScanned}) AS found
       CROSS JOIN sessions ON sessions.rowid = found.rowid
       WHERE deleted_at IS NULL LIMIT ${maxTitles}`,
    )
    .all(match)
    .filter(title => passes(title, wanted))
}

function passes({ sessionRowid, channel, timestamp }: TitleCandidate, wanted: Narrowed): boolean {
  const { only, except, sessions, after = timestamp, before = timestamp + 1 } = wanted
  const same = (name: string) => name.toLowerCase() === channel.toLowerCase()
  return (
    timestamp >= after &&
    timestamp < before &&
    (sessions === undefined || sessions.includes(sessionRowid)) &&
    (only.channel.length === 0 || only.channel.some(same)) &&
    !except.session.includes(sessionRowid) &&
    !except.channel.some(same)
  )
}

/** BM25 gives figures that mean nothing beside those of another index, and next to nothing for a word that most texts hold. */
function scaled(candidates: Candidate[], weight: number): Candidate[] {
  const best = Math.max(...candidates.map(({ rank }) => rank))
  for (const candidate of candidates) candidate.rank = best > 0 ? (weight * candidate.rank) / best : weight
  return candidates
}

function recency(ageMs: number): number {
  return 1 + recencyWeight * 2 ** (-Math.max(ageMs, 0) / recencyHalfLifeMs)
}

interface HitRow {
  sessionId: string
  title: string | null
  channel: string
}

function toHit(connection: Connection, { rowid, sessionRowid, rank, timestamp }: Candidate, wanted: Wanted): SearchHit {
  const session = connection
    .prepared<HitRow>('SELECT id AS sessionId, title, channel FROM sessions WHERE rowid = ?')
    .get(sessionRowid)
  const message = connection
    .prepared<{ id: string; saidIn: string; epoch: number; seq: number; role: Role; content: string }>(
      'SELECT id, session_id AS saidIn, epoch, seq, role, content FROM messages WHERE rowid = ?',
    )
    .get(rowid)
  if (!session) throw new Error(`Session ${sessionRowid} vanished inside a transaction.`)
  const { text: snippet, marks } = snippetOf(message ? message.content : (session.title ?? ''), wanted)
  const { id: messageId = null, saidIn, epoch: saidInEpoch = null, seq = null, role = 'title' } = message ?? {}
  // What a fork shows of others stands in its first epoch, under the same seq.
  const epoch = message && saidIn !== session.sessionId ? 1 : saidInEpoch
  return { ...session, messageId, epoch, seq, role, snippet, marks, rank, timestamp }
}
