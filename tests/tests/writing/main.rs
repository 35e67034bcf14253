//! What is written: rows, batches and bundles, and that it is there afterwards.

mod batch;
mod both_routes;
mod child_versions;
mod deep_insert;
mod ingest;
mod replace;
