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

    /// Exact sums and averages.
    pub mod total;

    /// Decimals of any size to count with.
    pub mod exact;

    /// Regular expressions.
    pub mod pattern;

    /// Rows in one buffer.
    pub mod rows;

    /// The second names that some tables have.
    pub mod twins;

    /// All tables of one moment, and the relations between them.
    pub mod catalog;

    /// What rows are named by beside their key.
    pub mod alternate;

    /// A query and a change, resolved and typed.
    pub mod query;

    /// A table with values of related rows as columns.
    pub mod widened;

    /// Groups of rows, and what is counted and added up in each.
    pub mod aggregate;

    /// What a read finds: rows and what hangs on them, as a tree.
    pub mod result;

    /// What a FetchXML asks for, and the flat rows that it finds.
    pub mod fetch;

    /// Views that users keep.
    pub mod user_view;

    /// What the scopes of a token let its bearer do.
    pub mod scopes;

    /// Who asks: name, roles, claims.
    pub mod caller;

    /// What they may do at all.
    pub mod access;

    /// What roles give of each table: operations, rows, columns.
    pub mod rules;

    /// Entries of the audit trail, each sealed with the one before.
    pub mod audit;
}

/// The language that apps speak: text to model and back.
pub mod odata {
    /// Tables for the tests of this area.
    #[cfg(test)]
    pub(crate) mod sample;

    /// Primitive literals by rule: where they end, or where they go wrong.
    pub mod literal;

    /// What works in place of what people write.
    pub mod instead;

    /// Text of a `$filter` and its kin to tokens with positions.
    pub mod lexer;

    /// Tokens to an untyped tree: all of the expression grammar.
    pub mod syntax;

    /// Rows in addresses, by their key or an alternate key.
    pub mod named;

    /// Query functions of Dataverse as plain conditions.
    pub mod dataverse;

    /// Values: the tree resolved against a table and typed.
    pub mod expression;

    /// A condition as a boolean value, true or false and never null.
    mod truth;

    /// `$filter` and `$orderby`: conditions over tables and their relations.
    pub mod filter;

    /// `$search`: words and phrases as a condition on all texts of a row.
    pub mod search;

    /// FetchXML: text to a query whose links stand beside its rows.
    pub mod fetch {
        /// Text to a tree of elements.
        pub(crate) mod xml;

        /// Operators by their names.
        mod operator;

        /// One condition on one column.
        mod condition;

        /// Which tables stand beside which.
        mod link;

        /// The elements resolved against tables, and the cookies of its pages.
        pub mod query;

        /// The same with groups of rows.
        pub mod aggregate;
    }

    /// `$select`, `$expand` and what may stand in their parentheses: text to an untyped tree.
    pub mod selection;

    /// `$apply`: transformations as groups.
    pub mod apply;

    /// `$compute`: values with names of their own.
    pub mod compute;

    /// The query string: options by name, and from them a query.
    pub mod options;

    /// `$batch`: many requests in one body, and their answers.
    pub mod batch;

    /// What headers ask for: format, preferences, versions.
    pub mod headers;

    /// Service document and `$metadata`.
    pub mod metadata;

    /// Tables as Dataverse describes them, as objects that can be asked for: `EntityDefinitions` and its kin.
    pub mod definitions {
        /// Identifiers, labels, names.
        mod label;

        /// Columns and their choices.
        mod attribute;

        /// Views that every table has.
        pub mod view;

        /// Views that users keep.
        pub mod user_view;

        /// What there is, and what leads where.
        mod subject;

        /// Query options over it.
        mod select;

        /// `RetrieveMetadataChanges`.
        mod changes;

        /// Paths to it, and what is answered there.
        pub mod address;
    }

    /// The body of a create or update to checked cell texts.
    pub mod body;

    /// Files that open tables elsewhere, and the API described for tools.
    pub mod files;

    /// Path, options, headers and body to a request.
    pub mod request;

    /// One cell as a JSON value, and the writer of JSON.
    pub mod cells;

    /// Rows to JSON with annotations; errors to OData errors.
    pub mod reply;

    /// Changes of a list to JSON.
    pub mod delta;

    /// Flat rows of a fetch to JSON.
    pub mod flat;

    /// Rows of groups to JSON.
    pub mod groups;

    /// Rows as CSV.
    pub mod csv;

    /// Rows as Parquet.
    pub mod parquet;
}

