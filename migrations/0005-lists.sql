-- The order of lists follows the activity of sessions by a moment: a message changes no list index, of which there are
-- four, each with its state in it. What a row says is right at once; its place in the indexes is brought up to date soon
-- after, and until then it is among the few that `idx_sessions_unlisted` names, which every list reads as well.

ALTER TABLE sessions ADD COLUMN listed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN listed_state TEXT NOT NULL DEFAULT 'created';
-- 1 where the two above are behind `last_active_at` and `state`, as they are in a new row.
ALTER TABLE sessions ADD COLUMN unlisted INTEGER NOT NULL DEFAULT 1 CHECK (unlisted IN (0, 1));

DROP INDEX idx_sessions_sender;
DROP INDEX idx_sessions_channel;
DROP INDEX idx_sessions_state;
DROP INDEX idx_sessions_channel_sender;

UPDATE sessions SET listed_at = last_active_at, listed_state = state, unlisted = 0;

CREATE INDEX idx_sessions_sender ON sessions (sender_id, listed_state, listed_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_sessions_channel ON sessions (channel, listed_state, listed_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_sessions_state ON sessions (listed_state, listed_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_sessions_channel_sender ON sessions (channel, sender_id, listed_state, listed_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_sessions_unlisted ON sessions (sender_id, channel) WHERE unlisted = 1;
