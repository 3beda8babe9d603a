-- How many there are of what grows without end: counting them each time takes longer the more there are. Triggers keep the
-- numbers, so no write can forget to; of a state nobody was in yet, the first run makes the row.
CREATE TABLE counts (what TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counts SELECT 'events', count(*) FROM events;
INSERT INTO counts SELECT 'duplicates', ifnull(sum(total), 0) FROM arrivals;
INSERT INTO counts SELECT 'run ' || state, count(*) FROM runs GROUP BY state;

CREATE TRIGGER event_more AFTER INSERT ON events BEGIN
  UPDATE counts SET count = count + 1 WHERE what = 'events';
END;
CREATE TRIGGER event_fewer AFTER DELETE ON events BEGIN
  UPDATE counts SET count = count - 1 WHERE what = 'events';
END;

CREATE TRIGGER arrivals_more AFTER INSERT ON arrivals BEGIN
  UPDATE counts SET count = count + NEW.total WHERE what = 'duplicates';
END;
CREATE TRIGGER arrivals_other AFTER UPDATE OF total ON arrivals BEGIN
  UPDATE counts SET count = count + NEW.total - OLD.total WHERE what = 'duplicates';
END;
CREATE TRIGGER arrivals_fewer AFTER DELETE ON arrivals BEGIN
  UPDATE counts SET count = count - OLD.total WHERE what = 'duplicates';
END;

CREATE TRIGGER run_more AFTER INSERT ON runs BEGIN
  INSERT INTO counts VALUES ('run ' || NEW.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER run_other AFTER UPDATE OF state ON runs WHEN OLD.state <> NEW.state BEGIN
  UPDATE counts SET count = count - 1 WHERE what = 'run ' || OLD.state;
  INSERT INTO counts VALUES ('run ' || NEW.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER run_fewer AFTER DELETE ON runs BEGIN
  UPDATE counts SET count = count - 1 WHERE what = 'run ' || OLD.state;
END;
