//! Tables, the sources their rows come from, and the mapping that holds them.

use crate::column::{AfterRead, BeforeWrite, Column, Kind};
use crate::path::Path;

/// What a component offers. `turntable_mapping::export!(MAPPING)` makes it one.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    pub name: &'static str,
    pub version: &'static str,
    pub tables: &'static [Table],
}

/// Resource types that rows of one table can come from.
pub(crate) const MAX_SOURCES: usize = 4;
/// Profiles, fixed parameters and includes of a source, each.
pub(crate) const MAX_SOURCE_EXTRAS: usize = 4;

#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    pub entity_set: &'static str,
    pub label: &'static str,
    pub description: &'static str,
    pub columns: &'static [Column],
    pub sources: [Option<Source>; MAX_SOURCES],
    pub primary_name: &'static str,
    pub version: Option<&'static str>,
    /// For a child table: its parent, and the repeating element that its rows are.
    pub parent: Option<(Parent, Path)>,
    pub read_only: bool,
    pub before_write: Option<BeforeWrite>,
    pub after_read: Option<AfterRead>,
}

#[derive(Clone, Copy, Debug)]
pub struct Parent {
    pub table: &'static str,
    pub column: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub resource_type: &'static str,
    pub when: Option<(&'static str, &'static str)>,
    pub profiles: [Option<&'static str>; MAX_SOURCE_EXTRAS],
    pub fixed: [Option<(&'static str, &'static str)>; MAX_SOURCE_EXTRAS],
    pub includes: [Option<&'static str>; MAX_SOURCE_EXTRAS],
}

/// The mapping of that name and version (`env!("CARGO_PKG_VERSION")`).
pub const fn mapping(name: &'static str, version: &'static str, tables: &'static [Table]) -> Mapping {
    if let Some(fault) = fault(tables) {
        panic!("{}", fault);
    }
    Mapping { name, version, tables }
}

/// What tables of one mapping lack, or have against each other.
const fn fault(tables: &[Table]) -> Option<&'static str> {
    let mut i = 0;
    while i < tables.len() {
        if tables[i].sources[0].is_none() {
            return Some("a table needs a source: .source(resource(\"Encounter\"))");
        }
        match &tables[i].parent {
            Some((parent, _)) => {
                if !has_table(tables, i, parent.table) {
                    return Some("the parent of a child table stands before it in the mapping");
                }
            }
            None => {
                if has_this(tables[i].columns) {
                    return Some("$this is an element, in a child table; in a table of whole resources it is none");
                }
            }
        }
        i += 1;
    }
    None
}

const fn has_table(tables: &[Table], end: usize, name: &str) -> bool {
    let mut i = 0;
    while i < end {
        if equal(tables[i].name, name) {
            return true;
        }
        i += 1;
    }
    false
}

const fn has_this(columns: &[Column]) -> bool {
    let mut i = 0;
    while i < columns.len() {
        if columns[i].path.has_this() {
            return true;
        }
        i += 1;
    }
    false
}

/// A table with one row for each resource. The primary name is the first text column until
/// [`Table::primary_name`] says otherwise.
pub const fn table(
    name: &'static str,
    entity_set: &'static str,
    label: &'static str,
    description: &'static str,
    columns: &'static [Column],
) -> Table {
    Table {
        name,
        entity_set,
        label,
        description,
        columns,
        sources: [None; MAX_SOURCES],
        primary_name: default_name(columns),
        version: None,
        parent: None,
        read_only: false,
        before_write: None,
        after_read: None,
    }
}

/// A table with one row for each element of the list `element`; paths of its columns start there, `$this` is
/// the element itself. The lookup column that `parent` names is added as its last one.
///
/// The list is a member of what a row of the parent is: of the resource (`participant`,
/// `hospitalization.dietPreference`), or, if the parent is a child table itself, of its element. So roles of
/// participants are `child(…, parent("msemr_careteamparticipant", …), "role", …)`.
pub const fn child(
    name: &'static str,
    entity_set: &'static str,
    label: &'static str,
    description: &'static str,
    parent: Parent,
    element: &'static str,
    columns: &'static [Column],
) -> Table {
    let path = match Path::parse(element) {
        Ok(path) => path,
        Err(message) => panic!("{}", message),
    };
    assert!(path.is_members(), "a child table is cut from one list: participant, hospitalization.dietPreference");
    let mut child = table(name, entity_set, label, description, columns);
    child.parent = Some((parent, path));
    child
}

/// The parent of a child table, and the child's lookup column that holds its key.
pub const fn parent(table: &'static str, column: &'static str) -> Parent {
    Parent { table, column }
}

/// Rows come from resources of that type.
pub const fn resource(resource_type: &'static str) -> Source {
    Source {
        resource_type,
        when: None,
        profiles: [None; MAX_SOURCE_EXTRAS],
        fixed: [None; MAX_SOURCE_EXTRAS],
        includes: [None; MAX_SOURCE_EXTRAS],
    }
}

impl Table {
    /// A resource type that rows come from. Several sources are told apart by [`Source::when`].
    pub const fn source(mut self, source: Source) -> Self {
        if let Some((column, _)) = source.when {
            assert!(has_constant(self.columns, column), ".when names a constant column of the table");
        }
        let mut i = 0;
        while self.sources[i].is_some() {
            i += 1;
            assert!(i < MAX_SOURCES, "a table has four sources at most");
        }
        self.sources[i] = Some(source);
        self
    }

