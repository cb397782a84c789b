-- Forks: a session whose first entries lie in the rows of others under the same seq, so that nothing is copied.

-- What it was made of, for people. The source may be gone one day, so it is no reference.
ALTER TABLE sessions ADD COLUMN forked_from_session_id TEXT;
ALTER TABLE sessions ADD COLUMN forked_from_epoch INTEGER;
ALTER TABLE sessions ADD COLUMN forked_from_seq INTEGER;
-- Entries 1 to this of epoch 1 are found through session_bases. It stands here so that a session that is no fork, which
-- is nearly every one, never looks there.
ALTER TABLE sessions ADD COLUMN base_seq INTEGER NOT NULL DEFAULT 0;
-- A copy that somebody made beside the conversation: the next message of its sender in its channel does not go there.
ALTER TABLE sessions ADD COLUMN aside INTEGER NOT NULL DEFAULT 0 CHECK (aside IN (0, 1));
-- Erased but for the entries that forks still show; looked at again when one of those forks is erased.
ALTER TABLE sessions ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));

-- Flat: a fork of a fork names the sessions that hold the rows, so that reading is one step however long the line is.
CREATE TABLE session_bases (
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  -- Without a cascade: a session cannot go while a fork shows a part of it.
  source_session_id TEXT NOT NULL REFERENCES sessions (id),
  source_epoch INTEGER NOT NULL,
  PRIMARY KEY (session_id, first_seq)
) STRICT;

CREATE INDEX idx_session_bases_source ON session_bases (source_session_id, source_epoch, last_seq);

-- Sessions that are held would otherwise be met again at every step of erasing.
DROP INDEX idx_sessions_deleted;
CREATE INDEX idx_sessions_deleted ON sessions (deleted_at) WHERE deleted_at IS NOT NULL AND held = 0;
