//! Why a change of a row is refused, in the words of the table: columns, never values.

use uuid::Uuid;

use crate::mapping::component::{Issue, IssueCode};
use crate::model::error::{Code, Detail, Error};
use crate::model::key;
use crate::model::table::{Column, Table};
use crate::router::snapshot::ServedTable;

/// The mapping's findings about what the client sent.
pub fn refused(table: &Table, issues: &[Issue]) -> Error {
    let code_of = |issue: &Issue| match issue.code {
        IssueCode::Required => Code::RequiredColumn,
        IssueCode::NotSupported => Code::NotWritable,
        IssueCode::Conflict => Code::Conflict,
        _ => Code::BadValue,
    };
    let code = issues.first().map_or(Code::BadValue, code_of);
    let column = |issue: &Issue| issue.column.and_then(|c| table.columns.get(c)).map(|c| c.name.clone());
    let mut error = match issues {
        [only] => Error::new(code, only.message.clone()),
        _ => Error::new(code, format!("the change to `{}` cannot be made", table.name)),
    };
    if let Some(column) = issues.first().and_then(column) {
        error = error.target(column);
    }
    error.details(issues.iter().map(|issue| Detail {
        code: format!("{:?}", code_of(issue)),
        message: issue.message.clone(),
        target: column(issue),
    }))
}

/// Turns the FHIRPath expressions in a service's refusal into the columns that the client knows.
pub fn name_columns(table: &Table, error: Error) -> Error {
    error.map_targets(|expression| {
        let path = without_indices(expression);
        let path = path.split_once('.').filter(|(head, _)| head.starts_with(|c: char| c.is_ascii_uppercase()));
        let path = path.map(|(_, rest)| rest)?;
        let is_of = |column: &&Column| {
            column.path.split('|').any(|alternative| {
                let of_column = without_indices(alternative.trim());
                of_column == path || of_column.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
            })
        };
        // One that the client can do something about, where there is one.
        let can_write = |column: &&Column| column.access.create || column.access.update;
        let mut columns = table.columns.iter().filter(is_of);
        let first = columns.clone().next();
        columns.find(can_write).or(first).map(|column| column.name.clone())
    })
}

/// `name[0].given` -> `name.given`; `where(…)` and the like are left out too.
pub fn without_indices(path: &str) -> String {
    let mut depth = 0_u32;
    let mut plain = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain.replace(".where", "").replace(".first", "")
}

pub fn not_found(table: &Table) -> Error {
    let error = Error::new(Code::NotFound, format!("`{}` has no row of this key", table.entity_set));
    match table.parent {
        Some(_) => error.hint("the row may have changed or gone meanwhile: read the list again"),
        None => error,
    }
}

/// Two rows of several types never have one key, so not every GUID is a key for each type.
pub fn no_key_of(table: &Table, resource_type: &str, key: Uuid) -> Error {
    let message = format!("this key cannot be given to a {resource_type}: it is one of another type of this table");
    let error = Error::new(Code::BadKey, message);
    let offered = key::guid_of(resource_type, &key.to_string(), table.rank(resource_type));
    match key::behind(offered, resource_type, table.rank(resource_type)) {
        Some(key::Decoded::Id(_)) => error.hint(format!("leave the key out, or use {offered}")),
        _ => error.hint("leave the key out"),
    }
}

/// Of a change that was to be made only where there is no row.
pub fn exists_already() -> Error {
    Error::new(Code::VersionMismatch, "the row exists already")
}

pub fn already_exists() -> Error {
    Error::new(Code::AlreadyExists, "a row of this key exists already")
}

pub fn ill_formed(table: &ServedTable, what: &str) -> Error {
    Error::new(
        Code::MappingIllFormed,
        format!("mapping `{}` {} of table `{}`: {what}", table.mapping.name, table.mapping.version, table.table.name),
    )
}
