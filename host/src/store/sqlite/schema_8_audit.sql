-- Eighth version, the audit trail: an entry has the request that set it off, what came of it, and a seal that covers it and the one
-- before. What is old may go, from the oldest on, once the seal of the last that goes is kept.
ALTER TABLE _turntable_events ADD COLUMN request TEXT;
ALTER TABLE _turntable_events ADD COLUMN outcome TEXT;
ALTER TABLE _turntable_events ADD COLUMN is_decision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE _turntable_events ADD COLUMN seal BLOB;
CREATE INDEX _turntable_events_decisions ON _turntable_events (id) WHERE is_decision;
CREATE INDEX _turntable_events_of_table ON _turntable_events (table_name, id) WHERE table_name IS NOT NULL;
CREATE INDEX _turntable_events_of_actor ON _turntable_events (actor, id);

CREATE TABLE _turntable_events_cut (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    -- The last entry that has gone.
    id INTEGER NOT NULL,
    seal BLOB NOT NULL
) STRICT;
INSERT INTO _turntable_events_cut VALUES (1, 0, zeroblob(32));

DROP TRIGGER _turntable_events_remain;
CREATE TRIGGER _turntable_events_remain BEFORE DELETE ON _turntable_events
WHEN OLD.id > (SELECT id FROM _turntable_events_cut)
BEGIN
    SELECT RAISE(ABORT, 'events are never removed');
END;
DROP TRIGGER _turntable_events_stay;
