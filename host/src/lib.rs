//! Turntable: one table API in front of clinical data, wherever it lives.
//!
//! This file is the map. The modules stand bottom first, as the tree tells the story of a request from the inside out;
//! a file uses only what is declared above it, and `tests/layers.rs` holds it to that. `ARCHITECTURE.md` has the
//! picture, the invariants and three walkthroughs.

/// What we talk about: pure data, no I/O.
pub mod model {
    /// One error: code, message, hint, details; no HTTP.
    pub mod error;

    /// Every limit, with its default.
    pub mod limits;

    /// Tables, columns, choices, lookups, search bindings, routes.
    pub mod table;

    /// FHIR ids as GUIDs and back, references, concept keys.
    pub mod key;

    /// What a cell's text means, and the order of cells.
    pub mod value;

    /// Rows in one buffer.
    pub mod rows;

    /// All tables of one moment, and the relations between them.
    pub mod catalog;

    /// A query and a change, resolved and typed.
    pub mod query;
}

/// The language that apps speak: text to model and back.
pub mod odata {
    /// Tables for the tests of this area.
    #[cfg(test)]
    pub(crate) mod sample;

    /// Primitive literals by rule: where they end, or where they go wrong.
    pub mod literal;

    /// Text of a `$filter` and its kin to tokens with positions.
    pub mod lexer;

    /// Tokens to an untyped tree: all of the expression grammar.
    pub mod syntax;

    /// Query functions of Dataverse as plain conditions.
    pub mod dataverse;

    /// Values: the tree resolved against a table and typed.
    pub mod expression;

    /// `$filter` and `$orderby`: conditions over tables and their relations.
    pub mod filter;

    /// `$select`, `$expand` and what may stand in their parentheses: text to an untyped tree.
    pub mod selection;

    /// The query string: options by name, and from them a query.
    pub mod options;

    /// What headers ask for: format, preferences, versions.
    pub mod headers;

    /// The body of a create or update to checked cell texts.
    pub mod body;

    /// Path, options, headers and body to a request.
    pub mod request;

    /// One cell as a JSON value, and the writer of JSON.
    pub mod cells;

    /// Rows to JSON with annotations; errors to OData errors.
    pub mod reply;

    /// Service document and `$metadata`.
    pub mod metadata;
}

/// What to ask of whom: pure decisions, printable.
pub mod plan {
    /// Filters, orders and pages rows in memory: the definition of the semantics.
    pub mod residual;

    /// Dialect one: a query as SQL.
    pub mod sql;

    /// Dialect two: a query as FHIR search, each conjunct exact, inexact or left over.
    pub mod search;

    /// A query and a route to a plan.
    pub mod choose;
}

/// The door to the database.
pub mod store {
    /// Native rows, routes, mapping versions, audit trail and key map in one SQLite file.
    pub mod sqlite;
}

/// The door to FHIR services.
pub mod fhir {
    /// Credentials for a service.
    pub mod auth;

    /// One service: search, read, create, update, delete, capabilities.
    pub mod client;
}

/// The door to wasmtime.
pub mod mapping {
    /// The engine: limits, deadline, pool, compiled-code cache.
    pub mod sandbox;

    /// Bytes to a mapping: inspect, compile, describe; then rows and resources.
    pub mod component;
}
