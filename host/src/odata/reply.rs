//! Rows to JSON with annotations; errors to OData errors.
