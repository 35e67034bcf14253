//! The mappings inside this binary, and the engines of those that are data.

// Written by `build.rs`: `BUILTIN`, name and component of each mapping under `guest-mappings/tables/`; `DECLARED` and
// `VIEW_ENGINE`, the core modules that run mappings in YAML and views.
include!(concat!(env!("OUT_DIR"), "/builtin.rs"));
