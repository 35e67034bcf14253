//! A mapping as bytes, so that a build tool can know it without running it, and a component can be given one.
//!
//! [`encode`] is const: a Rust guest carries its own mapping in the custom section [`SECTION`], at no cost when it
//! runs. [`decode`] gives the mapping again, with texts borrowed from the bytes. Functions do not travel: of a hook
//! only that it is there is kept.
//!
//! Numbers are LEB128, texts, lists and tables have their length before them, what may be absent a byte 0 or 1. The bytes
//! are read by the version of the SDK that wrote them, whose number ([`VERSION`]) comes first.

use crate::bindings::exports::turntable::mapping::schema::{SearchKind, SearchOps, Sortable};
use crate::column::{Access, AfterRead, BeforeWrite, Code, Column, Concept, Kind, MAX_SEARCHES, ReadWith, WriteWith};
use crate::path::Path;
use crate::problem::{self, Problem};
use crate::search::Search;
use crate::table::{MAX_SOURCE_EXTRAS, MAX_SOURCES, Mapping, Parent, Source, Table};

/// The custom section of a core module that holds the mapping of a Rust guest.
pub const SECTION: &str = "turntable:mapping";

/// Changes with everything that is written here.
const VERSION: u64 = 2;

/// What a descriptor says, where it does not say what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the description of the mapping is damaged, or of another version of the SDK; build it again")
    }
}

impl std::error::Error for Malformed {}

/// How many bytes [`encode`] makes of a mapping.
pub const fn size(mapping: &Mapping) -> usize {
    let mut writer = Writer { bytes: &mut [], length: 0 };
    writer.mapping(mapping);
    writer.length
}

/// The mapping as bytes; `N` is its [`size`].
pub const fn encode<const N: usize>(mapping: &Mapping) -> [u8; N] {
    let mut bytes = [0; N];
    let mut writer = Writer { bytes: &mut bytes, length: 0 };
    writer.mapping(mapping);
    assert!(writer.length == N, "N is size(&MAPPING)");
    bytes
}

/// The same for a mapping that is first known when the program runs.
pub fn to_bytes(mapping: &Mapping) -> Vec<u8> {
    let mut bytes = vec![0; size(mapping)];
    Writer { bytes: &mut bytes, length: 0 }.mapping(mapping);
    bytes
}

/// The mapping that bytes describe. Its functions, if it had any, do nothing: they are not in the bytes.
///
/// # Errors
/// [`Malformed`] where the bytes are not what [`encode`] of this version of the SDK makes.
pub fn decode(bytes: &'static [u8]) -> Result<&'static Mapping, Malformed> {
    let mut reader = Reader { rest: bytes };
    let mapping = reader.mapping(None)?;
    if reader.rest.is_empty() { Ok(Box::leak(Box::new(mapping))) } else { Err(Malformed) }
}

/// The same with the tables alone that a call about one of them needs: itself, and those that it is a child of. No
/// table where there is none of that name.
pub fn decode_family(bytes: &'static [u8], table: &str) -> Result<&'static Mapping, Malformed> {
    Reader { rest: bytes }.mapping(Some(table)).map(|mapping| &*Box::leak(Box::new(mapping)))
}

/// The mapping that the build of this component attached. It lives as long as the instance, which is one call.
///
/// # Panics
/// Where there is none: an engine without a mapping is no component to call.
pub fn attached() -> &'static Mapping {
    decode(attached_bytes()).expect("the build and this component are of one version")
}

/// Of the mapping that the build attached what a call about a table needs.
///
/// # Panics
/// As [`attached`].
pub fn attached_family(table: &str) -> &'static Mapping {
    decode_family(attached_bytes(), table).expect("the build and this component are of one version")
}

fn attached_bytes() -> &'static [u8] {
    turntable_embedded::part(turntable_embedded::DESCRIPTION).expect("the build embedded a mapping")
}

/// Writes where there is room, and counts.
struct Writer<'b> {
    bytes: &'b mut [u8],
    length: usize,
}

