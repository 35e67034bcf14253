-- Third version: a resource is stored even where a mapping cannot make its rows.

-- The tables whose rows of a resource are not those of the resource as it stands: their mapping could not make them.
CREATE TABLE _turntable_behind (
    table_name TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (table_name, resource_type, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX _turntable_behind_resource ON _turntable_behind (resource_type, id);
