CREATE TRIGGER _turntable_events_stay BEFORE UPDATE ON _turntable_events
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;