    /// The column that is shown when a lookup points here.
    pub const fn primary_name(mut self, column: &'static str) -> Self {
        assert!(has(self.columns, column), ".primary_name names a column of the table");
        self.primary_name = column;
        self
    }

    /// The column that holds `meta.versionId`.
    pub const fn version(mut self, column: &'static str) -> Self {
        assert!(has(self.columns, column), ".version names a column of the table");
        self.version = Some(column);
        self
    }

    /// Rows cannot be created, changed or deleted.
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    pub const fn before_write(mut self, hook: BeforeWrite) -> Self {
        self.before_write = Some(hook);
        self
    }

    pub const fn after_read(mut self, hook: AfterRead) -> Self {
        self.after_read = Some(hook);
        self
    }

    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().flatten()
    }
}

impl Source {
    /// The code that a [`constant`](crate::constant) column has in rows from here; it tells which resource
    /// a new row becomes.
    pub const fn when(mut self, column: &'static str, code: &'static str) -> Self {
        self.when = Some((column, code));
        self
    }

    /// A profile that the mapping was written for, its canonical URL.
    pub const fn profile(mut self, url: &'static str) -> Self {
        self.profiles = push(self.profiles, url);
        self
    }

    /// A parameter added to every search.
    pub const fn fixed(mut self, name: &'static str, value: &'static str) -> Self {
        let mut i = 0;
        while self.fixed[i].is_some() {
            i += 1;
            assert!(i < MAX_SOURCE_EXTRAS, "a source has four fixed parameters at most");
        }
        self.fixed[i] = Some((name, value));
        self
    }

    /// An `_include` whose resources the mapping wants to see.
    pub const fn include(mut self, include: &'static str) -> Self {
        self.includes = push(self.includes, include);
        self
    }
}

const fn push(
    mut list: [Option<&'static str>; MAX_SOURCE_EXTRAS],
    item: &'static str,
) -> [Option<&'static str>; MAX_SOURCE_EXTRAS] {
    let mut i = 0;
    while list[i].is_some() {
        i += 1;
        assert!(i < MAX_SOURCE_EXTRAS, "a source has four of these at most");
    }
    list[i] = Some(item);
    list
}

/// The lists whose elements the rows of a table are, outermost first; none for a table of whole resources.
pub fn lists(mapping: &'static Mapping, table: &'static Table) -> Vec<&'static str> {
    let mut lists = Vec::new();
    let mut next = Some(table);
    // A parent stands before its child, which `mapping` checks: this ends.
    while let Some((parent, element)) = next.and_then(|table| table.parent.as_ref()) {
        lists.insert(0, element.text());
        next = mapping.tables.iter().find(|table| table.name == parent.table);
    }
    lists
}

/// The name column of a table that names none: its first text, else its first column.
pub const fn default_name(columns: &[Column]) -> &'static str {
    let mut i = 0;
    while i < columns.len() {
        if matches!(columns[i].kind, Kind::Text) {
            return columns[i].name;
        }
        i += 1;
    }
    assert!(!columns.is_empty(), "a table needs columns");
    columns[0].name
}

const fn has(columns: &[Column], name: &str) -> bool {
    let mut i = 0;
    while i < columns.len() {
        if equal(columns[i].name, name) {
            return true;
        }
        i += 1;
    }
    false
}

const fn has_constant(columns: &[Column], name: &str) -> bool {
    let mut i = 0;
    while i < columns.len() {
        if equal(columns[i].name, name) {
            return matches!(columns[i].kind, Kind::Constant(..));
        }
        i += 1;
    }
    false
}

pub(crate) const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
