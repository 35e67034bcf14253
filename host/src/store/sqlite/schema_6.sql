-- Sixth version: the rows that a version of a mapping makes are a set of their own.

-- How far each set is made, by what the rows of its root table are called (`name@version`): of the resources written up to
-- which number. Null = of all: every write makes these rows too. All are made anew.
DROP TABLE _turntable_progress;
CREATE TABLE _turntable_sets (name TEXT PRIMARY KEY, up_to INTEGER) STRICT, WITHOUT ROWID;
DELETE FROM _turntable_behind;
