-- What decides about tools, and what is kept of their runs.

-- How much tools may do in a session; null for what the settings say.
ALTER TABLE sessions ADD COLUMN profile TEXT CHECK (profile IN ('read-only', 'ask', 'workspace', 'full'));
-- 1 once text of others is in the current epoch: a file, a web page, somebody else's message. Until a reset, because the
-- summary keeps what the window no longer shows.
ALTER TABLE sessions ADD COLUMN tainted INTEGER NOT NULL DEFAULT 0 CHECK (tainted IN (0, 1));
-- The token of the first message of the epoch: another one is somebody else.
ALTER TABLE sessions ADD COLUMN spoken_by TEXT;

-- Nobody noted whose text is in what was said before.
UPDATE sessions SET tainted = 1 WHERE seq > 0;

-- The most that tools may do for whoever presents the token; null for no such bound.
ALTER TABLE tokens ADD COLUMN profile TEXT CHECK (profile IN ('read-only', 'ask', 'workspace', 'full'));

-- What a person has allowed beyond one call. A row that is gone is revoked.
CREATE TABLE grants (
  id TEXT PRIMARY KEY NOT NULL,
  remember TEXT NOT NULL CHECK (remember IN ('session', 'always')),
  -- For a session: SHA-256 of tool and subject. Else of tool, arguments, workspace and policy.
  hash TEXT NOT NULL,
  tool_name TEXT NOT NULL,
  session_id TEXT,
  -- What a grant for a session covers beside the name of the tool; null for the arguments.
  subject TEXT,
  -- Without secrets, for people; what counts is the hash.
  args TEXT NOT NULL,
  -- One that was given before text of others came in does not cover what is asked for after it.
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1)),
  -- Who allowed it.
  token_id TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX idx_grants_hash ON grants (hash, ifnull(session_id, ''), tainted);
CREATE INDEX idx_grants_session ON grants (session_id) WHERE session_id IS NOT NULL;

-- What was allowed for a session ends with its epoch, and with the session.
CREATE TRIGGER grants_ended AFTER UPDATE OF epoch, deleted_at ON sessions
WHEN NEW.epoch <> OLD.epoch OR (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL) BEGIN
  DELETE FROM grants WHERE session_id = NEW.id;
END;

ALTER TABLE tool_runs ADD COLUMN dry_run INTEGER NOT NULL DEFAULT 0 CHECK (dry_run IN (0, 1));
ALTER TABLE tool_runs ADD COLUMN tainted INTEGER NOT NULL DEFAULT 0 CHECK (tainted IN (0, 1));
-- As the result carries it, as JSON.
ALTER TABLE tool_runs ADD COLUMN decision TEXT;
-- Of the outcome, what is kept longer than it, and is read without parsing a long output. Null while it runs.
ALTER TABLE tool_runs ADD COLUMN success INTEGER CHECK (success IN (0, 1));
ALTER TABLE tool_runs ADD COLUMN code TEXT;
ALTER TABLE tool_runs ADD COLUMN error TEXT;
ALTER TABLE tool_runs ADD COLUMN duration_ms INTEGER;
ALTER TABLE tool_runs ADD COLUMN output_bytes INTEGER;

-- A run is kept for its history when its outcome, which is the stored reply of its request, is past its time.
DROP INDEX idx_tool_runs_finished;
CREATE INDEX idx_tool_runs_replies ON tool_runs (finished_at) WHERE outcome IS NOT NULL;
CREATE INDEX idx_tool_runs_past ON tool_runs (finished_at) WHERE finished_at IS NOT NULL AND outcome IS NULL;
-- Ids sort by time.
DROP INDEX idx_tool_runs_session;
CREATE INDEX idx_tool_runs_session ON tool_runs (session_id, id) WHERE session_id IS NOT NULL;
