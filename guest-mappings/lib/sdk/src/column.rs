//! Columns: what a line of a mapping says, from `key` to `json`, and its modifiers.

use std::borrow::Cow;

use turntable_scan::Value;

use crate::edit::Edit;
use crate::path::Path;
use crate::problem::Problem;
use crate::row::Row;
use crate::search::Search;

/// Turns the element that the column's path finds into the cell's text. It is not called where the path
/// finds nothing; with an empty path it is given the resource (in a child table, the element).
pub type ReadWith = for<'a> fn(Value<'a>) -> Option<Cow<'a, str>>;

/// Writes the cell's text, `None` for null, into the resource (in a child table, into the element).
pub type WriteWith = fn(&mut Edit<'_>, Option<&str>) -> Result<(), Problem>;

/// Sees a change after all columns are written, before it becomes text.
pub type BeforeWrite = fn(&mut Edit<'_>) -> Result<(), Problem>;

/// Sees a row before it is handed over.
pub type AfterRead = fn(&mut Row<'_>);

/// One line of a table. Made by the functions of this module, refined by its methods.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub label: &'static str,
    pub description: &'static str,
    pub kind: Kind,
    pub path: Path,
    pub access: Access,
    pub required: bool,
    pub only: Option<&'static str>,
    pub system: Option<&'static str>,
    pub value_set: Option<&'static str>,
    pub open: bool,
    pub max: Option<u32>,
    pub multi_line: bool,
    pub precision: u8,
    pub scale: Option<u8>,
    pub search: [Option<Search>; MAX_SEARCHES],
    pub read_with: Option<ReadWith>,
    pub write_with: Option<WriteWith>,
}

/// Search parameters that one column can be bound to.
pub(crate) const MAX_SEARCHES: usize = 2;

/// What a column shows.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Key,
    Text,
    Boolean,
    Int,
    Long,
    Decimal,
    Date,
    DateTime,
    PartialDate,
    Uri,
    Choice(&'static [Code]),
    /// Options, and the code of every row.
    Constant(&'static [Code], &'static str),
    /// Pairs of entity set and resource type.
    Lookup(&'static [(&'static str, &'static str)]),
    Concept(Concept),
    Json,
}

/// What a concept column is spread over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concept {
    CodeableConcept,
    Coding,
    Quantity,
    /// The code alone; its system is the column's [`Column::system`](Column::system()).
    Code,
}

/// When a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    CreateOnly,
    ReadOnly,
}

/// An option of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub value: i32,
    pub code: &'static str,
    pub label: &'static str,
    pub system: Option<&'static str>,
}

/// An option: the integer that clients see, the FHIR code, the label.
pub const fn code(value: i32, code: &'static str, label: &'static str) -> Code {
    Code { value, code, label, system: None }
}

impl Code {
    /// The system of this one code, where it is not the column's.
    pub const fn system(mut self, system: &'static str) -> Self {
        self.system = Some(system);
        self
    }
}

/// The row's key: the resource's id, in a child table `<id>/<element>/<index>`. One a table.
pub const fn key(name: &'static str, label: &'static str) -> Column {
    let mut column = Column::new(name, label, Kind::Key, "");
    column.access = Access::CreateOnly;
    column
}

pub const fn text(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Text, path)
}

pub const fn boolean(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Boolean, path)
}

/// A 32-bit whole number. A decimal in the resource is rounded when read (halves away from zero) and kept
/// as it is when the rounded value is written back.
pub const fn int(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Int, path)
}

/// A 64-bit whole number, otherwise as [`int`].
pub const fn long(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Long, path)
}

/// A decimal with the digits that the resource has (`72.10`).
pub const fn decimal(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Decimal, path)
}

/// A full date. One of lesser precision reads as null, with a warning: see [`partial_date`].
pub const fn date(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Date, path)
}

/// A dateTime or instant of any precision, which stands for its first instant.
pub const fn date_time(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::DateTime, path)
}

/// A date or dateTime of any precision, as text.
pub const fn partial_date(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::PartialDate, path)
}

pub const fn uri(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Uri, path)
}

/// A code out of `options`; any other code reads as null with a warning, unless the column is
/// [`Column::open`]. A path that ends at a Reference gives the type that is referred to (`Patient`), one
/// that ends at a choice element (`value` for `valueQuantity`) the type that is there (`Quantity`); both
/// are read only.
pub const fn choice(name: &'static str, label: &'static str, options: &'static [Code], path: &'static str) -> Column {
    Column::new(name, label, Kind::Choice(options), path)
}

/// A choice that has the same `value`, a code, in every row; empty where [`Source::when`] says it.
///
/// [`Source::when`]: crate::Source::when
pub const fn constant(
    name: &'static str,
    label: &'static str,
    options: &'static [Code],
    value: &'static str,
) -> Column {
    Column::new(name, label, Kind::Constant(options, value), "")
}

