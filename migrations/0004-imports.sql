-- What an import of older data keeps beside the log, and which files were imported.

-- What the old file said and no other column holds, as JSON.
ALTER TABLE sessions ADD COLUMN legacy TEXT;
ALTER TABLE messages ADD COLUMN legacy TEXT;
-- 1 while an import fills it. Such a session is hidden as a deleted one is, and is never restored: it becomes visible
-- whole, or is erased.
ALTER TABLE sessions ADD COLUMN importing INTEGER NOT NULL DEFAULT 0 CHECK (importing IN (0, 1));

CREATE INDEX idx_sessions_importing ON sessions (importing) WHERE importing = 1;

-- One row per file (or session of an old database) that was read to its end, so that another run adds nothing twice.
CREATE TABLE imports (
  id INTEGER PRIMARY KEY,
  -- The old data folder; empty if it is this database's own, which may be moved.
  folder TEXT NOT NULL,
  -- Relative to the folder; a session of an old database has its id behind a number sign.
  source TEXT NOT NULL,
  size INTEGER NOT NULL,
  modified_at INTEGER NOT NULL,
  -- Of what was read.
  sha256 TEXT NOT NULL,
  -- Null if nothing of it could be read.
  session_id TEXT,
  messages_read INTEGER NOT NULL,
  messages_stored INTEGER NOT NULL,
  -- Over the messages in the file, in order: whether a file that changed only grew.
  messages_hash TEXT NOT NULL,
  warnings TEXT NOT NULL,
  finished_at INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_imports_source ON imports (folder, source);
-- A file that lies elsewhere now is known by its size first: most sizes are new, and then nothing has to be read.
CREATE INDEX idx_imports_content ON imports (size, sha256);