impl Writer<'_> {
    const fn mapping(&mut self, mapping: &Mapping) {
        self.number(VERSION);
        self.text(mapping.name);
        self.text(mapping.version);
        self.number(mapping.tables.len() as u64);
        let mut i = 0;
        while i < mapping.tables.len() {
            let mut counted = Writer { bytes: &mut [], length: 0 };
            counted.table(&mapping.tables[i]);
            self.number(counted.length as u64);
            self.table(&mapping.tables[i]);
            i += 1;
        }
    }

    const fn table(&mut self, table: &Table) {
        self.text(table.name);
        self.text(table.entity_set);
        self.text(table.label);
        self.text(table.description);
        self.text(table.primary_name);
        self.optional(table.version);
        match table.parent {
            Some((parent, path)) => {
                self.byte(1);
                self.text(parent.table);
                self.text(parent.column);
                self.text(path.text());
            }
            None => self.byte(0),
        }
        self.flag(table.read_only);
        self.flag(table.before_write.is_some());
        self.flag(table.after_read.is_some());
        let mut i = 0;
        while i < MAX_SOURCES {
            match &table.sources[i] {
                Some(source) => {
                    self.byte(1);
                    self.source(source);
                }
                None => self.byte(0),
            }
            i += 1;
        }
        self.number(table.columns.len() as u64);
        let mut i = 0;
        while i < table.columns.len() {
            self.column(&table.columns[i]);
            i += 1;
        }
    }

    const fn source(&mut self, source: &Source) {
        self.text(source.resource_type);
        self.optional_pair(source.when);
        let mut i = 0;
        while i < MAX_SOURCE_EXTRAS {
            self.optional(source.profiles[i]);
            self.optional_pair(source.fixed[i]);
            self.optional(source.includes[i]);
            i += 1;
        }
    }

    const fn column(&mut self, column: &Column) {
        self.text(column.name);
        self.text(column.label);
        self.text(column.description);
        self.kind(&column.kind);
        self.text(column.path.text());
        self.byte(match column.access {
            Access::ReadWrite => 0,
            Access::CreateOnly => 1,
            Access::ReadOnly => 2,
        });
        self.flag(column.required);
        self.optional(column.only);
        self.optional(column.system);
        self.optional(column.value_set);
        self.flag(column.open);
        self.optional_number(match column.max {
            Some(max) => Some(max as u64),
            None => None,
        });
        self.flag(column.multi_line);
        self.byte(column.precision);
        self.optional_number(match column.scale {
            Some(scale) => Some(scale as u64),
            None => None,
        });
        let mut i = 0;
        while i < MAX_SEARCHES {
            match &column.search[i] {
                Some(search) => {
                    self.byte(1);
                    self.search(search);
                }
                None => self.byte(0),
            }
            i += 1;
        }
        self.flag(column.read_with.is_some());
        self.flag(column.write_with.is_some());
    }

    const fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::Key => self.byte(0),
            Kind::Text => self.byte(1),
            Kind::Boolean => self.byte(2),
            Kind::Int => self.byte(3),
            Kind::Long => self.byte(4),
            Kind::Decimal => self.byte(5),
            Kind::Date => self.byte(6),
            Kind::DateTime => self.byte(7),
            Kind::PartialDate => self.byte(8),
            Kind::Uri => self.byte(9),
            Kind::Json => self.byte(10),
            Kind::Concept(Concept::CodeableConcept) => self.byte(11),
            Kind::Concept(Concept::Coding) => self.byte(12),
            Kind::Concept(Concept::Quantity) => self.byte(13),
            Kind::Concept(Concept::Code) => self.byte(14),
            Kind::Choice(options) => {
                self.byte(15);
                self.options(options);
            }
            Kind::Constant(options, value) => {
                self.byte(16);
                self.options(options);
                self.text(value);
            }
            Kind::Lookup(targets) => {
                self.byte(17);
                self.number(targets.len() as u64);
                let mut i = 0;
                while i < targets.len() {
                    self.text(targets[i].0);
                    self.text(targets[i].1);
                    i += 1;
                }
            }
        }
    }

    const fn options(&mut self, options: &[Code]) {
        self.number(options.len() as u64);
        let mut i = 0;
        while i < options.len() {
            self.number(options[i].value as u32 as u64);
            self.text(options[i].code);
            self.text(options[i].label);
            self.optional(options[i].system);
            i += 1;
        }
    }

    const fn search(&mut self, search: &Search) {
        self.text(search.param);
        self.byte(match search.kind {
            SearchKind::Token => 0,
            SearchKind::Reference => 1,
            SearchKind::String => 2,
            SearchKind::Date => 3,
            SearchKind::Number => 4,
            SearchKind::Quantity => 5,
            SearchKind::Uri => 6,
        });
        self.number(search.exact.bits() as u64);
        self.number(search.superset.bits() as u64);
        self.flag(search.null_iff_absent);
        self.flag(search.partial);
        self.byte(match search.sort {
            Sortable::None => 0,
            Sortable::BestEffort => 1,
            Sortable::Guaranteed => 2,
        });
        self.optional(search.template);
        self.optional(search.only);
    }

    const fn optional_pair(&mut self, pair: Option<(&str, &str)>) {
        match pair {
            Some((a, b)) => {
                self.byte(1);
                self.text(a);
                self.text(b);
            }
            None => self.byte(0),
        }
    }

    const fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => {
                self.byte(1);
                self.text(text);
            }
            None => self.byte(0),
        }
    }

    const fn optional_number(&mut self, number: Option<u64>) {
        match number {
            Some(number) => {
                self.byte(1);
                self.number(number);
            }
            None => self.byte(0),
        }
    }

    const fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        let bytes = text.as_bytes();
        // Counting alone need not look at every byte: the compiler runs this.
        if self.length + bytes.len() <= self.bytes.len() {
            let (_, rest) = self.bytes.split_at_mut(self.length);
            let (place, _) = rest.split_at_mut(bytes.len());
            place.copy_from_slice(bytes);
        }
        self.length += bytes.len();
    }

    const fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.byte((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    const fn flag(&mut self, set: bool) {
        self.byte(set as u8);
    }

    const fn byte(&mut self, byte: u8) {
        if self.length < self.bytes.len() {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }
}

#[derive(Clone, Copy)]
struct Reader {
    rest: &'static [u8],
}

impl Reader {
    /// All tables, or those that a call about one needs.
    fn mapping(&mut self, table: Option<&str>) -> Result<Mapping, Malformed> {
        if self.number()? != VERSION {
            return Err(Malformed);
        }
        let (name, version) = (self.text()?, self.text()?);
        let count: u32 = self.small()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(Self { rest: self.slice()? });
        }
        if let Some(table) = table {
            parts = family(parts, table)?;
        }
        let tables = parts.into_iter().map(|mut part| {
            let table = part.table()?;
            if part.rest.is_empty() { Ok(table) } else { Err(Malformed) }
        });
        Ok(Mapping { name, version, tables: Vec::leak(tables.collect::<Result<_, _>>()?) })
    }

    /// The name of a table, and of the one that it is a child of.
    fn names(mut self) -> Result<(&'static str, Option<&'static str>), Malformed> {
        let name = self.text()?;
        for _ in 0..4 {
            self.slice()?;
        }
        self.optional(Self::slice)?;
        Ok((name, self.optional(Self::text)?))
    }

    fn table(&mut self) -> Result<Table, Malformed> {
        Ok(Table {
            name: self.text()?,
            entity_set: self.text()?,
            label: self.text()?,
            description: self.text()?,
            primary_name: self.text()?,
            version: self.optional(Self::text)?,
            parent: self.optional(|reader| {
                let parent = Parent { table: reader.text()?, column: reader.text()? };
                Ok((parent, reader.path()?))
            })?,
            read_only: self.flag()?,
            before_write: self.flag()?.then_some(ABSENT_BEFORE_WRITE),
            after_read: self.flag()?.then_some(ABSENT_AFTER_READ),
            sources: self.array(Self::source)?,
            columns: self.list(Self::column)?,
        })
    }

    fn source(&mut self) -> Result<Source, Malformed> {
        let mut source = crate::resource(self.text()?);
        source.when = self.optional(Self::pair)?;
        for i in 0..MAX_SOURCE_EXTRAS {
            source.profiles[i] = self.optional(Self::text)?;
            source.fixed[i] = self.optional(Self::pair)?;
            source.includes[i] = self.optional(Self::text)?;
        }
        Ok(source)
    }

    fn column(&mut self) -> Result<Column, Malformed> {
        Ok(Column {
            name: self.text()?,
            label: self.text()?,
            description: self.text()?,
            kind: self.kind()?,
            path: self.path()?,
            access: match self.byte()? {
                0 => Access::ReadWrite,
                1 => Access::CreateOnly,
                2 => Access::ReadOnly,
                _ => return Err(Malformed),
            },
            required: self.flag()?,
            only: self.optional(Self::text)?,
            system: self.optional(Self::text)?,
            value_set: self.optional(Self::text)?,
            open: self.flag()?,
            max: self.optional(Self::small)?,
            multi_line: self.flag()?,
            precision: self.byte()?,
            scale: self.optional(Self::small)?,
            search: self.array(Self::search)?,
            read_with: self.flag()?.then_some(ABSENT_READ),
            write_with: self.flag()?.then_some(ABSENT_WRITE),
        })
    }

    fn kind(&mut self) -> Result<Kind, Malformed> {
        Ok(match self.byte()? {
            0 => Kind::Key,
            1 => Kind::Text,
            2 => Kind::Boolean,
            3 => Kind::Int,
            4 => Kind::Long,
            5 => Kind::Decimal,
            6 => Kind::Date,
            7 => Kind::DateTime,
            8 => Kind::PartialDate,
            9 => Kind::Uri,
            10 => Kind::Json,
            11 => Kind::Concept(Concept::CodeableConcept),
            12 => Kind::Concept(Concept::Coding),
            13 => Kind::Concept(Concept::Quantity),
            14 => Kind::Concept(Concept::Code),
            15 => Kind::Choice(self.list(Self::option)?),
            16 => Kind::Constant(self.list(Self::option)?, self.text()?),
            17 => Kind::Lookup(self.list(Self::pair)?),
            _ => return Err(Malformed),
        })
    }

    fn option(&mut self) -> Result<Code, Malformed> {
        let value: u32 = self.small()?;
        let code = crate::code(value.cast_signed(), self.text()?, self.text()?);
        Ok(self.optional(Self::text)?.map_or(code, |system| code.system(system)))
    }

    fn search(&mut self) -> Result<Search, Malformed> {
        Ok(Search {
            param: self.text()?,
            kind: match self.byte()? {
                0 => SearchKind::Token,
                1 => SearchKind::Reference,
                2 => SearchKind::String,
                3 => SearchKind::Date,
                4 => SearchKind::Number,
                5 => SearchKind::Quantity,
                6 => SearchKind::Uri,
                _ => return Err(Malformed),
            },
            exact: SearchOps::from_bits(self.small()?).ok_or(Malformed)?,
            superset: SearchOps::from_bits(self.small()?).ok_or(Malformed)?,
            null_iff_absent: self.flag()?,
            partial: self.flag()?,
            sort: match self.byte()? {
                0 => Sortable::None,
                1 => Sortable::BestEffort,
                2 => Sortable::Guaranteed,
                _ => return Err(Malformed),
            },
            template: self.optional(Self::text)?,
            only: self.optional(Self::text)?,
        })
    }

    fn path(&mut self) -> Result<Path, Malformed> {
        Path::parse(self.text()?).map_err(|_| Malformed)
    }

    fn pair(&mut self) -> Result<(&'static str, &'static str), Malformed> {
        Ok((self.text()?, self.text()?))
    }

    fn list<T>(&mut self, item: fn(&mut Self) -> Result<T, Malformed>) -> Result<&'static [T], Malformed> {
        let length: u32 = self.small()?;
        let items: Vec<_> = (0..length).map(|_| item(self)).collect::<Result<_, _>>()?;
        Ok(Vec::leak(items))
    }

    fn array<T: Copy, const N: usize>(
        &mut self,
        item: fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<[Option<T>; N], Malformed> {
        let mut items = [None; N];
        for slot in &mut items {
            *slot = self.optional(item)?;
        }
        Ok(items)
    }

    fn optional<T>(&mut self, item: fn(&mut Self) -> Result<T, Malformed>) -> Result<Option<T>, Malformed> {
        if self.flag()? { item(self).map(Some) } else { Ok(None) }
    }

    fn text(&mut self) -> Result<&'static str, Malformed> {
        std::str::from_utf8(self.slice()?).map_err(|_| Malformed)
    }

    /// Bytes that have their length before them.
    fn slice(&mut self) -> Result<&'static [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        let (slice, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(slice)
    }

    /// A number that fits its place.
    fn small<N: TryFrom<u64>>(&mut self) -> Result<N, Malformed> {
        N::try_from(self.number()?).map_err(|_| Malformed)
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(byte)
    }
}

