-- Fourth version: in tables of several types, UUIDs of all but the first have keys of their own.

-- Rows get their new keys: all are made anew.
DELETE FROM _turntable_progress;
