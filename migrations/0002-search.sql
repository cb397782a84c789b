-- Search over what was said and over titles. Both indexes hold words only: a snippet is made of the stored text. The text
-- is taken apart before it gets here, because the tokenizers of SQLite know no character that is younger than 2012.

-- One row per message, under its rowid. `facets` holds words for its session, channel, role and date, so that a filter
-- narrows the words at once instead of throwing away what they found.
CREATE VIRTUAL TABLE message_index USING fts5 (text, facets, content = '', contentless_delete = 1, tokenize = 'ascii');

-- Its parts are merged in steps of their own, between which others write; by itself it would do so in leaps of 40 ms.
INSERT INTO message_index (message_index, rank) VALUES ('automerge', 0);
INSERT INTO message_index (message_index, rank) VALUES ('crisismerge', 1000);
INSERT INTO message_index (message_index, rank) VALUES ('usermerge', 8);

-- One row per title, under the rowid of its session.
CREATE VIRTUAL TABLE title_index USING fts5 (title, content = '', contentless_delete = 1, tokenize = 'ascii');

CREATE TABLE search_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  -- Every message up to this rowid is indexed, but those of the sessions that unindexed_sessions names.
  messages_through INTEGER NOT NULL,
  -- Erased words stay in the parts of an index until those are merged: how many more steps that may take; -1 if it is to
  -- begin.
  purge_steps INTEGER NOT NULL
) STRICT;

INSERT INTO search_state (id, messages_through, purge_steps) VALUES (1, 0, 0);

-- Sessions that came to light with messages in them, as an import does, and how far they are indexed.
CREATE TABLE unindexed_sessions (
  session_rowid INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL DEFAULT 0,
  seq INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Sessions whose title is to be indexed anew.
CREATE TABLE unindexed_titles (session_rowid INTEGER PRIMARY KEY) STRICT;

INSERT INTO unindexed_titles (session_rowid) SELECT rowid FROM sessions WHERE title IS NOT NULL;

CREATE TRIGGER sessions_titled AFTER INSERT ON sessions WHEN NEW.title IS NOT NULL BEGIN
  INSERT INTO unindexed_titles (session_rowid) VALUES (NEW.rowid) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER sessions_retitled AFTER UPDATE OF title ON sessions WHEN NEW.title IS NOT OLD.title BEGIN
  INSERT INTO unindexed_titles (session_rowid) VALUES (NEW.rowid) ON CONFLICT DO NOTHING;
END;

-- An import names the channel at its end, and what it brings is not indexed before.
CREATE TRIGGER sessions_imported AFTER UPDATE OF channel ON sessions WHEN OLD.channel = '' AND NEW.channel <> '' BEGIN
  INSERT INTO unindexed_sessions (session_rowid) VALUES (NEW.rowid) ON CONFLICT DO NOTHING;
END;

-- The rowid of the newest message can be given to the next one.
CREATE TRIGGER messages_unindexed AFTER DELETE ON messages BEGIN
  DELETE FROM message_index WHERE rowid = OLD.rowid;
  UPDATE search_state SET purge_steps = -1,
    messages_through = min(messages_through, coalesce((SELECT max(rowid) FROM messages), 0)) WHERE id = 1;
END;

CREATE TRIGGER sessions_unindexed AFTER DELETE ON sessions BEGIN
  DELETE FROM title_index WHERE rowid = OLD.rowid;
  DELETE FROM unindexed_titles WHERE session_rowid = OLD.rowid;
  DELETE FROM unindexed_sessions WHERE session_rowid = OLD.rowid;
  UPDATE search_state SET purge_steps = -1 WHERE id = 1;
END;
