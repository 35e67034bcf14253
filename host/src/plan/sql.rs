//! Dialect one: a query as SQL.
