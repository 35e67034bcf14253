//! A column's path, evaluated anew over plain JSON: a second opinion on what a cell must show.

use serde_json::Value;
use turntable::model::table::{Column, Kind};

/// `name.where(use='official').given[0]`, without alternatives and functions.
#[derive(Debug)]
pub(crate) struct ElementPath {
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) index: Option<usize>,
    /// Member path and value, all of which must hold.
    pub(crate) conditions: Vec<(Vec<String>, String)>,
    /// Of several the one that holds now.
    pub(crate) is_current: bool,
}

/// Which entries of the lists on its path a child table's row shows: an index for each step of the path that has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowPlace(Vec<Option<usize>>);

impl RowPlace {
    /// Of a key `id/participant/0/role/1`; of one without a path that of a whole resource.
    pub(crate) fn of_key(key: &str) -> Self {
        let mut steps: Vec<Option<usize>> = Vec::new();
        for part in key.split('/').skip(1) {
            match (part.parse(), steps.last_mut()) {
                (Ok(index), Some(last)) => *last = Some(index),
                _ => steps.push(None),
            }
        }
        Self(steps)
    }

    pub(crate) fn index(&self, depth: usize) -> Option<usize> {
        self.0.get(depth).copied().flatten()
    }
}

/// The lists of such a key, outermost first: `[[participant], [role]]`.
pub(crate) fn lists_of_key(key: &str) -> Vec<Vec<&str>> {
    let mut lists = Vec::new();
    let mut members = Vec::new();
    for part in key.split('/').skip(1) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            lists.push(std::mem::take(&mut members));
        } else {
            members.push(part);
        }
    }
    lists
}

/// The keys, behind the id, of all entries of these lists.
pub(crate) fn entries_of_lists(element: &Value, lists: &[Vec<&str>]) -> Vec<String> {
    let Some((members, inner)) = lists.split_first() else { return vec![String::new()] };
    let Some(list) = members.iter().try_fold(element, |at, name| at.get(name)) else { return Vec::new() };
    let all: Vec<&Value> = match list {
        Value::Array(items) => items.iter().collect(),
        alone => vec![alone],
    };
    let rows = all.into_iter().enumerate().filter(|(_, entry)| !entry.is_null() && !entry.is_array());
    let keys = rows.flat_map(|(index, entry)| {
        let place = format!("/{}/{index}", members.join("/"));
        entries_of_lists(entry, inner).into_iter().map(move |rest| place.clone() + &rest)
    });
    keys.collect()
}

impl ElementPath {
    /// None for what is more than names, indexes, `where` with constants, and `current`.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut steps: Vec<Step> = Vec::new();
        for part in split(path) {
            if let Some(conditions) = part.strip_prefix("where(").and_then(|part| part.strip_suffix(')')) {
                steps.last_mut()?.conditions = conditions.split(" and ").map(condition).collect::<Option<_>>()?;
                continue;
            }
            if let Some(conditions) = part.strip_prefix("current(").and_then(|part| part.strip_suffix(')')) {
                let step = steps.last_mut()?;
                step.is_current = true;
                if !conditions.is_empty() {
                    step.conditions = conditions.split(" and ").map(condition).collect::<Option<_>>()?;
                }
                continue;
            }
            let (name, index) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
                Some((name, index)) => (name, Some(index.parse().ok()?)),
                None => (part, None),
            };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return None;
            }
            steps.push(Step { name: name.to_owned(), index, conditions: Vec::new(), is_current: false });
        }
        (!steps.is_empty()).then_some(Self { steps })
    }

    /// What the path leads to, in the entries that a row shows.
    pub(crate) fn values<'v>(&self, resource: &'v Value, row: &RowPlace) -> Vec<&'v Value> {
        let mut at = vec![resource];
        for (depth, step) in self.steps.iter().enumerate() {
            let index = step.index.or(row.index(depth));
            let members = at.into_iter().filter_map(|value| value.get(&step.name));
            let admitted = members.flat_map(|member| entries(member, index)).filter(|value| step.admits(value));
            if step.is_current {
                at = admitted
                    .filter_map(|value| Some((step.standing(value)?, value)))
                    .min_by_key(|(key, _)| *key)
                    .map_or_else(Vec::new, |(_, value)| vec![value]);
                continue;
            }
            // Of the entries that a `where` finds, and of codings, the first: it is the one that is written too.
            let is_first = !step.conditions.is_empty() || step.name == "coding";
            at = if is_first { admitted.take(1).collect() } else { admitted.collect() };
        }
        at
    }
}

