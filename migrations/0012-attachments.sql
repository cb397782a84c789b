-- Files that tools made for people, such as screenshots. What is in them lies in the folder attachments of the data
-- folder, under its SHA-256; a row without its file cannot be, because the file is there first.
CREATE TABLE attachments (
  id TEXT PRIMARY KEY NOT NULL,
  -- Null for a tool that was run outside of any session.
  session_id TEXT,
  invocation_id TEXT NOT NULL,
  name TEXT NOT NULL,
  mime TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- Each bound is a sum from the newest to the oldest, which is read from the index alone.
CREATE INDEX idx_attachments_session ON attachments (session_id, created_at, id, bytes) WHERE session_id IS NOT NULL;
CREATE INDEX idx_attachments_age ON attachments (created_at, id, bytes);
-- A file goes when no row names it any more.
CREATE INDEX idx_attachments_content ON attachments (sha256);
