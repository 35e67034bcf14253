//! A table as its mapping describes it: columns with types, sources with search bindings, relations. Pure data, the
//! same on both routes; where the rows live is a [`Route`], kept beside the table and not in it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Position of a column in [`Table::columns`].
pub type ColumnIndex = usize;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Logical name, e.g. `msemr_observation`.
    pub name: String,
    /// Entity set name, e.g. `msemr_observations`.
    pub entity_set: String,
    pub label: String,
    pub description: String,
    pub sources: Vec<Source>,
    /// The mapping's columns in its order, then one [`Kind::ConceptKey`] for each concept (see [`Table::mapped`]).
    pub columns: Vec<Column>,
    pub concepts: Vec<Concept>,
    pub key: ColumnIndex,
    pub primary_name: ColumnIndex,
    /// `meta.versionId`; becomes the ETag. None = no optimistic concurrency.
    pub version: Option<ColumnIndex>,
    pub access: TableAccess,
    pub parent: Option<Parent>,
    /// Exactly one row a resource, so `$top` and `$count` may be pushed to the service.
    pub one_row_per_resource: bool,
    /// What tells the version of the mapping that makes its rows from others; natively each version's rows are a set of
    /// their own. Empty where nobody asks.
    #[serde(skip)]
    pub made_by: String,
    /// `version` is a column that the host adds and fills, and nobody sees: the last one.
    #[serde(skip)]
    pub adds_version: bool,
    #[serde(skip)]
    pub narrowed: Narrowed,
}

/// What the rules of a caller have taken from a table, beside columns that are not there at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Columns that are there and without a value: they cannot be compared, ordered, searched or written.
    pub masked: BTreeSet<ColumnIndex>,
    /// What the table lets do, and the caller may not.
    pub withheld: TableAccess,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableAccess {
    pub read: bool,
    pub create: bool,
    pub update: bool,
    pub delete: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub label: String,
    pub description: String,
    pub kind: Kind,
    pub access: ColumnAccess,
    /// Must be given on create.
    pub required: bool,
    /// FHIRPath of where it is read from; empty = from no one element.
    pub path: String,
    /// Top-level elements that it is read from, for `_elements`.
    pub elements: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnAccess {
    pub read: bool,
    pub create: bool,
    pub update: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// Edm.Guid made from the row's key text `Type/id[/path]` (`model::key`).
    Key,
    Text {
        max_length: Option<u32>,
        multi_line: bool,
    },
    Boolean,
    Int32,
    Int64,
    Decimal {
        precision: u8,
        scale: Option<u8>,
    },
    /// Edm.Date, always whole.
    Date,
    /// Edm.DateTimeOffset; a FHIR text of lesser precision stands for its first instant.
    DateTime,
    /// FHIR date or dateTime of any precision, shown as text.
    PartialDate,
    Uri,
    Choice(Choice),
    Lookup(Lookup),
    Json,
    /// `_<concept>_value`: Edm.Guid, a fixed function of system and code. Made by the host, never written.
    ConceptKey {
        concept: usize,
    },
}

impl Kind {
    /// Of a key that has been told from its text: the cell is the GUID.
    pub const TOLD_KEY: Self = Self::ConceptKey { concept: usize::MAX };
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    pub options: Vec<ChoiceOption>,
    /// A code outside `options` passes; its integer is null and its label the code.
    pub open: bool,
    pub value_set: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceOption {
    pub value: i32,
    pub code: String,
    pub system: Option<String>,
    pub label: String,
}

impl Choice {
    pub fn by_code(&self, code: &str) -> Option<&ChoiceOption> {
        self.options.iter().find(|o| o.code == code)
    }

    pub fn by_value(&self, value: i32) -> Option<&ChoiceOption> {
        self.options.iter().find(|o| o.value == value)
    }
}

/// A reference to rows of other tables. The column `msemr_patient` is read as `_msemr_patient_value` and bound as
/// `msemr_patient@odata.bind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// In order of preference; the same entity set may stand for several resource types.
    pub targets: Vec<Target>,
    /// Navigation property, e.g. `msemr_patient`.
    pub navigation: String,
}

#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
pub struct Target {
    pub entity_set: String,
    pub resource_type: String,
    /// Of the type in the table of the entity set; no part of the description (see [`Table::ranked`]).
    #[serde(skip)]
    pub rank: Rank,
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        (&self.entity_set, &self.resource_type) == (&other.entity_set, &other.resource_type)
    }
}

/// Which of a table's resource types one is: how its ids become keys depends on it (`model::key`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rank {
    /// There is no other.
    #[default]
    Only,
    /// One of several, counted from 0.
    Nth(u8),
}

impl Lookup {
    /// Whether a cell `Type/id` points to a row of this entity set.
    pub fn leads_to(&self, cell: &str, entity_set: &str) -> bool {
        let resource_type = cell.split_once('/').map_or("", |(resource_type, _)| resource_type);
        self.targets.iter().any(|t| t.resource_type == resource_type && t.entity_set == entity_set)
    }

