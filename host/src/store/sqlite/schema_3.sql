-- Third version: child rows are named by what they are, and no longer by where they stand.

-- Keys that rows had before a change through us, and the texts of their keys since. The oldest have the least numbers.
CREATE TABLE _turntable_moved (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    guid BLOB NOT NULL UNIQUE,
    id TEXT NOT NULL
) STRICT;

-- Rows get their new keys: all are made anew.
DELETE FROM _turntable_progress;
