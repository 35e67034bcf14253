//! The engine: limits, deadline, pool, compiled-code cache.