    /// Whether it can point to rows of other entity sets, too.
    pub fn leads_beside(&self, entity_set: &str) -> bool {
        self.targets.iter().any(|target| target.entity_set != entity_set)
    }

    /// Whether it can point to rows of more than one entity set.
    pub fn leads_to_several(&self) -> bool {
        self.targets.first().is_some_and(|first| self.leads_beside(&first.entity_set))
    }

    /// Of a type that it points to, where it is shown: by the first of its targets that names the type.
    pub fn rank(&self, resource_type: &str) -> Rank {
        let target = self.targets.iter().find(|target| target.resource_type == resource_type);
        target.map_or(Rank::Only, |target| target.rank)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concept {
    /// e.g. `msemr_code`: `_msemr_code_value` and `$expand=msemr_code`.
    pub name: String,
    pub code: ColumnIndex,
    pub system: ColumnIndex,
    pub display: Option<ColumnIndex>,
    pub text: Option<ColumnIndex>,
}

/// The table from whose resources a table's rows are cut, however many lie between; itself, if it has no parent.
pub fn root_of<'t>(table: &'t Arc<Table>, find: impl Fn(&str) -> Option<&'t Arc<Table>>) -> &'t Arc<Table> {
    let mut root = table;
    // A description whose tables go round in a circle is refused: this ends.
    while let Some(above) = root.parent.as_ref().and_then(|parent| find(&parent.table)) {
        root = above;
    }
    root
}

/// What a child table is cut from: the resources of another table, or the elements that are another child's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Logical name of the parent table.
    pub table: String,
    /// The lookup column that holds the parent's key text: `Encounter/a1`, `CareTeam/a1/participant/0`.
    pub column: ColumnIndex,
}

/// One FHIR resource type that rows come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    pub resource_type: String,
    pub profiles: Vec<String>,
    pub search: Vec<Binding>,
    pub fixed_params: Vec<(String, String)>,
    pub includes: Vec<String>,
    /// The cell text that a column has in every row of this source.
    pub discriminator: Option<(ColumnIndex, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SearchKind {
    Token,
    Reference,
    String,
    Date,
    Number,
    Quantity,
    Uri,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchOps {
    pub eq: bool,
    pub ne: bool,
    pub lt: bool,
    pub le: bool,
    pub gt: bool,
    pub ge: bool,
    pub any_of: bool,
    pub starts_with: bool,
    pub contains: bool,
    pub missing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sortable {
    None,
    BestEffort,
    Guaranteed,
}

/// Binds a column to a FHIR search parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    pub column: ColumnIndex,
    pub param: String,
    pub kind: SearchKind,
    /// The service gives the same rows as the column's own value would.
    pub exact: SearchOps,
    /// The service may give more: the host filters again.
    pub superset: SearchOps,
    pub null_iff_absent: bool,
    pub partial: bool,
    pub sort: Sortable,
    pub template: Option<String>,
}

/// Where a table's rows live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "lowercase")]
pub enum Route {
    Native,
    /// In the FHIR service of this name (`[sources.NAME]`).
    Virtual {
        source: String,
    },
}

/// `native`, or `virtual:NAME`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Virtual { source } => write!(f, "virtual:{source}"),
        }
    }
}

/// What the host calls the column of a version that it adds; no mapping calls one so.
const VERSION: &str = "turntable_version_of_the_resource";

impl Table {
    /// Number of columns that the mapping itself builds; those after it are made by the host.
    pub fn mapped(&self) -> usize {
        self.columns.len() - self.concepts.len() - usize::from(self.adds_version)
    }

    /// The same as it is served: rows of a child table, which are parts of a resource, have its version though no column of
    /// theirs says it.
    pub fn versioned(self: &Arc<Self>) -> Arc<Self> {
        if self.version.is_some() || self.parent.is_none() {
            return self.clone();
        }
        let mut table = (**self).clone();
        table.version = Some(table.columns.len());
        table.adds_version = true;
        table.columns.push(Column {
            name: VERSION.to_owned(),
            label: String::new(),
            description: String::new(),
            kind: Kind::Text { max_length: None, multi_line: false },
            access: ColumnAccess { read: false, create: false, update: false },
            required: false,
            path: String::new(),
            elements: Vec::new(),
        });
        Arc::new(table)
    }

    pub fn column(&self, name: &str) -> Option<ColumnIndex> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// The column behind a name as apps write it: a lookup is `_name_value`, everything else its own name.
    pub fn property(&self, property: &str) -> Option<ColumnIndex> {
        self.columns.iter().position(|c| c.property() == property)
    }

    /// The concept whose `_<name>_value` this column is.
    pub fn concept_of(&self, column: ColumnIndex) -> Option<&Concept> {
        match self.columns.get(column)?.kind {
            Kind::ConceptKey { concept } => self.concepts.get(concept),
            _ => None,
        }
    }

    /// Whether a column shows no value to the caller.
    pub fn is_masked(&self, column: ColumnIndex) -> bool {
        self.narrowed.masked.contains(&column)
    }

