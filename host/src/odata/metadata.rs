//! Service document and `$metadata`.
