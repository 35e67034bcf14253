-- Third version: child rows are named by what they are, and no longer by where they stand; a resource is stored even where
-- a mapping cannot make its rows.

-- Keys that rows had before a change through us, and the texts of their keys since. The oldest have the least numbers.
CREATE TABLE _turntable_moved (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    guid BLOB NOT NULL UNIQUE,
    id TEXT NOT NULL
) STRICT;

-- Rows get their new keys: all are made anew.
DELETE FROM _turntable_progress;

-- The tables whose rows of a resource are not those of the resource as it stands: their mapping could not make them.
CREATE TABLE _turntable_behind (
    table_name TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (table_name, resource_type, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX _turntable_behind_resource ON _turntable_behind (resource_type, id);
