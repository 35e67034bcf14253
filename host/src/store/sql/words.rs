//! An index of the words in the texts of a table: for each three letters that stand beside each other in a folded text, the
//! rows that have them. It tells which rows may meet a condition on parts of texts (`$search`, `contains` and its kin),
//! never which do: the condition itself is checked on each of them. So what the index passes over (a NUL, the place of the
//! letters, the column) costs a look and no more.
//!
//! The index says up to which row it is made ([`UP_TO`]): rows up to there are kept in it by triggers, in the transaction that
//! writes them, and those beyond are taken in some at a time.

use std::collections::BTreeSet;

use crate::model::query::{Expr, Filter, Literal, TextTest};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::fold;
use crate::store::sql::names::{key_name, quoted, stem, table_name};

/// Letters that are found together.
const LETTERS: usize = 3;

/// Of one text, so many parts are asked for; the rest of a longer one is left to the check.
const PARTS_MAX: usize = 48;

/// Of one condition.
const QUERY_BYTES_MAX: usize = 16 << 10;

/// How deep the database nests what is asked of the index.
const DEPTH_MAX: usize = 64;

/// Statement: up to which row an index is made, and its columns; by the name of the set.
pub(crate) const UP_TO: &str = "SELECT up_to, columns FROM _turntable_words WHERE name = ?";

/// All rows.
pub(crate) const WHOLE: i64 = i64::MAX;

/// What rows must have somewhere in their texts, for a filter to keep them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// As the index is asked.
    pub(crate) query: String,
    /// Stems of the columns that it is about.
    pub(crate) columns: BTreeSet<String>,
}

