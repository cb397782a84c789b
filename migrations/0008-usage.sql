-- What was spent, by UTC day, session, token and model; empty text where there is none of them, or where the session was
-- erased. Kept up to date in the commits that end runs and calls, so that nobody has to read all runs for a sum.
CREATE TABLE usage_days (
  -- Days since 1970-01-01, in UTC.
  day INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  token_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  runs INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  calls INTEGER NOT NULL DEFAULT 0,
  -- Of the calls, those of which the provider told no count.
  estimated_calls INTEGER NOT NULL DEFAULT 0,
  -- Of the calls, those whose price is not known; micro_usd holds nothing of them.
  unpriced_calls INTEGER NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  micro_usd INTEGER NOT NULL DEFAULT 0,
  tool_calls INTEGER NOT NULL DEFAULT 0,
  wall_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (day, session_id, token_id, provider, model)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_usage_days_session ON usage_days (session_id);

-- The same added up for each budget, so that one is checked by reading one row.
CREATE TABLE budget_accounts (
  scope TEXT NOT NULL CHECK (scope IN ('day', 'session', 'token')),
  -- Id of the session or token; empty for that of the whole gateway.
  key TEXT NOT NULL,
  -- 0 for a session, whose budget is for all its days together.
  day INTEGER NOT NULL,
  tokens INTEGER NOT NULL DEFAULT 0,
  micro_usd INTEGER NOT NULL DEFAULT 0,
  tool_calls INTEGER NOT NULL DEFAULT 0,
  wall_ms INTEGER NOT NULL DEFAULT 0,
  -- Set aside for calls that are under way.
  reserved_tokens INTEGER NOT NULL DEFAULT 0,
  reserved_micro_usd INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (scope, key, day)
) STRICT, WITHOUT ROWID;

-- One row for each call of a model that is under way. What a dead process left is settled at the next start.
CREATE TABLE budget_reservations (
  id TEXT PRIMARY KEY NOT NULL,
  -- Null for a call that belongs to no run any more, such as for a summary.
  run_id TEXT,
  session_id TEXT NOT NULL,
  token_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  -- The day that pays for it, whenever it ends.
  day INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  -- USD for a million tokens, which is micro-USD for one; null if the price is not known.
  input_price REAL,
  output_price REAL,
  -- Of both together at that price; 0 where it is not known.
  micro_usd INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_budget_reservations_run ON budget_reservations (run_id) WHERE run_id IS NOT NULL;

-- What was spent before there were prices: the tokens of each run, at a price that nobody knows.
INSERT INTO usage_days (day, session_id, token_id, provider, model, runs, failed, calls, unpriced_calls, input_tokens, output_tokens)
SELECT finished_at / 86400000, session_id, ifnull(token_id, ''), ifnull(provider, ''), ifnull(model, ''), count(*), sum(state = 'failed'),
  sum(usage IS NOT NULL), sum(usage IS NOT NULL AND ifnull(provider, '') <> 'offline'),
  ifnull(sum(CAST(usage ->> 'inputTokens' AS INTEGER)), 0), ifnull(sum(CAST(usage ->> 'outputTokens' AS INTEGER)), 0)
FROM runs WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5;

INSERT INTO budget_accounts (scope, key, day, tokens)
SELECT 'day', '', day, sum(input_tokens + output_tokens) FROM usage_days GROUP BY day;

INSERT INTO budget_accounts (scope, key, day, tokens)
SELECT 'session', session_id, 0, sum(input_tokens + output_tokens) FROM usage_days GROUP BY session_id;

INSERT INTO budget_accounts (scope, key, day, tokens)
SELECT 'token', token_id, day, sum(input_tokens + output_tokens) FROM usage_days WHERE token_id <> '' GROUP BY token_id, day;
