-- Versions on trial: what each was, and what was found of it when it ended. A table has one under way at most.
CREATE TABLE _turntable_candidates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES _turntable_mappings (digest) ON DELETE CASCADE,
    mode TEXT NOT NULL CHECK (mode IN ('shadow', 'canary')),
    percent INTEGER NOT NULL CHECK (percent BETWEEN 1 AND 100),
    expected TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    begun_by TEXT NOT NULL,
    ended TEXT CHECK (ended IN ('promoted', 'superseded', 'replaced', 'rolled-back', 'stopped')),
    ended_at INTEGER,
    ended_by TEXT,
    found TEXT
) STRICT;
CREATE UNIQUE INDEX _turntable_candidates_under_way ON _turntable_candidates (table_name) WHERE ended IS NULL;
CREATE INDEX _turntable_candidates_of_table ON _turntable_candidates (table_name, id);
CREATE INDEX _turntable_candidates_of_mapping ON _turntable_candidates (digest);
