-- Time never runs backwards in the trail, so a time is a place in it: found by this, not by reading on to the beginning.
CREATE INDEX audit_by_time ON audit (at);
