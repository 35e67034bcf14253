-- The system tables, first version. Moments are microseconds since 1970 (UTC).
-- No table of a mapping may have a name that starts like these.

-- What the native route keeps: resources, from which mappings make the rows. A deleted one leaves its version behind.
CREATE TABLE _turntable_resources (
    resource_type TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    body BLOB,
    PRIMARY KEY (resource_type, id)
) STRICT, WITHOUT ROWID;

-- How the sort keys of each column of each native table were made, to notice when they must be made anew.
CREATE TABLE _turntable_columns (
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    keys TEXT NOT NULL,
    PRIMARY KEY (table_name, column_name)
) STRICT, WITHOUT ROWID;

-- The way back from a GUID that was hashed from an id.
CREATE TABLE _turntable_keys (
    guid BLOB PRIMARY KEY,
    id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE _turntable_mappings (
    digest TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    tables TEXT NOT NULL,
    report TEXT NOT NULL,
    uploaded_at INTEGER NOT NULL,
    uploaded_by TEXT NOT NULL,
    component BLOB NOT NULL
) STRICT;

-- The active version of a table is its last one that was not rolled back.
CREATE TABLE _turntable_activations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES _turntable_mappings (digest) ON DELETE CASCADE,
    activated_at INTEGER NOT NULL,
    activated_by TEXT NOT NULL,
    rolled_back INTEGER NOT NULL DEFAULT 0 CHECK (rolled_back IN (0, 1))
) STRICT;
CREATE INDEX _turntable_activations_of_table ON _turntable_activations (table_name, rolled_back, id);
CREATE INDEX _turntable_activations_of_mapping ON _turntable_activations (digest);

CREATE TABLE _turntable_routes (
    table_name TEXT PRIMARY KEY,
    route TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    set_by TEXT NOT NULL
) STRICT;

CREATE TABLE _turntable_settings (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- The audit trail.
CREATE TABLE _turntable_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    table_name TEXT,
    detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER _turntable_events_stay BEFORE UPDATE ON _turntable_events
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;
CREATE TRIGGER _turntable_events_remain BEFORE DELETE ON _turntable_events
BEGIN
    SELECT RAISE(ABORT, 'events are never removed');
END;
