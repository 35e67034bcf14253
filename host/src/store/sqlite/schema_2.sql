-- Second version: writes have numbers, rows know how far they were made, hashed keys have an age.

-- The number of the write that put a resource there, or took it away. It only grows; no clock has a say.
ALTER TABLE _turntable_resources ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
UPDATE _turntable_resources AS resource SET written = numbered.number
FROM (
    SELECT resource_type, id, row_number() OVER (ORDER BY modified, resource_type, id) AS number
    FROM _turntable_resources
) AS numbered
WHERE resource.resource_type = numbered.resource_type AND resource.id = numbered.id;
CREATE INDEX _turntable_resources_written ON _turntable_resources (written, resource_type);

-- By which mapping, and of the resources written up to which number, the rows of a root table and its children are
-- made. Null = of all: every write makes these rows too.
CREATE TABLE _turntable_progress (
    table_name TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    up_to INTEGER
) STRICT, WITHOUT ROWID;
-- Before, a resource had rows in one table of its type. All are made anew.
DELETE FROM _turntable_settings WHERE name LIKE 'rows-made-by:%';

-- The oldest have the least numbers.
CREATE TABLE _turntable_numbered_keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    guid BLOB NOT NULL UNIQUE,
    id TEXT NOT NULL
) STRICT;
INSERT INTO _turntable_numbered_keys (guid, id) SELECT guid, id FROM _turntable_keys;
DROP TABLE _turntable_keys;
ALTER TABLE _turntable_numbered_keys RENAME TO _turntable_keys;
