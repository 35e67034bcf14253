-- Fifth version: values that no element of a resource carries are kept beside it, whatever version of a mapping is in force.

-- `row`: empty, or of a child row the names of its elements. A value of null is one that was set.
CREATE TABLE _turntable_own (
    resource_type TEXT NOT NULL,
    id TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row TEXT NOT NULL,
    column_name TEXT NOT NULL,
    value TEXT,
    PRIMARY KEY (resource_type, id, table_name, row, column_name)
) STRICT, WITHOUT ROWID;

-- Native tables whose rows may still have such values in themselves alone. They are taken over when the rows are made anew,
-- as all are.
CREATE TABLE _turntable_own_in_rows (table_name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO _turntable_own_in_rows SELECT DISTINCT table_name FROM _turntable_columns;
DELETE FROM _turntable_progress;