/// What to ask of whom: pure decisions, printable.
pub mod plan {
    /// Tables and filters for the tests of planning.
    #[cfg(test)]
    mod example;

    /// A condition back to OData text.
    pub mod unparse;

    /// What a row means: the definition of the semantics, on every route.
    pub mod evaluate {
        /// What functions, arithmetic and casts make of values.
        pub mod operations;

        /// Values of expressions and conditions over one row.
        pub mod expression;

        /// Filters, orders and pages rows in memory.
        pub mod residual;

        /// Groups rows, and counts and adds up in each group.
        pub mod aggregate;
    }

    /// What FHIR search can do of it.
    pub mod search {
        /// Typed values as FHIR search values: widened bounds, escaped text.
        pub mod parameter;

        /// The spellings that rows may have of a text.
        pub mod spelling;

        /// A filter as conditions that must all hold.
        pub mod normal;

        /// One condition as FHIR search parameters: a superset of its rows, or nothing.
        pub mod pushdown;

        /// An `or` that takes several searches.
        pub mod alternatives;

        /// Which elements of a resource columns are read from.
        pub mod elements;

        /// A condition on related rows as part of the search for the rows themselves.
        pub mod chain;

        /// A query as FHIR search, each conjunct exact, inexact or left over.
        pub mod query;
    }

    /// Pages of an order, cut from ranges that a service can search.
    pub mod window;

    /// Values of related rows beside a row's own.
    pub mod joined;

    /// A plan: all that a query will take, as one tree.
    pub mod tree;

    /// A query and where its tables live to a plan.
    pub mod planner;

    /// A fetch to a plan, and what it finds to flat rows.
    pub mod flat;

    /// A plan as people read it.
    pub mod explain;
}

/// What a request is called wherever it goes, and what its steps took.
pub mod telemetry {
    /// Steps that have ended, in a queue.
    pub mod spans;

    /// The last requests with their steps, in memory.
    pub mod traces;

    /// The request that is being answered, known to all that it sets off.
    pub mod context;
}

/// Threads for what holds its thread.
pub mod jobs;

/// Turns at what there is little of: shared fairly, waited for in bounds.
pub mod turns;

/// The door to the database.
pub mod store {
    /// What administrators decide, and the audit trail.
    pub mod control;

    /// What is put into native tables and asked of them.
    pub mod native;

    /// GUIDs back to what they were hashed from, in memory.
    mod keys;

    /// Turns at the database, or the word to come back.
    mod queue;

    /// The dialect.
    mod sql {
        /// Names of tables and columns, values of parameters.
        pub(crate) mod names;

        /// Conditions, each exactly or not at all.
        pub(crate) mod conditions;

        /// Indexes for the reads of one shape.
        pub(crate) mod indexes;

        /// Indexes of the words in texts, and what they are asked.
        pub(crate) mod words;

        /// Values of related rows as subqueries.
        pub(crate) mod beside;

        /// What is wanted of a native table as a statement.
        pub(crate) mod select;

        /// Groups of the rows of a native table as a statement.
        pub(crate) mod groups;
    }

    /// SQLite. Every call blocks.
    mod sqlite {
        /// An SQL table for each native table that has rows, which follows its mapping.
        pub(crate) mod tables;

        /// The data folder: one server at a time, never an empty store where one was.
        pub(crate) mod folder;

        /// Sums and extremes as functions of the database, exact.
        pub(crate) mod functions;

        /// The audit trail in the database: entries behind the last, each with its seal.
        pub(crate) mod chain;

        /// Indexes that reads have asked for: which there are, which are wanted.
        pub(crate) mod wishes;

        /// Indexes of words that reads have asked for: which there are, which are wanted.
        pub(crate) mod searched;

        /// The database file: opening, schema versions, connections, what its errors mean.
        pub(crate) mod database;

        /// A copy of the store in one file, and the way back.
        pub(crate) mod backup;

        /// Which tables are behind with which resources.
        pub(crate) mod behind;

        /// Moments and JSON in columns.
        mod columns;

        /// Versions on trial.
        mod candidates;

        /// The audit trail: written, read, held against its seals, cut at its old end.
        pub(crate) mod trail;

        /// Mapping versions, active ones, routes and settings.
        pub(crate) mod control;

        /// Values that no element of a resource carries.
        pub(crate) mod own;

        /// Keys of rows that are gone, and since when.
        pub(crate) mod gone;

