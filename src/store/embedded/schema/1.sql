-- Times are milliseconds since 1970. Columns named *_packed hold a byte that says how, then the bytes (see rows.rs).

-- One row: when something last changed, and the last place given out in the one order there is.
CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT;

-- epoch, last_good
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  time INTEGER NOT NULL,
  received INTEGER NOT NULL,
  book TEXT NOT NULL,
  depth INTEGER NOT NULL,
  caused_by TEXT,
  digest BLOB,
  meta_packed BLOB NOT NULL,
  body_packed BLOB NOT NULL
) STRICT;
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE INDEX events_by_subject ON events (subject, seq);
CREATE INDEX events_by_book ON events (book);

-- The books an event was evaluated with before its present one: its runs may be of theirs.
CREATE TABLE former_books (
  seq INTEGER NOT NULL,
  book TEXT NOT NULL,
  PRIMARY KEY (seq, book)
) STRICT, WITHOUT ROWID;
CREATE INDEX former_books_by_book ON former_books (book);

-- What an event is known by. These two outlive the event's body: they are the memory against repetition.
CREATE TABLE names (
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  alias INTEGER NOT NULL,
  -- The event was deleted, and is recognized until then.
  until INTEGER,
  PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX names_by_id ON names (id, alias, seq);
CREATE INDEX names_of_gone ON names (seq, alias, source, id) WHERE until IS NOT NULL;
CREATE INDEX names_by_end ON names (until) WHERE until IS NOT NULL;
CREATE TABLE digests (
  source TEXT NOT NULL,
  digest BLOB NOT NULL,
  seq INTEGER NOT NULL,
  until INTEGER,
  PRIMARY KEY (source, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX digests_by_end ON digests (until, seq) WHERE until IS NOT NULL;

-- Later arrivals, apart from the event so that its body is not written again.
CREATE TABLE arrivals (seq INTEGER PRIMARY KEY, total INTEGER NOT NULL, kept TEXT NOT NULL) STRICT;

CREATE TABLE verdicts (
  seq INTEGER NOT NULL,
  place INTEGER NOT NULL,
  rule TEXT NOT NULL,
  version TEXT NOT NULL,
  generation INTEGER NOT NULL,
  decision TEXT NOT NULL,
  run TEXT,
  reason TEXT,
  PRIMARY KEY (seq, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id TEXT NOT NULL UNIQUE,
  seq INTEGER NOT NULL,
  event INTEGER NOT NULL,
  rule TEXT NOT NULL,
  version TEXT NOT NULL,
  generation INTEGER NOT NULL,
  state TEXT NOT NULL,
  waits_for TEXT,
  reason TEXT,
  shadow INTEGER NOT NULL,
  depth INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  stalls INTEGER NOT NULL,
  worker TEXT,
  due INTEGER,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  -- Its concurrency group, what it wants of it, how it stands to it ('queued', 'holds'; NULL is apart), on which run it
  -- waits, and for which it makes way.
  groupname TEXT,
  latest INTEGER NOT NULL,
  cancels INTEGER NOT NULL,
  stand TEXT,
  behind TEXT,
  makes_way TEXT,
  pinned_packed BLOB NOT NULL
) STRICT;
CREATE INDEX runs_in_queue ON runs (groupname, seq, id) WHERE stand IS NOT NULL;
CREATE INDEX runs_holding ON runs (groupname) WHERE stand = 'holds';
CREATE INDEX runs_replaceable ON runs (groupname) WHERE stand = 'queued' AND latest = 1;
CREATE INDEX runs_due ON runs (due, seq, id) WHERE due IS NOT NULL;
CREATE INDEX runs_by_seq ON runs (seq, id);
CREATE INDEX runs_by_rule ON runs (rule, seq, id);
CREATE INDEX runs_by_state ON runs (state, seq, id);
CREATE INDEX runs_by_wait ON runs (waits_for, seq, id) WHERE waits_for IS NOT NULL;
CREATE INDEX runs_by_event ON runs (event, seq, id);

CREATE TABLE steps (
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  place INTEGER NOT NULL,
  -- How many of the same place were begun before.
  nth INTEGER NOT NULL,
  key TEXT NOT NULL,
  state TEXT NOT NULL,
  writes INTEGER NOT NULL,
  error TEXT,
  attempts INTEGER NOT NULL,
  looks INTEGER NOT NULL,
  first_intent INTEGER NOT NULL,
  intent INTEGER NOT NULL,
  finished INTEGER,
  call_packed BLOB NOT NULL,
  result_packed BLOB NOT NULL,
  cursor_packed BLOB NOT NULL,
  approval TEXT,
  UNIQUE (run, step)
) STRICT;

CREATE TABLE cooldowns (
  rule TEXT NOT NULL,
  shadow INTEGER NOT NULL,
  key TEXT NOT NULL,
  run TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (rule, shadow, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX cooldowns_by_run ON cooldowns (run);
CREATE INDEX cooldowns_by_end ON cooldowns (until);

CREATE TABLE rates (
  rule TEXT NOT NULL,
  shadow INTEGER NOT NULL,
  key TEXT NOT NULL,
  run TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (rule, shadow, key, until, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX rates_by_run ON rates (run);
CREATE INDEX rates_by_end ON rates (until);

-- The run of a burst that waits for quiet, and when the burst began.
CREATE TABLE pending (
  rule TEXT NOT NULL,
  shadow INTEGER NOT NULL,
  key TEXT NOT NULL,
  run TEXT NOT NULL,
  first INTEGER NOT NULL,
  PRIMARY KEY (rule, shadow, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_by_run ON pending (run);

-- What stands still until a person lets it go on.
CREATE TABLE pauses (what TEXT PRIMARY KEY, who TEXT NOT NULL, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE causes (
  key TEXT NOT NULL,
  run TEXT NOT NULL,
  depth INTEGER NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (key, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX causes_by_end ON causes (until);

-- What became of runs and was not told yet.
CREATE TABLE outbox (
  at INTEGER NOT NULL,
  run TEXT NOT NULL,
  fence INTEGER NOT NULL,
  what TEXT NOT NULL,
  reason TEXT,
  PRIMARY KEY (at, run, fence, what)
) STRICT, WITHOUT ROWID;

CREATE TABLE kv (
  space TEXT NOT NULL,
  name TEXT NOT NULL,
  until INTEGER,
  value BLOB NOT NULL,
  PRIMARY KEY (space, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX kv_by_end ON kv (until) WHERE until IS NOT NULL;

CREATE TABLE books (
  hash TEXT PRIMARY KEY,
  settings TEXT NOT NULL,
  rules TEXT NOT NULL,
  -- When it was last kept.
  kept INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE rule_texts (
  version TEXT NOT NULL,
  rule TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (version, rule)
) STRICT, WITHOUT ROWID;

INSERT INTO clock VALUES (1, 0, 0);
