import type { Session, SessionItem, SessionState } from '../../protocol/shapes.ts'

export interface SessionItemRow {
  id: string
  sender_id: string
  channel: string
  title: string | null
  state: SessionState
  message_count: number
  created_at: number
  last_active_at: number
  model: string | null
}

export interface SessionRow extends SessionItemRow {
  sender_name: string | null
  memory_summary: string | null
  config: string | null
  epoch: number
  seq: number
  deleted_at: number | null
  forked_from_session_id: string | null
  forked_from_epoch: number | null
  forked_from_seq: number | null
  profile: Session['profile']
  tainted: number
  /** 1 if the list indexes are behind this row. */
  unlisted: number
}

export const itemColumns = 'id, sender_id, channel, title, state, message_count, created_at, last_active_at, model'
export const sessionColumns = `${itemColumns}, sender_name, memory_summary, config, epoch, seq, deleted_at, unlisted, profile, tainted, forked_from_session_id, forked_from_epoch, forked_from_seq`

export function toSessionItem(row: SessionItemRow): SessionItem {
  return {
    id: row.id,
    senderId: row.sender_id,
    channel: row.channel,
    title: row.title,
    state: row.state,
    messageCount: row.message_count,
    createdAt: row.created_at,
    lastActiveAt: row.last_active_at,
    model: row.model,
  }
}

export function toSession(row: SessionRow): Session {
  return {
    ...toSessionItem(row),
    senderName: row.sender_name,
    memorySummary: row.memory_summary,
    // Written by insertSession or updateSession, so it is an object.
    config: row.config === null ? {} : (JSON.parse(row.config) as Record<string, unknown>),
    epoch: row.epoch,
    seq: row.seq,
    forkedFrom: forkedFrom(row),
    profile: row.profile,
    tainted: row.tainted === 1,
  }
}

function forkedFrom(row: SessionRow): Session['forkedFrom'] {
  const { forked_from_session_id: sessionId, forked_from_epoch: epoch, forked_from_seq: seq } = row
  return sessionId === null || epoch === null || seq === null ? null : { sessionId, epoch, seq }
}
