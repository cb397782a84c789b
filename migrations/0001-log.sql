-- The log: sessions, their messages, the runs that answer them, and what must outlive a restart beside them.
-- Times are Unix milliseconds. JSON is kept as text.

CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  sender_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('created', 'active', 'idle')),
  memory_summary TEXT,
  created_at INTEGER NOT NULL,
  last_active_at INTEGER NOT NULL,
  -- Of the current epoch, as seq is: a reset starts both anew.
  message_count INTEGER NOT NULL DEFAULT 0,
  model TEXT,
  config TEXT,
  title TEXT,
  sender_name TEXT,
  group_id TEXT,
  epoch INTEGER NOT NULL DEFAULT 1,
  -- The newest seq of the current epoch.
  seq INTEGER NOT NULL DEFAULT 0,
  summary_through_seq INTEGER,
  -- Sums over all runs of all epochs, so that a budget is checked without reading them.
  run_count INTEGER NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  total_tokens INTEGER NOT NULL DEFAULT 0,
  deleted_at INTEGER,
  -- Erasing goes in steps; once begun there is nothing whole left to restore.
  erasing INTEGER NOT NULL DEFAULT 0 CHECK (erasing IN (0, 1))
) STRICT;

-- Every list index holds the state: a list of all states merges three ranges, and no combination of filters reads rows
-- that it does not show. An index for each combination would cost every message one more write apiece.
CREATE INDEX idx_sessions_sender ON sessions (sender_id, state, last_active_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_sessions_channel ON sessions (channel, state, last_active_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_sessions_state ON sessions (state, last_active_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_sessions_channel_sender ON sessions (channel, sender_id, state, last_active_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_sessions_group ON sessions (channel, group_id) WHERE group_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX idx_sessions_deleted ON sessions (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE messages (
  id TEXT PRIMARY KEY NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
  content TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  token_usage TEXT,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  tool_calls TEXT,
  tool_call_id TEXT,
  -- Of a user message: the run that answers it. Of the others: the run that wrote them.
  run_id TEXT,
  -- The last assistant entry of a run.
  final INTEGER NOT NULL DEFAULT 0 CHECK (final IN (0, 1)),
  incomplete INTEGER NOT NULL DEFAULT 0 CHECK (incomplete IN (0, 1)),
  model TEXT,
  sender_name TEXT,
  -- Exactly-once without a second write: a repeat finds the message itself.
  token_id TEXT,
  request_id TEXT,
  request_hash TEXT,
  -- The id of an imported message that was not unique.
  legacy_id TEXT
) STRICT;

CREATE UNIQUE INDEX idx_messages_session ON messages (session_id, epoch, seq);
CREATE INDEX idx_messages_timestamp ON messages (timestamp);
CREATE UNIQUE INDEX idx_messages_request ON messages (token_id, request_id) WHERE request_id IS NOT NULL;

CREATE TABLE runs (
  id TEXT PRIMARY KEY NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  epoch INTEGER NOT NULL,
  message_seq INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
  partial_text TEXT NOT NULL DEFAULT '',
  error TEXT,
  model TEXT,
  provider TEXT,
  usage TEXT,
  token_id TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER
) STRICT;

CREATE UNIQUE INDEX idx_runs_session ON runs (session_id, epoch, message_seq);
-- Holds nothing but unfinished runs, so it also answers which there are at all.
CREATE INDEX idx_runs_unfinished ON runs (session_id, epoch, message_seq) WHERE finished_at IS NULL;

CREATE TABLE tokens (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  last_used_at INTEGER,
  revoked_at INTEGER
) STRICT;

CREATE TABLE web_sessions (
  hash TEXT PRIMARY KEY NOT NULL,
  token_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_web_sessions_token ON web_sessions (token_id);
CREATE INDEX idx_web_sessions_expires ON web_sessions (expires_at);

CREATE TABLE idempotency (
  token_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  result TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (token_id, request_id)
) STRICT;

CREATE INDEX idx_idempotency_created ON idempotency (created_at);

CREATE TABLE tool_runs (
  id TEXT PRIMARY KEY NOT NULL,
  token_id TEXT,
  session_id TEXT,
  run_id TEXT,
  tool_name TEXT NOT NULL,
  args TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  outcome TEXT,
  request_id TEXT,
  request_hash TEXT
) STRICT;

CREATE UNIQUE INDEX idx_tool_runs_request ON tool_runs (token_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX idx_tool_runs_session ON tool_runs (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX idx_tool_runs_unfinished ON tool_runs (started_at) WHERE finished_at IS NULL;
CREATE INDEX idx_tool_runs_finished ON tool_runs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE settings (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- Counted by triggers, because a count over a million rows takes tens of milliseconds at every look.
CREATE TABLE counts (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  sessions INTEGER NOT NULL,
  messages INTEGER NOT NULL
) STRICT;

INSERT INTO counts (id, sessions, messages) VALUES (1, 0, 0);

CREATE TRIGGER sessions_inserted AFTER INSERT ON sessions WHEN NEW.deleted_at IS NULL BEGIN
  UPDATE counts SET sessions = sessions + 1 WHERE id = 1;
END;

CREATE TRIGGER sessions_hidden AFTER UPDATE OF deleted_at ON sessions
WHEN (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL) BEGIN
  UPDATE counts SET sessions = sessions + iif(NEW.deleted_at IS NULL, 1, -1) WHERE id = 1;
END;

CREATE TRIGGER sessions_erased AFTER DELETE ON sessions WHEN OLD.deleted_at IS NULL BEGIN
  UPDATE counts SET sessions = sessions - 1 WHERE id = 1;
END;

CREATE TRIGGER messages_inserted AFTER INSERT ON messages BEGIN
  UPDATE counts SET messages = messages + 1 WHERE id = 1;
END;

CREATE TRIGGER messages_erased AFTER DELETE ON messages BEGIN
  UPDATE counts SET messages = messages - 1 WHERE id = 1;
END;