        /// Resources in, with the rows made of them.
        pub(crate) mod write;

        /// Resources out.
        pub(crate) mod read;

        /// Indexes of the words in texts, asked.
        pub(crate) mod words;

        /// Rows out.
        pub(crate) mod scan;

        /// Indexes made and dropped.
        pub(crate) mod indexes;

        /// Indexes of the words in texts: made, tidied and dropped.
        pub(crate) mod worded;

        /// What has changed since a write.
        pub(crate) mod changes;

        /// Groups of rows out.
        pub(crate) mod groups;

        /// All rows of a scan, some at a time.
        pub(crate) mod stream;

        /// Native tables follow their mappings.
        pub(crate) mod follow;

        /// Which sets of rows are whole and in force.
        pub(crate) mod sets;

        /// Hashed keys on the disk.
        pub(crate) mod keys;

        /// Views of users on the disk.
        pub(crate) mod user_views;
    }

    /// The store: asynchronous, bounded, off the reactor.
    pub mod facade;

    /// What requests leave in the audit trail: a place first, written behind them.
    pub mod noting;
}

/// The door to FHIR services.
pub mod fhir {
    /// What a service's answers have taught about it.
    pub mod learned;

    /// What is kept of each caller, of a service that is asked with their tokens.
    mod callers;

    /// What a service says when it does not do what was asked, as an error.
    pub mod outcome;

    /// What a service says that it can do.
    pub mod capabilities;

    /// What a service was found to do when it was tried out.
    pub mod probed;

    /// One HTTP exchange: where it may go, how long it may take, how much it may bring.
    pub mod transport;

    /// Who we are, signed for a token endpoint.
    pub mod assertion;

    /// Credentials for a service.
    pub mod auth;

    /// One service: search, read, create, update, delete, capabilities.
    pub mod client;
}

/// Traces and figures to a collector of OpenTelemetry.
pub mod otlp;

/// The door to wasmtime.
pub mod mapping {
    /// The contract as Rust types.
    mod contract;

    /// What a component is and whether it may come in, found without running it.
    pub mod inspect;

    /// Who has signed a component, and whose signatures are trusted.
    pub mod signature;

    /// Compiled code on disk, believed only with a MAC.
    mod cache;

    /// Compiled functions in memory, which mappings share.
    mod functions;

    /// The engine: limits, deadline, pool, one call.
    pub mod sandbox;

    /// What a mapping says of itself, checked, to tables.
    mod describe;

    /// The mappings inside this binary, each with what the build knows of it.
    pub mod shipped;

    /// A component's code, compiled when it is first needed.
    mod code;

    /// A component or a description to a mapping; then rows and resources.
    pub mod component;

    /// A loaded mapping as a subject of the laws.
    pub(crate) mod subject;
}

/// Components in OCI registries. Commands go there; no server does.
pub mod oci {
    /// Where an artifact is.
    pub mod reference;

    /// What a component is there: manifest, configuration, layer.
    pub mod artifact;

    /// What a registry asks for.
    pub mod credentials;

    /// The registry itself.
    pub mod registry;
}

/// Who asks, of what they show. No HTTP, and nothing of what they may.
pub mod identity {
    /// API keys, in a file of the data folder.
    pub mod keys;

    /// Names and passwords.
    pub mod passwords;

    /// Signed tokens, and the keys they are checked with.
    pub mod jws;

    /// Documents of OpenID providers.
    pub mod fetch;

    /// Signing in on a page at a provider: where, and for what it gives a token.
    pub mod sign_in;

    /// OpenID providers, and who their tokens are of.
    pub mod provider;

    /// What somebody shows, to a caller.
    pub mod identify;
}

/// Use cases; knows no HTTP.
pub mod router {
    /// Where a page ended, sealed.
    pub mod token;

    /// Jobs that hold their thread: off the reactor, a bounded number at once, a share for each mapping.
    pub mod work;

    /// Who may write a resource: one at a time.
    pub mod writers;

    /// Mappings that are written while they are tried: read, made components, kept for the next trial.
    pub mod drafts;

    /// What a caller sees of the tables: narrowed by their rules once, for all that they ask.
    pub mod sight;

    /// What was counted, over time.
    pub mod course;

    /// A version on trial beside the one in force, and what is found of it.
    pub mod candidate;

    /// Resources that wait until what both versions make of them is compared.
    pub mod samples;

