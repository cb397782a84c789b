-- The number of commits is kept here and, newer than the log file may be, in the file gateway.commit beside the database:
-- a log that lost its end opens as it was some commits ago, and nothing else would tell.
ALTER TABLE counts ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;
