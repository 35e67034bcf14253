//! Native rows, routes, mapping versions, audit trail and key map in one SQLite file.
