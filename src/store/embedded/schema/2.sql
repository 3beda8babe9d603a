-- The audit trail: who did what. `body` is the entry as JSON; what it can be found by stands beside it.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  outcome TEXT NOT NULL,
  run TEXT,
  body_packed BLOB NOT NULL
) STRICT;
CREATE INDEX audit_by_who ON audit (who, seq);
CREATE INDEX audit_by_run ON audit (run, seq) WHERE run IS NOT NULL;
