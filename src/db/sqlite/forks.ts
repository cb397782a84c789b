import { TalonError } from '../../protocol/errors.ts'
import type { Session } from '../../protocol/shapes.ts'
import { sessionNotFound } from './errors.ts'
import { nextSeq } from './messages.ts'
import type { Connection } from './open.ts'
import type { CommandInput, Outcome } from './outcome.ts'
import { type SessionRow, sessionColumns, toSession } from './session-row.ts'

interface Source {
  epoch: number
  seq: number
  baseSeq: number
  title: string | null
}

const titleEnd = ' (fork)'
// What a title has at most, as everywhere.
const maxTitleLength = 500

/**
 * Makes a session that begins with the entries 1 to `atSeq` of another. None is copied: the new one refers to them.
 * @throws TalonError `SESSION_NOT_FOUND`; `NOT_FOUND` for an epoch and `INVALID_MESSAGE` for an entry that is not there.
 */
export function forkSession(connection: Connection, input: CommandInput<'forkSession'>): Outcome<{ session: Session }> {
  const source = connection
    .prepared<Source>('SELECT epoch, seq, base_seq AS baseSeq, title FROM sessions WHERE id = ? AND deleted_at IS NULL')
    .get(input.sessionId)
  if (!source) throw sessionNotFound(input.sessionId)
  const epoch = input.epoch ?? source.epoch
  refuseMissing(connection, input, source, epoch)
  const session = insertFork(connection, input, source, epoch)
  insertBases(connection, input, source, epoch)
  return { result: { session }, changes: [{ type: 'session.created', session }] }
}

function refuseMissing(
  connection: Connection,
  { sessionId, atSeq }: CommandInput<'forkSession'>,
  source: Source,
  epoch: number,
): void {
  if (epoch < 1 || epoch > source.epoch) throw new TalonError('NOT_FOUND', `This session has no epoch ${epoch}.`)
  const newest = epoch === source.epoch ? source.seq : nextSeq(connection, sessionId, epoch) - 1
  if (atSeq <= newest) return
  throw new TalonError(
    'INVALID_MESSAGE',
    `There is no entry ${atSeq} to fork at: the newest of epoch ${epoch} is ${newest}.`,
    { details: { head: { epoch, seq: newest } } },
  )
}

/** Its group stays with the source: a fork is nobody's conversation in a channel. */
function insertFork(
  connection: Connection,
  input: CommandInput<'forkSession'>,
  source: Source,
  epoch: number,
): Session {
  const row = connection
    .prepared<SessionRow>(
      `INSERT INTO sessions (id, sender_id, channel, sender_name, model, config, title, state, created_at, last_active_at,
         listed_at, listed_state, unlisted, message_count, seq, base_seq, aside, forked_from_session_id, forked_from_epoch, forked_from_seq,
         memory_summary, summary_through_seq, profile, tainted, spoken_by)
       SELECT @id, sender_id, channel, sender_name, model, config, @title, iif(@atSeq = 0, 'created', 'idle'), @at, @at,
         @at, iif(@atSeq = 0, 'created', 'idle'), 0, @atSeq, @atSeq, @atSeq, 1, @sessionId, @epoch, @atSeq,
         iif(epoch = @epoch AND summary_through_seq <= @atSeq, memory_summary, NULL),
         iif(epoch = @epoch AND summary_through_seq <= @atSeq, summary_through_seq, NULL), @profile,
         -- Whose text is in an epoch that was reset nobody noted.
         iif(@atSeq = 0, 0, iif(epoch = @epoch, tainted, 1)), iif(@atSeq > 0 AND epoch = @epoch, spoken_by, NULL)
       FROM sessions WHERE id = @sessionId RETURNING ${sessionColumns}`,
    )
    .get({
      id: input.id,
      sessionId: input.sessionId,
      epoch,
      atSeq: input.atSeq,
      at: input.at,
      title: input.title ?? forkTitle(source.title),
      profile: input.profile ?? null,
    })
  if (!row) throw new Error(`Session ${input.sessionId} vanished inside a transaction.`)
  return toSession(row)
}

function forkTitle(title: string | null): string | null {
  if (title === null) return null
  // A character of two units is not cut in the middle.
  return title.slice(0, maxTitleLength - titleEnd.length).replace(/[\uD800-\uDBFF]$/, '') + titleEnd
}

/** What the source shows of others is named once more, cut at the fork; then what it holds itself. */
function insertBases(
  connection: Connection,
  { id, sessionId, atSeq }: CommandInput<'forkSession'>,
  source: Source,
  epoch: number,
): void {
  const inBase = epoch === 1 ? source.baseSeq : 0
  if (inBase > 0) {
    connection
      .prepared(
        `INSERT INTO session_bases (session_id, first_seq, last_seq, source_session_id, source_epoch)
         SELECT @id, first_seq, min(last_seq, @atSeq), source_session_id, source_epoch FROM session_bases
         WHERE session_id = @sessionId AND first_seq <= @atSeq`,
      )
      .run({ id, sessionId, atSeq })
  }
  if (atSeq > inBase) {
    connection
      .prepared(
        `INSERT INTO session_bases (session_id, first_seq, last_seq, source_session_id, source_epoch)
         VALUES (?, ?, ?, ?, ?)`,
      )
      .run(id, inBase + 1, atSeq, sessionId, epoch)
  }
}
