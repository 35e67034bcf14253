//! Rows in addresses: `set(guid)`, `set(key=guid)`, and those that are named by an alternate key, whose own key is not in the
//! text. What has to be looked up for a request is written down here while it is read; the request is then
//! read once more, with what was found.

use std::cell::RefCell;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::literal;
use super::syntax::{self, Argument, Node, Segment, SegmentKind, Syntax};
use crate::model::alternate::{AlternateKey, Named};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::limits::Limits;
use crate::model::table::Table;

/// What a request names, and what of it is known.
pub struct Naming<'a> {
    pub limits: &'a Limits,
    /// Parameter aliases of the request, names without the `@`.
    pub aliases: &'a BTreeMap<String, String>,
    /// What has been looked up; None: there is no such row.
    found: &'a [(Named, Option<Uuid>)],
    wanted: RefCell<Vec<Named>>,
    keys: RefCell<Vec<(Uuid, String)>>,
}

/// What stands in the parentheses after an entity set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    Of(Uuid),
    /// No row has it.
    Missing(AlternateKey),
}

impl<'a> Naming<'a> {
    pub fn new(limits: &'a Limits, aliases: &'a BTreeMap<String, String>, found: &'a [(Named, Option<Uuid>)]) -> Self {
        Self { limits, aliases, found, wanted: RefCell::default(), keys: RefCell::default() }
    }

    /// What is still to be looked up; if there is anything, nothing else that was read holds.
    pub fn wanted(&self) -> Vec<Named> {
        self.wanted.take()
    }

    /// Keys that were named by what they are made from, each with that text: `Type/id`.
    pub fn keys(&self) -> Vec<(Uuid, String)> {
        self.keys.take()
    }

    /// The key of a row; as long as it is not known one that no row has.
    pub fn row(&self, named: Named) -> Option<Uuid> {
        if let Some((_, found)) = self.found.iter().find(|(known, _)| *known == named) {
            return *found;
        }
        let mut wanted = self.wanted.borrow_mut();
        // What comes after a row that is not known yet is asked of that row, once it is.
        let is_next = match &named {
            Named::By(_) => true,
            Named::Behind { key, .. } => !key.is_nil(),
            Named::Among { key, parent_key, .. } => !key.is_nil() && !parent_key.is_nil(),
        };
        // Many rows may name one, a practice, say.
        if (is_next || wanted.is_empty()) && !wanted.contains(&named) {
            wanted.push(named);
        }
        Some(Uuid::nil())
    }

    /// The row that is meant by what stands in the parentheses after an entity set. An alias stands for its value. `BadKey`
    /// for what is no key of the table, `NotSupported` for columns that are there and are none.
    pub fn key(&self, text: &str, table: &Table) -> Result<RowKey> {
        if let Some(guid) = parse_key(text) {
            return Ok(RowKey::Of(guid));
        }
        if let Some(alias) = text.strip_prefix('@') {
            let value = self.aliases.get(alias).and_then(|value| parse_key(value));
            return value.map(RowKey::Of).ok_or_else(|| bad_key(table, "is no GUID"));
        }
        let arguments = syntax::arguments(text, self.limits).map_err(|_| bad_key(table, "is no GUID"))?;
        let key_column = &table.columns[table.key].name;
        let names: Vec<_> = arguments.iter().filter_map(|argument| argument.name.as_deref()).collect();
        match (arguments.as_slice(), names.as_slice()) {
            ([], _) => return Err(bad_key(table, "is empty")),
            ([Argument { name: Some(name), value }], _) if name == key_column => {
                let (Syntax::Guid(text) | Syntax::Text(text)) = &value.syntax else {
                    return Err(bad_key(table, "is no GUID"));
                };
                return Uuid::try_parse(text).map(RowKey::Of).map_err(|_| bad_key(table, "is no GUID"));
            }
            _ if names.len() < arguments.len() => return Err(bad_key(table, "is no GUID")),
            _ => {}
        }
        let values = self.values(table, &arguments)?;
        if let [(column, id)] = values.as_slice()
            && table.alternate_key() == Some(*column)
        {
            let (guid, named) = key::of_id(table, id).ok_or_else(|| bad_key(table, "is no id"))?;
            self.keys.borrow_mut().push((guid, named));
            return Ok(RowKey::Of(guid));
        }
        let by = AlternateKey { table: table.name.clone(), values };
        Ok(self.row(Named::By(by.clone())).map_or(RowKey::Missing(by), RowKey::Of))
    }