impl Words {
    /// None: rows of any text may be kept.
    pub(crate) fn of(table: &Table, filter: &Filter) -> Option<Self> {
        let mut columns = BTreeSet::new();
        let mut query = String::new();
        needed(table, filter, 0, &mut columns)?.write(&mut query);
        (query.len() <= QUERY_BYTES_MAX).then_some(Self { query, columns })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Needed {
    Text(String),
    All(Vec<Needed>),
    Any(Vec<Needed>),
}

fn needed(table: &Table, filter: &Filter, depth: usize, columns: &mut BTreeSet<String>) -> Option<Needed> {
    if depth > DEPTH_MAX {
        return None;
    }
    let mut side = |filter: &Filter| needed(table, filter, depth + 1, columns);
    match filter {
        Filter::And(a, b) => match (side(a), side(b)) {
            (Some(a), Some(b)) => Some(Needed::all(a, b)),
            (a, b) => a.or(b),
        },
        // Where one says nothing, any row may be meant.
        Filter::Or(a, b) => Some(Needed::any(side(a)?, side(b)?)),
        Filter::Text(
            TextTest::Contains | TextTest::StartsWith | TextTest::EndsWith,
            Expr::Column(column),
            Expr::Literal(Literal::Text(text)),
        ) if is_text(table, *column) => {
            let text: String = fold(text).chars().filter(|letter| *letter != '\0').collect();
            if text.chars().count() < LETTERS {
                return None;
            }
            columns.insert(stem(table, *column).into_owned());
            Some(Needed::Text(text))
        }
        _ => None,
    }
}

impl Needed {
    fn all(a: Self, b: Self) -> Self {
        match (a, b) {
            (a, b) if a == b => a,
            (Self::All(mut some), other) | (other, Self::All(mut some)) => {
                if !some.contains(&other) {
                    some.push(other);
                }
                Self::All(some)
            }
            (a, b) => Self::All(vec![a, b]),
        }
    }

    /// A word that may be in any of many columns is asked for once.
    fn any(a: Self, b: Self) -> Self {
        match (a, b) {
            (a, b) if a == b => a,
            (Self::Any(mut some), other) | (other, Self::Any(mut some)) => {
                if !some.contains(&other) {
                    some.push(other);
                }
                Self::Any(some)
            }
            (a, b) => Self::Any(vec![a, b]),
        }
    }

    fn write(&self, to: &mut String) {
        match self {
            Self::Text(text) => {
                let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                let parts: BTreeSet<&str> = ends
                    .windows(LETTERS + 1)
                    .take(PARTS_MAX)
                    .filter_map(|ends| text.get(*ends.first()?..*ends.last()?))
                    .collect();
                joined(to, &parts.into_iter().collect::<Vec<_>>(), " AND ", |part, to| {
                    to.push('"');
                    to.push_str(&part.replace('"', "\"\""));
                    to.push('"');
                });
            }
            Self::All(some) => joined(to, some, " AND ", Self::write),
            Self::Any(some) => joined(to, some, " OR ", Self::write),
        }
    }
}

fn joined<T>(to: &mut String, some: &[T], between: &str, mut write: impl FnMut(&T, &mut String)) {
    to.push('(');
    for (nth, one) in some.iter().enumerate() {
        if nth > 0 {
            to.push_str(between);
        }
        write(one, to);
    }
    to.push(')');
}

/// Columns of texts: those that the index of a table has.
pub(crate) fn columns(table: &Table) -> Vec<ColumnIndex> {
    (0..table.columns.len()).filter(|column| is_text(table, *column)).collect()
}

fn is_text(table: &Table, column: ColumnIndex) -> bool {
    let kind = table.columns.get(column).map(|column| &column.kind);
    matches!(kind, Some(Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json))
}

/// The index of a set of rows, unquoted.
pub(crate) fn name(set: &str) -> String {
    format!("{set}::words")
}

/// The statement that gives rows which may be meant: its parameters are what is asked, and how many rows at most.
pub(crate) fn find(set: &str) -> String {
    let name = quoted(&name(set));
    format!("SELECT rowid FROM {name} WHERE {name} MATCH ? LIMIT ?")
}

/// Makes an empty index of a table and what keeps it.
pub(crate) fn create(table: &Table) -> String {
    let set = table.set();
    let columns = columns(table);
    let cells = |before: &str| -> String {
        columns.iter().map(|column| format!(", {before}{}", key_name(table, *column))).collect()
    };
    let (index, rows, bare) = (quoted(&name(&set)), table_name(table), cells(""));
    let held =
        |row: &str| format!("{row}.rowid <= (SELECT up_to FROM _turntable_words WHERE name = {})", literal(&set));
    let put = format!("INSERT INTO {index} (rowid{bare}) VALUES (new.rowid{});", cells("new."));
    let taken = format!("UPDATE _turntable_words SET taken = taken + 1 WHERE name = {};", literal(&set));
    let take =
        format!("INSERT INTO {index} ({index}, rowid{bare}) VALUES ('delete', old.rowid{}); {taken}", cells("old."));
    let trigger = |what: &str| quoted(&format!("{}:{what}", name(&set)));
    let of = bare.trim_start_matches(", ");
    format!(
        "CREATE VIRTUAL TABLE {index} USING fts5({of}, content='', detail=none, columnsize=0, tokenize='trigram case_sensitive 1');\n\
         CREATE TRIGGER {} AFTER INSERT ON {rows} WHEN {} BEGIN {put} END;\n\
         CREATE TRIGGER {} AFTER DELETE ON {rows} WHEN {} BEGIN {take} END;\n\
         CREATE TRIGGER {} AFTER UPDATE OF {of} ON {rows} WHEN {} BEGIN {take} {put} END;",
        trigger("put"),
        held("new"),
        trigger("taken"),
        held("old"),
        trigger("changed"),
        held("old"),
    )
}

/// Takes the index of a set of rows away, and what keeps it.
pub(crate) fn drop(set: &str) -> String {
    let name = name(set);
    let triggers: String = ["put", "taken", "changed"]
        .map(|what| format!("DROP TRIGGER IF EXISTS {};\n", quoted(&format!("{name}:{what}"))))
        .concat();
    format!(
        "{triggers}DROP TABLE IF EXISTS {};\nDELETE FROM _turntable_words WHERE name = {};",
        quoted(&name),
        literal(set)
    )
}

/// The last of some rows after a row: its parameters are that row and how many.
pub(crate) fn next(table: &Table) -> String {
    let rows = table_name(table);
    format!("SELECT max(rowid) FROM (SELECT rowid FROM {rows} WHERE rowid > ? ORDER BY rowid LIMIT ?)")
}

/// Takes in the rows after one, up to another.
pub(crate) fn fill(table: &Table) -> String {
    let columns: String = columns(table).iter().map(|column| format!(", {}", key_name(table, *column))).collect();
    let (index, rows) = (quoted(&name(&table.set())), table_name(table));
    format!("INSERT INTO {index} (rowid{columns}) SELECT rowid{columns} FROM {rows} WHERE rowid > ? AND rowid <= ?")
}

/// Begins to make one part of all parts of an index, without what was taken out of it; its parameter says how much is done at
/// once, and the same again goes on, as long as it changes anything. Negative to begin.
pub(crate) fn tidy(set: &str) -> String {
    let name = quoted(&name(set));
    format!("INSERT INTO {name} ({name}, rank) VALUES ('merge', ?)")
}

/// A name as a text.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
