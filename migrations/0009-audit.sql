-- The audit trail: who did what, from where, and what came of it. It is only ever added to.
CREATE TABLE audit (
  -- Without a gap from 1 on, so that an entry that was taken away is missed.
  seq INTEGER PRIMARY KEY NOT NULL,
  at INTEGER NOT NULL,
  action TEXT NOT NULL,
  -- Who it was, with the name that the token had then: a token may be replaced under its id.
  token_id TEXT,
  token_name TEXT,
  channel TEXT NOT NULL,
  address TEXT,
  user_agent TEXT,
  target TEXT,
  outcome TEXT NOT NULL,
  details TEXT,
  -- SHA-256 over the hash of the entry before and all columns of this one; docs/audit.md has the form.
  hash BLOB NOT NULL CHECK (octet_length(hash) = 32)
) STRICT;

-- Each ends with the seq, by which every page is ordered.
CREATE INDEX idx_audit_action ON audit (action);
CREATE INDEX idx_audit_token ON audit (token_id);
CREATE INDEX idx_audit_token_action ON audit (token_id, action);

-- What stands before the first entry: random, so that the chain of one database never continues that of another.
CREATE TABLE audit_genesis (
  id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
  hash BLOB NOT NULL CHECK (octet_length(hash) = 32)
) STRICT;
INSERT INTO audit_genesis (id, hash) VALUES (1, randomblob(32));

-- Against mistakes, of this program too. Whoever may change the schema can drop them; the chain tells then.
CREATE TRIGGER audit_keeps_values BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'The audit trail is only ever added to.'); END;
CREATE TRIGGER audit_keeps_entries BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'The audit trail is only ever added to.'); END;
-- INSERT OR REPLACE takes a row away without a word to the trigger above.
CREATE TRIGGER audit_keeps_order BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'The audit trail is only ever added to.'); END;
CREATE TRIGGER audit_keeps_genesis BEFORE UPDATE ON audit_genesis
BEGIN SELECT RAISE(ABORT, 'The audit trail is only ever added to.'); END;
CREATE TRIGGER audit_keeps_its_genesis BEFORE DELETE ON audit_genesis
BEGIN SELECT RAISE(ABORT, 'The audit trail is only ever added to.'); END;