/// The tables of a name and of those above it, in their order: a parent stands before its child.
fn family(tables: Vec<Reader>, name: &str) -> Result<Vec<Reader>, Malformed> {
    let mut wanted = Some(name);
    let mut family = Vec::new();
    for table in tables.into_iter().rev() {
        let (own, parent) = table.names()?;
        if wanted == Some(own) {
            family.insert(0, table);
            wanted = parent;
        }
    }
    Ok(family)
}

// In place of functions, which only the component itself has.
const ABSENT_READ: ReadWith = |_| None;
const ABSENT_WRITE: WriteWith = |_, _| Err(Problem::new(problem::Code::NotSupported, "this is done by code"));
const ABSENT_BEFORE_WRITE: BeforeWrite = |_| Err(Problem::new(problem::Code::NotSupported, "this is done by code"));
const ABSENT_AFTER_READ: AfterRead = |_| {};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{child, choice, code, constant, decimal, key, lookup, mapping, parent, resource, table, text, token};

    const OPTIONS: &[Code] = &[code(-1, "a", "A"), code(935_000_000, "b", "B").system("http://s")];
    const MAPPING: Mapping = mapping(
        "m",
        "1.2.3",
        &[
            table(
                "t",
                "ts",
                "T",
                "All kinds of things: ä.",
                &[
                    key("id", "Id"),
                    constant("kind", "Kind", OPTIONS, ""),
                    choice("c", "C", OPTIONS, "a.coding[0].code").open().system("http://c").value_set("http://v"),
                    lookup("l", "L", &[("xs", "X"), ("ys", "Y")], "subject").search(token("a").superset().only("X")),
                    decimal("d", "D", "value.ofType(Quantity).value").scale(12, 2).only("X").required(),
                    text("s", "S", "name[0]").max(300).read_with(|_| None),
                ],
            )
            .source(resource("X").when("kind", "a").profile("http://p").fixed("f", "1").include("X:y"))
            .source(resource("Y").when("kind", "b"))
            .version("s")
            .after_read(|_| {}),
            child("u", "us", "U", "", parent("t", "t"), "part.list", &[key("id", "Id")])
                .source(resource("X"))
                .read_only(),
        ],
    );
    static BYTES: [u8; size(&MAPPING)] = encode(&MAPPING);

    #[test]
    fn what_is_written_is_read() {
        let read = decode(&BYTES).expect("what encode wrote");
        // Functions show as addresses; that they are there is what travels.
        let shown = |mapping: &Mapping| {
            let text = format!("{mapping:?}");
            text.split("0x")
                .map(|part| part.trim_start_matches(|c: char| c.is_ascii_hexdigit()).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(read), shown(&MAPPING));
        assert_eq!(to_bytes(read), BYTES);
    }

    #[test]
    fn a_table_comes_with_those_above_it() {
        let names = |table: &str| {
            let mapping = decode_family(&BYTES, table).expect("what encode wrote");
            mapping.tables.iter().map(|table| table.name).collect::<Vec<_>>()
        };
        assert_eq!(names("t"), ["t"]);
        assert_eq!(names("u"), ["t", "u"]);
        assert!(names("v").is_empty());
    }

    #[test]
    fn what_is_damaged_is_refused_and_never_panics() {
        for end in 0..BYTES.len() {
            assert_eq!(decode(&BYTES[..end]).err(), Some(Malformed), "{end}");
        }
        for at in 0..BYTES.len() {
            let mut bytes = BYTES;
            bytes[at] ^= 0xff;
            let _ = decode(Vec::leak(bytes.to_vec()));
        }
    }
}
