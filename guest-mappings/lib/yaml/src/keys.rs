//! Every key of the format, by what it stands in.

/// Of the file.
pub const MAPPING: &[&str] = &["mapping", "version", "options", "tables"];

/// Of a table.
pub const TABLE: &[&str] =
    &["set", "label", "description", "resource", "sources", "parent", "name", "version", "read_only", "columns"];

/// Of one of a table's `sources`.
pub const SOURCE: &[&str] = &["resource", "when", "profiles", "fixed", "includes"];

/// Of the `parent` of a child table.
pub const PARENT: &[&str] = &["table", "column", "element"];

/// Of a column: what it is. Each column has one of these, with its path.
pub const KINDS: &[&str] = &[
    "key",
    "text",
    "boolean",
    "int",
    "long",
    "decimal",
    "date",
    "date_time",
    "partial_date",
    "uri",
    "json",
    "choice",
    "constant",
    "lookup",
    "concept",
    "coding",
    "quantity_code",
    "code_concept",
];

/// Of a column, beside its kind; with the kinds that each can stand beside, all if none are named.
pub const MODIFIERS: &[(&str, &[&str])] = &[
    ("label", &[]),
    ("description", &[]),
    ("options", &["choice", "constant"]),
    ("to", &["lookup"]),
    ("max", &["text", "concept", "coding", "quantity_code", "code_concept"]),
    ("multi_line", &["text"]),
    ("scale", &["decimal"]),
    ("required", &[]),
    ("derived", &[]),
    ("create_only", &[]),
    ("only", &[]),
    ("open", &["choice"]),
    ("system", &["choice", "code_concept"]),
    ("value_set", &["choice"]),
    ("search", &[]),
];

/// Of a search: what kind of parameter it is, with its name.
pub const SEARCH_KINDS: &[&str] = &["token", "reference", "string", "number", "quantity", "date", "uri"];

/// Of a search, beside its kind.
pub const SEARCH_MODIFIERS: &[&str] =
    &["superset", "partial", "contains", "missing", "sorted", "sort_guaranteed", "only", "template"];
