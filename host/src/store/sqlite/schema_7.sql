-- Seventh version: what has changed in a set of rows since a write can be told, and views of users are kept.

-- A set that is dropped and made anew is another one.
CREATE TABLE _turntable_sets_apart (name TEXT PRIMARY KEY, up_to INTEGER, identity INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO _turntable_sets_apart SELECT name, up_to, random() FROM _turntable_sets;
DROP TABLE _turntable_sets;
ALTER TABLE _turntable_sets_apart RENAME TO _turntable_sets;

-- Keys that rows of a set had, with the number of the write that took the last of them away.
CREATE TABLE _turntable_gone (
    table_name TEXT NOT NULL,
    key BLOB NOT NULL,
    written INTEGER NOT NULL,
    PRIMARY KEY (table_name, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX _turntable_gone_written ON _turntable_gone (table_name, written);

-- How many of a set are kept, and after which write all of them.
CREATE TABLE _turntable_gone_kept (table_name TEXT PRIMARY KEY, rows INTEGER NOT NULL, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Which run of a program made the writes from a number on: a copy of the store that is written to has other writes of the same
-- numbers.
CREATE TABLE _turntable_runs (begins INTEGER PRIMARY KEY, identity INTEGER NOT NULL) STRICT;
INSERT INTO _turntable_runs VALUES (0, random());

-- Views of users. `owner`: whoever made it, as far as that is known.
CREATE TABLE _turntable_user_views (
    id BLOB PRIMARY KEY,
    owner BLOB NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    table_name TEXT NOT NULL,
    fetch_xml TEXT NOT NULL,
    layout_xml TEXT,
    query_type INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