    /// What the native store calls its rows, those of this version: no other table and no other version is called so.
    pub fn set(&self) -> Cow<'_, str> {
        if self.made_by.is_empty() {
            Cow::Borrowed(&self.name)
        } else {
            Cow::Owned(format!("{}@{}", self.name, self.made_by))
        }
    }

    /// Whether a column is read from no element, and writable: natively its values live in the row alone, and what a mapping
    /// makes of it is the same for every resource.
    pub fn is_own(&self, column: ColumnIndex) -> bool {
        self.columns.get(column).is_some_and(|described| {
            described.access.update
                && described.path.is_empty()
                && described.elements.is_empty()
                && column != self.key
                && !matches!(described.kind, Kind::ConceptKey { .. })
                && !self.is_discriminator(column)
        })
    }

    /// Whether a row that is replaced has null in a column that it is given no value for: what can be written and has an
    /// element. Where a lookup leads is a relationship, which only a change of its own undoes (OData 4.0 Protocol, 11.4.3).
    pub fn is_replaced(&self, column: ColumnIndex) -> bool {
        self.columns.get(column).is_some_and(|described| {
            let has_element = !described.path.is_empty() || !described.elements.is_empty();
            let is_structural = !matches!(described.kind, Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. });
            described.access.update && has_element && is_structural && !self.is_discriminator(column)
        })
    }

    /// Whether a column says which of the table's types a row is of.
    pub fn is_discriminator(&self, column: ColumnIndex) -> bool {
        self.sources.iter().any(|source| source.discriminator.as_ref().is_some_and(|(of, _)| *of == column))
    }

    /// Such columns.
    pub fn own_columns(&self) -> impl Iterator<Item = ColumnIndex> {
        (0..self.columns.len()).filter(|column| self.is_own(*column))
    }

    /// The column that names a row as well as its key does: the id of its resource, where a row is a resource and all are of
    /// one type.
    pub fn alternate_key(&self) -> Option<ColumnIndex> {
        let is_one = self.parent.is_none() && self.one_row_per_resource && self.sources.len() == 1;
        let is_id = |column: &Column| column.name == "msemr_azurefhirid" && column.path == "id";
        self.columns.iter().position(is_id).filter(|column| is_one && !self.is_masked(*column))
    }

    /// The lookup by which each row may be part of another row of the table, where there is one: R4 names that element `partOf`. The
    /// first, where a table has the element under two names.
    pub fn hierarchy(&self) -> Option<ColumnIndex> {
        let leads_here = |column: &Column| match &column.kind {
            Kind::Lookup(lookup) => lookup.targets.iter().all(|target| target.entity_set == self.entity_set),
            _ => false,
        };
        let found = self.columns.iter().position(|column| column.path == "partOf" && leads_here(column));
        found.filter(|column| self.parent.is_none() && self.one_row_per_resource && !self.is_masked(*column))
    }

    pub fn source(&self, resource_type: &str) -> Option<&Source> {
        self.sources.iter().find(|s| s.resource_type == resource_type)
    }

    /// Of a type among those that the table shows.
    pub fn rank(&self, resource_type: &str) -> Rank {
        if self.sources.len() < 2 {
            return Rank::Only;
        }
        let position = self.sources.iter().position(|s| s.resource_type == resource_type);
        position.and_then(|position| u8::try_from(position).ok()).map_or(Rank::Only, Rank::Nth)
    }

    /// The same, its lookups told what keys the rows have that they point to: `find` gives the table of an entity set.
    /// Where there is none, they keep what they were told before.
    pub fn ranked<'t>(self: &Arc<Self>, find: impl Fn(&str) -> Option<&'t Self>) -> Arc<Self> {
        let rank = |target: &Target| find(&target.entity_set).map_or(target.rank, |t| t.rank(&target.resource_type));
        let lookups = self.columns.iter().filter_map(|column| match &column.kind {
            Kind::Lookup(lookup) => Some(lookup),
            _ => None,
        });
        if lookups.flat_map(|lookup| &lookup.targets).all(|target| target.rank == rank(target)) {
            return self.clone();
        }
        let mut table = (**self).clone();
        for column in &mut table.columns {
            if let Kind::Lookup(lookup) = &mut column.kind {
                lookup.targets.iter_mut().for_each(|target| target.rank = rank(target));
            }
        }
        Arc::new(table)
    }
}

#[cfg(test)]
impl Column {
    /// One that may be read and written, from no element.
    pub(crate) fn sample(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            label: String::new(),
            description: String::new(),
            kind,
            access: ColumnAccess { read: true, create: true, update: true },
            required: false,
            path: String::new(),
            elements: Vec::new(),
        }
    }
}

impl Column {
    /// The property name that apps see: `_msemr_patient_value` for a lookup or concept key, else the column's name. A key
    /// that was told, and a lookup that is not followed, stand in no table but in what was made of one: by their own names.
    pub fn property(&self) -> Cow<'_, str> {
        let is_plain = match &self.kind {
            Kind::Lookup(lookup) => lookup.navigation.is_empty(),
            kind => !matches!(kind, Kind::ConceptKey { .. }) || *kind == Kind::TOLD_KEY,
        };
        if is_plain { self.name.as_str().into() } else { format!("_{}_value", self.name).into() }
    }
}
