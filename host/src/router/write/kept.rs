//! Whether a write is there: what a FHIR service shows after it, held against what it was asked to write. A service may
//! answer with what it had before, put the write off, or write something else; none of it may be told as done.

use std::time::Instant;

use bytes::Bytes;

use crate::model::error::{Code, Error, Result};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::{Number, parse_instant};
use crate::router::map::{self, Mapped, Resource};
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;

/// Columns that an error names at most.
const NAMED_MOST: usize = 20;

/// The rows of a resource as it was sent and as it is shown.
pub struct Compared<'a> {
    table: &'a Table,
    mapped: Mapped,
}

/// Documents in the order in which they are mapped.
const SHOWN: usize = 0;
const SENT: usize = 1;

impl<'a> Compared<'a> {
    /// `base`: the address that the service gives itself in references.
    pub async fn new(
        session: &Session,
        served: &'a std::sync::Arc<ServedTable>,
        resource_type: &str,
        base: String,
        [shown, sent]: [&Bytes; 2],
    ) -> Result<Self> {
        let (table, resource_type, bodies) = (served.clone(), resource_type.to_owned(), [shown.clone(), sent.clone()]);
        let mapped = session.work(&served.table, move || {
            let begun = Instant::now();
            let columns: Vec<_> = (0..table.table.columns.len()).collect();
            let resources = bodies.each_ref().map(|body| Resource { resource_type: &resource_type, body });
            (map::rows_of(&table, &resources, &base, &columns), begun.elapsed())
        });
        let (mapped, took) = mapped.await?;
        session.trace().add(Step::Mapping, took);
        Ok(Self { table: &served.table, mapped: mapped? })
    }

    /// The row of an element of a list as it is shown, if in it every value of these columns is the one that was sent.
    pub fn element(&self, place: &str, columns: &[ColumnIndex]) -> std::result::Result<Rows, Differing> {
        let at = |document| {
            let is_it = |row: &usize| self.mapped.origin[*row] == document && self.mapped.places[*row] == place;
            (0..self.mapped.rows.len()).find(is_it)
        };
        self.same(at(SHOWN), at(SENT), columns)
    }

    /// The same for the row of this key cell. It may have been sent under another id.
    pub fn row(&self, key: &str, columns: &[ColumnIndex]) -> std::result::Result<Rows, Differing> {
        let sent = self.keyed(SENT, key).or_else(|| self.of(SENT).next().filter(|_| self.of(SENT).count() == 1));
        self.same(self.keyed(SHOWN, key), sent, columns)
    }

    /// The same for the one that is new: `before` has the key cells of those that were there.
    pub fn new_row(&self, before: &[Option<&str>], columns: &[ColumnIndex]) -> std::result::Result<Rows, Differing> {
        let at = |document| self.of(document).rev().find(|row| !before.contains(&self.key(*row)));
        self.same(at(SHOWN), at(SENT), columns)
    }

    /// All rows as they are shown, if there are as many as were sent and in each every value of these columns is the one that
    /// was sent.
    pub fn all(&self, columns: &[ColumnIndex]) -> std::result::Result<Rows, Differing> {
        let (shown, sent): (Vec<_>, Vec<_>) = (self.of(SHOWN).collect(), self.of(SENT).collect());
        if shown.len() != sent.len() {
            return Err(if shown.len() < sent.len() { Differing::Gone } else { Differing::Rows });
        }
        for (shown, sent) in shown.iter().zip(&sent) {
            self.same(Some(*shown), Some(*sent), columns)?;
        }
        Ok(self.mapped.rows.pick(&shown))
    }

    /// Whether there are the same rows in both.
    pub fn has_the_same_rows(&self) -> bool {
        let keys = |document| self.of(document).map(|row| self.key(row));
        keys(SHOWN).eq(keys(SENT))
    }

    fn same(
        &self,
        shown: Option<usize>,
        sent: Option<usize>,
        columns: &[ColumnIndex],
    ) -> std::result::Result<Rows, Differing> {
        let (Some(shown), Some(sent)) = (shown, sent) else { return Err(Differing::Gone) };
        let cell = |row, column| self.mapped.rows.cell(row, column);
        let differs = |column: &&ColumnIndex| {
            !is_same(&self.table.columns[**column].kind, cell(shown, **column), cell(sent, **column))
        };
        let differing: Vec<_> =
            columns.iter().filter(differs).map(|column| self.table.columns[*column].name.clone()).collect();
        if differing.is_empty() { Ok(self.mapped.rows.pick(&[shown])) } else { Err(Differing::Columns(differing)) }
    }

    fn of(&self, document: usize) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.mapped.rows.len()).filter(move |row| self.mapped.origin[*row] == document)
    }

    fn keyed(&self, document: usize, key: &str) -> Option<usize> {
        self.of(document).find(|row| self.key(*row) == Some(key))
    }

    fn key(&self, row: usize) -> Option<&str> {
        self.mapped.rows.cell(row, self.table.key)
    }
}

/// What is shown otherwise than it was sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Differing {
    /// The row is not there at all.
    Gone,
    /// A row is still there, or others are gone with it.
    Rows,
    /// Values of these columns, by name.
    Columns(Vec<String>),
}

impl Differing {
    /// The error of a write that `source` answered as made.
    pub fn error(&self, source: &str) -> Error {
        let what = match self {
            Self::Gone => "does not show the row that was written".to_owned(),
            Self::Rows => "does not show the rows that were to be left".to_owned(),
            Self::Columns(columns) => {
                let named: Vec<_> = columns.iter().take(NAMED_MOST).map(|name| format!("`{name}`")).collect();
                format!("shows other values than were written in {}", named.join(", "))
            }
        };
        let error = Error::new(
            Code::UpstreamInvalid,
            format!("the FHIR service `{source}` answered a change as made, and {what}"),
        );
        let error = match self {
            Self::Columns(columns) if columns.len() == 1 => error.target(columns[0].clone()),
            _ => error,
        };
        error.hint("read the row to see what has become of it before the change is repeated")
    }
}

/// Whether two cells of a kind have one meaning: moments and numbers are those that they stand for.
pub fn is_same(kind: &Kind, one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(a), Some(b)) = (one, other) else { return one == other };
    a == b
        || match kind {
            Kind::DateTime | Kind::PartialDate => parse_instant(a).is_some_and(|it| parse_instant(b) == Some(it)),
            Kind::Decimal { .. } => Number::parse(a).is_some_and(|it| Number::parse(b) == Some(it)),
            _ => false,
        }
}
