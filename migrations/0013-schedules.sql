-- What comes by the clock, and what one run hands to another.

CREATE TABLE schedules (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  -- Either an expression of five fields, or one moment.
  cron TEXT,
  once_at INTEGER,
  -- Of the IANA database: what the expression means follows its changes of the clock.
  timezone TEXT NOT NULL,
  -- What is said to the agent.
  text TEXT NOT NULL,
  -- Null for a new session each time.
  session_id TEXT,
  -- Who added it: its messages are sent with the rights that this token has then.
  token_id TEXT NOT NULL,
  -- The most that tools may do in its runs.
  profile TEXT NOT NULL,
  -- 1 where text of others was in the conversation that it was added in: then each of its messages is such text.
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1)),
  created_at INTEGER NOT NULL,
  -- The next time that it is due; null where there is none.
  next_at INTEGER,
  -- Why it is paused, for a person; null where it is not.
  paused TEXT,
  -- Due times that no run followed: how many, and the newest of them, as a JSON array.
  missed INTEGER NOT NULL DEFAULT 0,
  missed_at TEXT NOT NULL DEFAULT '[]',
  CHECK ((cron IS NULL) <> (once_at IS NULL))
) STRICT;

-- Each due time is kept once: whoever finds its row here has nothing to do any more.
CREATE TABLE schedule_runs (
  schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
  due_at INTEGER NOT NULL,
  cause TEXT NOT NULL CHECK (cause IN ('due', 'catch-up', 'manual')),
  started_at INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (schedule_id, due_at)
) STRICT, WITHOUT ROWID;

-- The most that tools may do in a run, where that is less than what its session says.
ALTER TABLE runs ADD COLUMN profile TEXT;

-- Sessions that were made for a sub-run. Their ids begin with "sub_", so that nobody looks here for any other.
CREATE TABLE delegations (
  session_id TEXT PRIMARY KEY NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  -- The run that does what was asked for; others may follow it.
  run_id TEXT NOT NULL,
  -- Who asks; null for whoever called the tool outside of a session, or of a run.
  parent_session_id TEXT,
  parent_run_id TEXT,
  role TEXT NOT NULL,
  -- 1 where a run that is no sub-run asks.
  depth INTEGER NOT NULL,
  -- Of the tools that it may use, as a JSON array.
  permissions TEXT NOT NULL,
  -- The session whose budgets pay for it: the one that all of it began in.
  payer_session_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
