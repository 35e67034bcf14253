//! What a mapping says, as plain values, for tools that write it in another form.
//!
//! Of functions only that they are there is said.

pub use crate::bindings::exports::turntable::mapping::schema::{SearchKind, SearchOps, Sortable};
pub use crate::column::{Access, Concept, Kind};
use crate::column::{Code, Column};
use crate::search::Search;
use crate::table::{Mapping, Source, Table, default_name};

#[derive(Clone, Debug)]
pub struct TableParts {
    pub name: &'static str,
    pub entity_set: &'static str,
    pub label: &'static str,
    pub description: &'static str,
    pub primary_name: &'static str,
    pub version: Option<&'static str>,
    pub parent: Option<ParentParts>,
    pub read_only: bool,
    pub before_write: bool,
    pub after_read: bool,
    pub sources: Vec<SourceParts>,
    pub columns: &'static [Column],
}

/// Of a child table.
#[derive(Clone, Copy, Debug)]
pub struct ParentParts {
    pub table: &'static str,
    pub column: &'static str,
    /// The list whose elements the rows are.
    pub element: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceParts {
    pub resource_type: &'static str,
    pub when: Option<(&'static str, &'static str)>,
    pub profiles: Vec<&'static str>,
    pub fixed: Vec<(&'static str, &'static str)>,
    pub includes: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub struct ColumnParts {
    pub name: &'static str,
    pub label: &'static str,
    pub description: &'static str,
    pub kind: Kind,
    pub path: &'static str,
    pub access: Access,
    /// The access that the kind and the path have by themselves.
    pub own_access: Access,
    pub required: bool,
    pub only: Option<&'static str>,
    pub system: Option<&'static str>,
    pub value_set: Option<&'static str>,
    pub open: bool,
    pub max: Option<u32>,
    pub multi_line: bool,
    /// Digits in all and after the point.
    pub scale: Option<(u8, u8)>,
    pub read_with: bool,
    pub write_with: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeParts {
    pub value: i32,
    pub code: &'static str,
    pub label: &'static str,
    pub system: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchParts {
    pub param: &'static str,
    pub kind: SearchKind,
    pub exact: SearchOps,
    pub superset: SearchOps,
    pub null_iff_absent: bool,
    pub partial: bool,
    pub sort: Sortable,
    pub template: Option<&'static str>,
    pub only: Option<&'static str>,
}

impl Mapping {
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn version(&self) -> &'static str {
        self.version
    }

    pub fn tables(&self) -> impl Iterator<Item = TableParts> {
        self.tables.iter().map(Table::parts)
    }

    /// The mapping without these columns, each by its table and name, and without functions of tables. A table that was
    /// named by one of them is named as if it had never had it.
    ///
    /// # Panics
    /// Where a table would have no column left.
    pub fn without(&self, columns: &[(&str, &str)]) -> Self {
        let tables = self.tables.iter().map(|table| {
            let stays = |name: &str| !columns.contains(&(table.name, name));
            let left: Vec<_> = table.columns.iter().filter(|column| stays(column.name)).copied().collect();
            let left = Vec::leak(left);
            let primary_name = if stays(table.primary_name) { table.primary_name } else { default_name(left) };
            let version = table.version.filter(|version| stays(version));
            Table { columns: left, primary_name, version, before_write: None, after_read: None, ..*table }
        });
        Self { tables: Vec::leak(tables.collect()), ..*self }
    }
}

impl Table {
    pub fn parts(&self) -> TableParts {
        TableParts {
            name: self.name,
            entity_set: self.entity_set,
            label: self.label,
            description: self.description,
            primary_name: self.primary_name,
            version: self.version,
            parent: self.parent.map(|(parent, path)| ParentParts {
                table: parent.table,
                column: parent.column,
                element: path.text(),
            }),
            read_only: self.read_only,
            before_write: self.before_write.is_some(),
            after_read: self.after_read.is_some(),
            sources: self.sources().map(Source::parts).collect(),
            columns: self.columns,
        }
    }
}

impl Source {
    pub fn parts(&self) -> SourceParts {
        SourceParts {
            resource_type: self.resource_type,
            when: self.when,
            profiles: self.profiles.iter().flatten().copied().collect(),
            fixed: self.fixed.iter().flatten().copied().collect(),
            includes: self.includes.iter().flatten().copied().collect(),
        }
    }
}

impl Column {
    pub fn parts(&self) -> ColumnParts {
        let own_access = match self.kind {
            Kind::Key => Access::CreateOnly,
            _ if self.path.is_invertible() => Access::ReadWrite,
            _ => Access::ReadOnly,
        };
        ColumnParts {
            name: self.name,
            label: self.label,
            description: self.description,
            kind: self.kind,
            path: self.path.text(),
            access: self.access,
            own_access,
            required: self.required,
            only: self.only,
            system: self.system,
            value_set: self.value_set,
            open: self.open,
            max: self.max,
            multi_line: self.multi_line,
            scale: self.scale.map(|scale| (self.precision, scale)),
            read_with: self.read_with.is_some(),
            write_with: self.write_with.is_some(),
        }
    }

    /// The search parameters that the column is bound to.
    pub fn searches(&self) -> impl Iterator<Item = Search> {
        self.search.iter().flatten().copied()
    }
}

impl Code {
    pub const fn parts(&self) -> CodeParts {
        CodeParts { value: self.value, code: self.code, label: self.label, system: self.system }
    }
}

impl Search {
    pub const fn parts(&self) -> SearchParts {
        SearchParts {
            param: self.param,
            kind: self.kind,
            exact: self.exact,
            superset: self.superset,
            null_iff_absent: self.null_iff_absent,
            partial: self.partial,
            sort: self.sort,
            template: self.template,
            only: self.only,
        }
    }
}