/// A Reference to rows of other tables: pairs of entity set and resource type. A reference to any other
/// type, a contained or a logical one reads as null.
pub const fn lookup(
    name: &'static str,
    label: &'static str,
    targets: &'static [(&'static str, &'static str)],
    path: &'static str,
) -> Column {
    assert!(!targets.is_empty(), "a lookup needs a target");
    Column::new(name, label, Kind::Lookup(targets), path)
}

/// A CodeableConcept as the columns `<name>_code`, `<name>_system` and `<name>_display`, which show its
/// first coding. Modifiers apply to all three, `.search` and `.required` to the code.
pub const fn concept(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Concept(Concept::CodeableConcept), path)
}

/// Like [`concept`], for an element that is a Coding.
pub const fn coding(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Concept(Concept::Coding), path)
}

/// Like [`concept`], for the unit of a Quantity: its code, system and, as display, unit.
pub const fn quantity_code(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Concept(Concept::Quantity), path)
}

/// Like [`concept`], for an element that is a code with a required value set, of the given system.
pub const fn code_concept(name: &'static str, label: &'static str, system: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Concept(Concept::Code), path).system(system)
}

/// Any JSON value, passed through.
pub const fn json(name: &'static str, label: &'static str, path: &'static str) -> Column {
    Column::new(name, label, Kind::Json, path)
}

impl Column {
    const fn new(name: &'static str, label: &'static str, kind: Kind, path: &'static str) -> Self {
        let path = match Path::parse(path) {
            Ok(path) => path,
            Err(message) => panic!("{}", message),
        };
        Self {
            name,
            label,
            description: "",
            kind,
            path,
            access: if path.is_invertible() { Access::ReadWrite } else { Access::ReadOnly },
            required: false,
            only: None,
            system: None,
            value_set: None,
            open: false,
            max: None,
            multi_line: false,
            precision: 38,
            scale: None,
            search: [None; MAX_SEARCHES],
            read_with: None,
            write_with: None,
        }
    }

    /// The access that the kind and the path have by themselves.
    pub const fn own_access(&self) -> Access {
        match self.kind {
            Kind::Key => Access::CreateOnly,
            _ if self.path.is_invertible() => Access::ReadWrite,
            _ => Access::ReadOnly,
        }
    }

    /// The search parameters that the column is bound to.
    pub fn searches(&self) -> impl Iterator<Item = &Search> {
        self.search.iter().flatten()
    }

    pub(crate) const fn is_key(&self) -> bool {
        matches!(self.kind, Kind::Key)
    }

    pub(crate) const fn is_plain_code(&self) -> bool {
        matches!(self.kind, Kind::Concept(Concept::Code))
    }

    pub const fn describe(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Longest text that may be written. What is longer in the resource is still read whole.
    pub const fn max(mut self, characters: u32) -> Self {
        self.max = Some(characters);
        self
    }

    pub const fn multi_line(mut self) -> Self {
        self.multi_line = true;
        self
    }

    /// Digits in all and after the point.
    pub const fn scale(mut self, precision: u8, scale: u8) -> Self {
        self.precision = precision;
        self.scale = Some(scale);
        self
    }

    /// Must be given on create and cannot be set to null.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Read only.
    pub const fn derived(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    pub const fn create_only(mut self) -> Self {
        self.access = Access::CreateOnly;
        self
    }

    /// The column exists for one of the table's resource types, or some (`"Patient|RelatedPerson"`); it is
    /// null in rows from the others.
    pub const fn only(mut self, resource_type: &'static str) -> Self {
        self.only = Some(resource_type);
        self
    }

    /// Codes outside the options pass.
    pub const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// The code system of a choice whose element is a Coding's code: written beside the code, and a code
    /// of another system is not taken for one of the options.
    pub const fn system(mut self, system: &'static str) -> Self {
        self.system = Some(system);
        self
    }

    /// Canonical URL of the value set behind a choice.
    pub const fn value_set(mut self, url: &'static str) -> Self {
        self.value_set = Some(url);
        self
    }

    pub const fn search(mut self, search: Search) -> Self {
        let mut i = 0;
        while self.search[i].is_some() {
            i += 1;
            assert!(i < MAX_SEARCHES, "a column has two search parameters at most");
        }
        self.search[i] = Some(search);
        self
    }

    /// A function for reading. Without [`Column::write_with`] the column is read only.
    pub const fn read_with(mut self, read: ReadWith) -> Self {
        self.read_with = Some(read);
        if self.write_with.is_none() {
            self.access = Access::ReadOnly;
        }
        self
    }

    /// A function for writing; it makes the column writable whatever its path.
    pub const fn write_with(mut self, write: WriteWith) -> Self {
        self.write_with = Some(write);
        self.access = Access::ReadWrite;
        self
    }
}
