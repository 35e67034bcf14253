//! What rows are named by beside their key, and what a request names in a way that only a look at the rows can resolve.

use uuid::Uuid;

use crate::model::table::{ColumnIndex, Kind, SearchKind, Table};

/// The search parameter of R4 for what a resource is known by elsewhere.
pub const IDENTIFIER: &str = "identifier";

/// Texts in columns that name one row, exactly as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternateKey {
    /// Logical name.
    pub table: String,
    pub values: Vec<(ColumnIndex, String)>,
}

/// A row that a request does not name by its key. It has to be looked up before the rest of the request means anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    By(AlternateKey),
    /// The row of the table `to` that a lookup of a row leads to.
    Behind {
        table: String,
        key: Uuid,
        column: ColumnIndex,
        to: String,
    },
    /// The row of this key, if its lookup leads to that row of the table `parent`.
    Among {
        table: String,
        key: Uuid,
        column: ColumnIndex,
        parent: String,
        parent_key: Uuid,
    },
}

impl Table {
    /// The sets of columns that name a row as well as its key does: the id of its resource, and what it is known by elsewhere, a
    /// value with the system that it is of, where the table has a column for that. A row is a resource here, and the
    /// caller sees all of these columns.
    pub fn alternate_keys(&self) -> Vec<Vec<ColumnIndex>> {
        if self.parent.is_some() || !self.one_row_per_resource {
            return Vec::new();
        }
        let identifiers = (0..self.columns.len()).filter(|column| self.is_identifier(*column));
        let identifiers = identifiers.map(|value| std::iter::once(value).chain(self.system_of(value)).collect());
        self.id_column().map(|id| vec![id]).into_iter().chain(identifiers).filter(|key| self.shows(key)).collect()
    }

    /// The column with the id of the resource.
    pub fn id_column(&self) -> Option<ColumnIndex> {
        self.columns.iter().position(|column| column.name == "msemr_azurefhirid" && column.path == "id")
    }

    /// Whether a FHIR service finds resources by the value in this column, as one that they are known by elsewhere.
    pub fn is_identifier(&self, column: ColumnIndex) -> bool {
        let is_text = matches!(self.columns[column].kind, Kind::Text { .. });
        let bindings = self.sources.iter().flat_map(|source| &source.search);
        let mut of_column = bindings.filter(|binding| binding.column == column).peekable();
        is_text
            && of_column.peek().is_some()
            && of_column.all(|binding| binding.param == IDENTIFIER && binding.kind == SearchKind::Token)
    }

    /// The column with the system that an identifier is of.
    pub fn system_of(&self, value: ColumnIndex) -> Option<ColumnIndex> {
        let path = format!("{}.system", self.columns[value].path.strip_suffix(".value")?);
        self.columns.iter().position(|column| column.path == path && matches!(column.kind, Kind::Uri))
    }

    fn shows(&self, columns: &[ColumnIndex]) -> bool {
        columns.iter().all(|column| {
            let described = &self.columns[*column];
            described.access.read && !self.is_masked(*column) && self.property(&described.name) == Some(*column)
        })
    }
}