impl Step {
    /// The smaller, the rather it is the one that holds now: last resort, ended, use, rank. None for what is none.
    fn standing(&self, entry: &Value) -> Option<(bool, bool, usize, u64)> {
        entry.as_object()?;
        let usage = entry["use"].as_str().unwrap_or_default();
        let ended = entry["period"]["end"].is_string();
        let is_name = self.name == "name";
        if usage == "old" && !is_name {
            return None;
        }
        let order: &[&[&str]] = match self.name.as_str() {
            "name" => &[&["official"], &["usual"]],
            "address" => &[&["home", "work"]],
            _ => &[],
        };
        let place = order.iter().position(|uses| uses.contains(&usage)).unwrap_or(order.len());
        let rank = entry["rank"].as_u64().filter(|rank| *rank > 0 && self.name == "telecom").unwrap_or(u64::MAX);
        Some((is_name && ["old", "maiden"].contains(&usage), ended, place, rank))
    }

    pub(crate) fn admits(&self, value: &Value) -> bool {
        self.conditions.iter().all(|(path, constant)| {
            let mut at = vec![value];
            for name in path {
                at = at.into_iter().filter_map(|v| v.get(name)).flat_map(|member| entries(member, None)).collect();
            }
            at.iter().any(|found| found.as_str() == Some(constant))
        })
    }
}

/// Columns that show a whole list as one text, by code of their mapping that no path tells of.
const JOINED: [&str; 1] = ["tt_daysofweek"];

pub(crate) fn is_joined(column: &Column) -> bool {
    JOINED.contains(&column.name.as_str())
}

/// What the cell must show; None if this oracle cannot say.
pub(crate) fn expected_cell(
    column: &Column,
    path: &ElementPath,
    resource: &Value,
    row: &RowPlace,
) -> Option<Option<String>> {
    let values = path.values(resource, row);
    let first = values.first().copied();
    let text = |value: Option<&Value>| match value {
        None => Some(None),
        // Of another type than the column's: what then is for the mapping to say.
        Some(Value::String(text)) if !text.is_empty() => Some(Some(text.clone())),
        Some(_) => None,
    };
    match &column.kind {
        Kind::Text { .. } | Kind::Uri | Kind::DateTime | Kind::PartialDate => text(first),
        Kind::Date => text(first).filter(|text| text.as_ref().is_none_or(|text| text.len() == 10)),
        Kind::Boolean => match first {
            None => Some(None),
            Some(Value::Bool(value)) => Some(Some(value.to_string())),
            Some(_) => None,
        },
        Kind::Decimal { .. } => match first {
            None => Some(None),
            Some(Value::Number(number)) => Some(Some(number.to_string())),
            Some(_) => None,
        },
        // A whole number is rounded where the element is a decimal.
        Kind::Int32 | Kind::Int64 => match first {
            None => Some(None),
            Some(Value::Number(number)) if number.is_i64() => Some(Some(number.to_string())),
            Some(_) => None,
        },
        // Codes outside the choice, and those of another system, are for the mapping to judge.
        Kind::Choice(choice) => text(first).filter(|code| {
            code.as_ref().is_none_or(|code| choice.by_code(code).is_some_and(|option| option.system.is_none()))
        }),
        Kind::Lookup(lookup) => match first {
            None => Some(None),
            Some(reference) => {
                let text = reference["reference"].as_str()?;
                let (resource_type, id) = text.split_once('/')?;
                let is_target = lookup.targets.iter().any(|target| target.resource_type == resource_type);
                (is_target && !id.contains('/')).then(|| Some(text.to_owned()))
            }
        },
        Kind::Key | Kind::Json | Kind::ConceptKey { .. } => None,
    }
}

/// The entries of a list, or the one value that stands alone; nulls are places, not values.
fn entries(member: &Value, index: Option<usize>) -> Vec<&Value> {
    let all = match member {
        Value::Array(items) => items.iter().collect(),
        alone => vec![alone],
    };
    let chosen: Vec<&Value> = match index {
        Some(index) => all.get(index).copied().into_iter().collect(),
        None => all,
    };
    chosen.into_iter().filter(|value| !value.is_null()).collect()
}

/// Parts between dots that are in no parentheses.
fn split(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0);
    for (at, character) in path.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '.' if depth == 0 => {
                parts.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[start..]);
    parts
}

fn condition(text: &str) -> Option<(Vec<String>, String)> {
    let (path, constant) = text.split_once('=')?;
    let constant = constant.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    Some((path.trim().split('.').map(str::to_owned).collect(), constant.to_owned()))
}