    /// What is in force: one immutable moment, swapped whole. Reading, writing and releasing all begin with it.
    pub mod snapshot;

    /// What roles give of each table, told to administrators.
    pub mod told;

    /// Writes to a FHIR service that are made together or not at all.
    pub mod gathered;

    /// Writes of one session that are made together or not at all.
    pub mod staged;

    /// One request: the only way into reading and writing, with one deadline and one budget.
    pub mod session;

    /// What elements of lists are called in keys, whatever happens to those beside them.
    pub mod element;

    /// Resources to rows, the same on both routes.
    pub mod map;

    /// A query to rows.
    pub mod read {
        /// A scan of the store.
        mod native;

        /// A page of a FHIR service made into rows.
        mod made;

        /// Searches in a FHIR service, page by page.
        mod pages;

        /// Whether a service compares texts as R4 says.
        mod texts;

        /// Pages of an order, cut from ranges.
        mod windows;

        /// What the history of a FHIR service says.
        mod history;

        /// Cells that are the same in every row of a virtual table.
        mod constants;

        /// Conditions on related tables.
        mod join;

        /// Conditions on related rows that a service looks at itself.
        mod chained;

        /// Rows held to the rules of their caller.
        mod held;

        /// What hangs on the rows of a page.
        mod expand;

        /// What the rows are called that lookups point to.
        mod names;

        /// Rows with values of related rows beside them, filtered and sorted by both.
        mod gather;

        /// A query to a page: planned, then its plan walked.
        pub mod run;

        /// Lists whose changes are told later.
        pub mod changes;

        /// Lists of a FHIR service whose changes are told later, slice by slice.
        mod slices;

        /// Changes in a FHIR service since a delta link was given.
        mod since;

        /// A fetch to a page of flat rows.
        pub mod fetch;

        /// Values of rows that have names of their own.
        mod computed;

        /// Rows that a request names by something else than their key.
        mod named;

        /// Groups of rows.
        pub mod aggregate;

        /// All rows of a query, some at a time.
        pub mod export;
    }

    /// Steps of a change of what is in force, at which a test may end.
    pub mod fault;

    /// A change to resources.
    pub mod write {
        /// Keys of child rows over changes.
        pub mod moves;

        /// Values that no element carries, over changes of their resource.
        pub mod own;

        /// The rows that are stored beside a resource.
        pub mod rows;

        /// Where a table's resources are, and how one is read and written there.
        pub mod backend;

        /// Whether a changed resource is right R4.
        pub mod right;

        /// Whether a service shows what was written.
        pub mod kept;

        /// Why a change is refused, in the words of its table.
        pub mod refusal;

        /// The row behind a key.
        pub mod find;

        /// The values of a change as a mapping takes them.
        pub mod assign;

        /// A change merged into a resource.
        pub mod merge;

        /// A change of a row to a change of its resource.
        pub mod change;

        /// The search of a conditional request, answered on resources.
        pub mod condition;

        /// Links inside a bundle, to what its entries came to be.
        pub mod links;

        /// Which of several versions of one resource is the newest.
        pub mod newest;

        /// What was sent to be stored, read: entries, understood or refused.
        pub mod bundle;

        /// What is to become of the entries of a bundle here: ids, conditions, links, writes.
        pub mod settle;

        /// What a FHIR service answers to the entries of a bundle.
        pub mod answered;

        /// A bundle to resources.
        pub mod ingest;

        /// A change set of one resource, to a service without transactions.
        pub mod alone;

        /// Changes of resources of a FHIR service, sent as one transaction.
        pub mod transaction;

        /// Several changes that are made together or not at all.
        pub mod together;

        /// Views of users.
        pub mod user_view;
    }

    /// What a request leaves in the audit trail.
    pub mod noted;

    /// Mapping versions and routes: the control plane.
    pub mod release {
        /// What a mapping must show before it is let in.
        pub mod gate;

        /// Names that its tables must not have.
        pub mod collisions;

        /// What a version changes for apps, views and roles.
        pub mod difference;

        /// Who asks for it.
        pub mod actor;

        /// API keys made and revoked, and the audit trail of it.
        pub mod keys;

        /// Whose signatures versions have, and what that lets in.
        pub mod signed;

        /// A component through the gate, into the store.
        pub mod load;

        /// Rows that could not be made, tried again.
        pub mod behind;

        /// Versions by the beginning of their digest.
        pub mod digests;

        /// A version into force, and back to the one before.
        pub mod activate;

