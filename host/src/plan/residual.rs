//! Filters, orders and pages rows in memory: the definition of the semantics.
