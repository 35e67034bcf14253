//! `$filter` and `$orderby`: tokens to expressions, resolved and typed.