        /// A version on trial, put into force, taken back, or stopped by what was found of it.
        pub mod candidates;

        /// What a version on trial makes of resources, beside what the one in force makes.
        pub mod compare;

        /// Takes a mapping out of force, with all of its tables.
        pub mod deactivate;

        /// Forgets a loaded version.
        pub mod unload;

        /// What stands against a turn of a route: looked for, nothing changed.
        pub mod preflight;

        /// A table's route to another place.
        pub mod turn;

        /// Where the cells of rows came from, and what a way there and back loses.
        pub mod traced;

        /// A mapping tried on a resource or a row; nothing is stored.
        pub mod playground;

        /// What a FHIR service really does, tried out.
        pub mod probe;

        /// What is in force when the server starts.
        pub mod start;
    }
}

/// The log, which holds nobody up.
pub mod log;

/// The only place that knows HTTP.
pub mod http {
    /// Error codes to statuses.
    pub mod status;

    /// Who may come in, before any login: names, pages of other sites, types of bodies.
    pub mod doors;

    /// One connection: how long it may take for what.
    pub mod line;

    /// The token of administrators.
    pub mod token;

    /// The service document and `$metadata`: rendered once, kept compressed.
    pub mod metadata;

    /// How each table is used: requests, errors, times.
    pub mod traffic;

    /// What the log says of requests that went wrong here.
    mod failures;

    /// What handlers share, errors on their way out.
    pub mod shared;

    /// Who sent a request, and whether they may send such a one at all.
    mod identity;

    /// What a request for rows is called in the audit trail.
    mod audited;

    /// Bodies in.
    pub mod body;

    /// How `/fhir` speaks: outcomes, and what is there.
    pub mod fhir;

    /// `POST /fhir`.
    pub mod ingest;

    /// What Microsoft's bundle actions answer.
    pub mod actions;

    /// All rows of a query as a file.
    pub mod export;

    /// A request to the table API, read, and the links of its answer.
    pub mod sent;

    /// The table API.
    pub mod tables;

    /// The admin API: for each call its question and answer as types, of which its description is made.
    pub mod admin {
        /// What its calls share.
        mod answer;

        /// Tables and their routes.
        mod tables;

        /// What was found of versions on trial.
        mod trials;

        /// Mapping versions: loaded, put in force, taken back.
        mod releases;

        /// Who did what.
        mod audit;

        /// The last requests, step by step.
        mod traces;

        /// API keys.
        mod keys;

        /// Who there is, and what their roles give them.
        mod roles;

        /// FHIR services, and what they were found to do.
        mod sources;

        /// What a row is made of.
        mod origin;

        /// A mapping tried.
        mod playground;

        /// Settings in force, and how each table is used.
        mod figures;

        /// Its routes, and the OpenAPI document that describes them.
        pub mod openapi;
    }

    /// Readiness and metrics.
    pub mod health;

    /// `$batch`, part by part.
    pub mod batch;

    /// Answers packed with gzip.
    mod packed;

    /// What browsers are told of pages of other addresses.
    mod cors;

    /// Signing in on a page, at a provider.
    mod sign_in;

    /// The pages for people: the data app, the console, and the one at `/` that leads to them.
    mod pages;

    /// The list of routes.
    pub mod app;

    /// TLS towards clients, with a certificate that is read anew.
    pub mod tls;

    /// Connections: how many, how one takes the place of another, how they end.
    pub mod server;
}

/// `turntable.toml` and the environment, checked, as one struct of every part's settings.
pub mod config;

/// What people type.
pub mod cli {
    /// Lines to stdout and stderr.
    pub mod terminal;

    /// Files that commands write.
    mod files;

    /// How a server comes to its API keys.
    mod keys;

    /// The server as a whole: start, ready, stop.
    pub mod serve;

    /// `turntable key`.
    pub mod key;

    /// `turntable user`.
    pub mod user;

    /// `turntable backup`, `turntable restore`.
    pub mod backup;

    /// The demo, and the FHIR sandbox alone.
    pub mod demo;

    /// Commands that talk to a running server.
    pub mod admin;

    /// Commands for versions on trial.
    pub mod trials;

    /// `turntable audit`, `turntable events`.
    pub mod audit;

    /// `turntable trace`.
    pub mod trace;

    /// Commands for authors of mappings.
    pub mod mapping;

    /// The command line itself.
    pub mod arguments;
}
