-- What is kept for later: memory, facts, the persona, notes, tasks. It belongs to the gateway and outlives the sessions in
-- which it was said. Where `tainted` is 1, text of others was in the conversation that it was saved in.

CREATE TABLE memory_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  -- The newest number of each kind. None is given twice: whoever remembers one must not mean another thing by it.
  last_entry INTEGER NOT NULL DEFAULT 0,
  last_note INTEGER NOT NULL DEFAULT 0,
  last_task INTEGER NOT NULL DEFAULT 0,
  -- How many there are, so that a bound is checked without counting.
  entries INTEGER NOT NULL DEFAULT 0,
  notes INTEGER NOT NULL DEFAULT 0,
  tasks INTEGER NOT NULL DEFAULT 0,
  pending_tasks INTEGER NOT NULL DEFAULT 0,
  -- Of the texts of all of them, older versions of notes included.
  bytes INTEGER NOT NULL DEFAULT 0,
  -- 1 if parts of the indexes may have to be merged.
  merging INTEGER NOT NULL DEFAULT 0 CHECK (merging IN (0, 1)),
  -- As that of search_state: how many more steps it may take until deleted words are gone; -1 if that is to begin.
  purge_steps INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO memory_state (id) VALUES (1);

CREATE TABLE memory_entries (
  id INTEGER PRIMARY KEY NOT NULL,
  at INTEGER NOT NULL,
  -- Of that moment in UTC, as 2026-11-23.
  day TEXT NOT NULL,
  category TEXT NOT NULL,
  text TEXT NOT NULL,
  session_id TEXT,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1))
) STRICT;

CREATE INDEX idx_memory_entries_day ON memory_entries (day, id);
CREATE INDEX idx_memory_entries_category ON memory_entries (category, id);

-- Facts and the persona: the highest version is the one that counts, some older ones are kept.
CREATE TABLE memory_documents (
  name TEXT NOT NULL CHECK (name IN ('facts', 'persona')),
  version INTEGER NOT NULL,
  content TEXT NOT NULL,
  -- Of facts: the keys whose values came while text of others was in the conversation, as a JSON array.
  tainted_keys TEXT NOT NULL DEFAULT '[]',
  at INTEGER NOT NULL,
  session_id TEXT,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1)),
  PRIMARY KEY (name, version)
) STRICT;

CREATE TABLE notes (
  id INTEGER PRIMARY KEY NOT NULL,
  title TEXT NOT NULL,
  -- What makes two titles the same: composed, in small letters, with single spaces.
  title_key TEXT NOT NULL UNIQUE,
  content TEXT NOT NULL,
  tags TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  session_id TEXT,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1))
) STRICT;

CREATE INDEX idx_notes_updated ON notes (updated_at, id);

-- What a note was before it was saved again.
CREATE TABLE note_versions (
  note_id INTEGER NOT NULL REFERENCES notes (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  title TEXT NOT NULL,
  content TEXT NOT NULL,
  tags TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1)),
  PRIMARY KEY (note_id, version)
) STRICT;

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  -- 1 is high, 2 medium, 3 low: a list begins with what is urgent.
  priority INTEGER NOT NULL CHECK (priority IN (1, 2, 3)),
  created_at INTEGER NOT NULL,
  completed_at INTEGER,
  session_id TEXT,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1))
) STRICT;

CREATE INDEX idx_tasks_pending ON tasks (priority, id) WHERE completed_at IS NULL;
CREATE INDEX idx_tasks_completed ON tasks (completed_at, id) WHERE completed_at IS NOT NULL;

-- Words only, taken apart before they get here, under the id of their row; merged as message_index is.
CREATE VIRTUAL TABLE memory_index USING fts5 (text, content = '', contentless_delete = 1, tokenize = 'ascii');
INSERT INTO memory_index (memory_index, rank) VALUES ('automerge', 0);
INSERT INTO memory_index (memory_index, rank) VALUES ('crisismerge', 1000);
INSERT INTO memory_index (memory_index, rank) VALUES ('usermerge', 8);

-- `facets` holds a word for each tag.
CREATE VIRTUAL TABLE note_index USING fts5 (title, text, facets, content = '', contentless_delete = 1, tokenize = 'ascii');
INSERT INTO note_index (note_index, rank) VALUES ('automerge', 0);
INSERT INTO note_index (note_index, rank) VALUES ('crisismerge', 1000);
INSERT INTO note_index (note_index, rank) VALUES ('usermerge', 8);
