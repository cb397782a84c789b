-- Unix ms of the restore or import of a session. Retention counts from there where that is later than its last activity:
-- what somebody has just brought back does not go again within the hour.
ALTER TABLE sessions ADD COLUMN kept_since INTEGER;