    /// The columns of an alternate key, in the order in which the table has them, with the texts that they are given.
    fn values(&self, table: &Table, arguments: &[Argument]) -> Result<Vec<(usize, String)>> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let name = argument.name.as_deref().unwrap_or_default();
            let column = table.property(name).ok_or_else(|| bad_key(table, "names a column that does not exist"))?;
            values.push((column, &argument.value.syntax));
        }
        values.sort_by_key(|(column, _)| *column);
        let columns: Vec<_> = values.iter().map(|(column, _)| *column).collect();
        if columns.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(bad_key(table, "names a column twice"));
        }
        let keys = table.alternate_keys();
        // A value names a row without its system, too, if no other row has it.
        let is_key = |key: &Vec<usize>| {
            key[..1] == columns || (key.len() == columns.len() && key.iter().all(|column| columns.contains(column)))
        };
        if !keys.iter().any(is_key) {
            return Err(no_such_key(table, &columns, &keys));
        }
        let text = |(column, syntax): (usize, &Syntax)| match syntax {
            Syntax::Text(text) => Ok((column, text.clone())),
            Syntax::Path(path) => {
                let text = path.first().and_then(|segment| self.aliased(segment));
                Ok((column, text.ok_or_else(|| bad_key(table, "is no text in single quotes"))?))
            }
            _ => Err(bad_key(table, "is no text in single quotes")),
        };
        values.into_iter().map(text).collect()
    }

    /// The text that an alias stands for.
    fn aliased(&self, segment: &Segment) -> Option<String> {
        let SegmentKind::At(alias) = &segment.kind else { return None };
        let value = syntax::arguments(self.aliases.get(alias)?, self.limits).ok()?;
        match value.as_slice() {
            [Argument { name: None, value: Node { syntax: Syntax::Text(text), .. } }] => Some(text.clone()),
            _ => None,
        }
    }
}

/// A GUID as a URL has it: bare, or in quotes.
pub fn parse_key(key: &str) -> Option<Uuid> {
    let bare = key.strip_prefix('\'').and_then(|k| k.strip_suffix('\'')).unwrap_or(key);
    if literal::guid(bare, 0) == Ok(bare.len()) { Uuid::try_parse(bare).ok() } else { None }
}

fn no_such_key(table: &Table, columns: &[usize], keys: &[Vec<usize>]) -> Error {
    let called = |columns: &[usize]| {
        let names: Vec<_> = columns.iter().map(|column| format!("{}=…", table.columns[*column].name)).collect();
        format!("{}({})", table.entity_set, names.join(","))
    };
    let names: Vec<_> = columns.iter().map(|column| format!("`{}`", table.columns[*column].name)).collect();
    let message = format!("rows of `{}` have no alternate key of {}", table.entity_set, names.join(" and "));
    let known: Vec<_> = keys.iter().map(|key| called(key)).collect();
    let error = Error::new(Code::NotSupported, message).target(table.columns[columns[0]].name.clone());
    match known.as_slice() {
        [] => error.hint("ask for the row with $filter"),
        known => error.hint(format!("ask with $filter, or by {}", known.join(" or "))),
    }
}

pub fn bad_key(table: &Table, why: &str) -> Error {
    let error = Error::new(Code::BadKey, format!("the key of `{}` {why}", table.entity_set))
        .target(table.columns[table.key].name.clone());
    error.hint(format!("write `{}(00000000-0000-0000-0000-000000000000)`", table.entity_set))
}
