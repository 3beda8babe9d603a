-- Whoever puts an event on record counts it, many at once: a trigger makes SQLite copy every page that the event touches, in case
-- that the trigger fails.
DROP TRIGGER event_more;

-- An event is found by its id with and without its source, by the one index that the table itself is.
CREATE TABLE names_by_id_first (
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  alias INTEGER NOT NULL,
  -- The event was deleted, and is recognized until then.
  until INTEGER,
  PRIMARY KEY (id, source)
) STRICT, WITHOUT ROWID;
INSERT INTO names_by_id_first SELECT source, id, seq, alias, until FROM names ORDER BY id, source;
DROP TABLE names;
ALTER TABLE names_by_id_first RENAME TO names;
CREATE INDEX names_of_gone ON names (seq, alias, source, id) WHERE until IS NOT NULL;
CREATE INDEX names_by_end ON names (until) WHERE until IS NOT NULL;
