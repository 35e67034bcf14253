//! The plan as bytes, and the ways to look into it.
//!
//! All is little endian, nothing is aligned, and every reference is an offset from the start of the plan; offset 0
//! is "none", and so is slot 0. Lists are a count and their items. Nothing is decoded or checked beforehand: a plan
//! that is not what `make` wrote ends in a panic, never outside of it.

use turntable_scan::block::{same, utf8};

/// The first bytes of every plan: what it is, and the version of its form.
pub const MAGIC: &[u8; 4] = b"TPL2";

/// Length of "no text", where an empty text is something else.
pub const NO_TEXT: u32 = u32::MAX;

/// The slot of the resource or element that a row is, where no member leads to it.
pub const ROW: u16 = u16::MAX;

pub const ENTRY: usize = 40;
pub const ALTERNATIVE: usize = 20;
pub const OPTION: usize = 16;

/// Lists inside each other, at most, that rows of a child table are cut from.
pub const LEVELS: usize = 3;

/// The bit of a field in the masks of members: fields share bits where a table has more than 64.
pub const fn bit(field: usize, fields: usize) -> u64 {
    1 << (if fields > 64 { field * 64 / fields } else { field })
}

/// What an entry is, beside its places.
pub mod flag {
    /// The value is looked at as it stands: a list there is not what the definition goes into.
    pub const PLAIN: u8 = 1;
    /// A list is walked by its rules; without this flag its first element alone is.
    pub const RULES: u8 = 2;
    /// Its elements are the rows of the table, or hold them.
    pub const ROWS: u8 = 4;
    /// The first element that is not null is asked for.
    pub const FIRST: u8 = 8;
    /// The element at index 0 is asked for, null or not.
    pub const ZERO: u8 = 16;
    /// Nothing is to be done with its value, if it is no list, but to note where it is.
    pub const SIMPLE: u8 = 32;
}

/// How a column's cell is made of its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Make {
    /// Null in rows of this source.
    Nothing,
    Key,
    Parent,
    /// The same text in every row.
    Fixed,
    Text,
    /// A fixed text, or null, beside a code that is a text.
    Implied,
    Boolean,
    Int,
    Long,
    Decimal,
    Date,
    Moment,
    Choice,
    Lookup,
    Json,
    Function,
    /// Not expressed: the request goes the long way.
    Unplanned,
}

impl Make {
    const ALL: [Self; 17] = [
        Self::Nothing,
        Self::Key,
        Self::Parent,
        Self::Fixed,
        Self::Text,
        Self::Implied,
        Self::Boolean,
        Self::Int,
        Self::Long,
        Self::Decimal,
        Self::Date,
        Self::Moment,
        Self::Choice,
        Self::Lookup,
        Self::Json,
        Self::Function,
        Self::Unplanned,
    ];
}

/// A whole plan: tables, by their names.
#[derive(Clone, Copy)]
pub struct Plan(Blob);

/// A table of a plan.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    blob: Blob,
    at: usize,
}

/// What is walked for resources of one type.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pub(crate) blob: Blob,
    at: usize,
}

impl Plan {
    /// `None` for bytes of another kind or version.
    pub fn of(bytes: &'static [u8]) -> Option<Self> {
        bytes.starts_with(MAGIC).then_some(Self(Blob(bytes)))
    }

    pub(crate) fn table(self, name: &str) -> Option<Table> {
        let Self(blob) = self;
        let tables = (0..blob.u32(4)).map(|index| Table { blob, at: blob.u32(8 + 4 * index) });
        tables.into_iter().find(|table| blob.text(table.at) == name)
    }
}

impl Table {
    pub(crate) fn fields(self) -> usize {
        self.blob.u32(self.at + 8)
    }

    /// The members before each index in a key of a child table: `/participant/`, outermost first.
    pub(crate) fn levels(self) -> impl Iterator<Item = &'static str> {
        let list = self.blob.u32(self.at + 12);
        (0..self.blob.u32(list)).map(move |index| self.blob.text(list + 4 + 8 * index))
    }

    pub(crate) fn sources(self) -> impl ExactSizeIterator<Item = Source> {
        let list = self.blob.u32(self.at + 16);
        (0..self.blob.u32(list)).map(move |index| Source { blob: self.blob, at: self.blob.u32(list + 4 + 4 * index) })
    }
}

impl Source {
    pub(crate) fn resource_type(self) -> &'static str {
        self.blob.text(self.at)
    }

    pub(crate) fn root(self) -> usize {
        self.blob.u32(self.at + 8)
    }

    pub(crate) fn slots(self) -> usize {
        self.blob.u16(self.at + 12).into()
    }

    /// Objects' beginnings and members, numbered for the prediction of keys.
    pub(crate) fn places(self) -> usize {
        self.blob.u16(self.at + 14).into()
    }

    pub(crate) fn type_slot(self) -> u16 {
        self.blob.u16(self.at + 16)
    }

    pub(crate) fn id_slot(self) -> u16 {
        self.blob.u16(self.at + 18)
    }

    /// Of the element that a row of a child table is.
    pub(crate) fn row_slot(self) -> u16 {
        self.blob.u16(self.at + 20)
    }

    /// Every column is expressed.
    pub(crate) fn is_whole(self) -> bool {
        self.blob.u16(self.at + 22) != 0
    }

    pub(crate) fn column(self, field: usize) -> Column {
        Column { blob: self.blob, at: self.blob.u32(self.blob.u32(self.at + 24) + 4 * field) }
    }
}

/// How one column is made in rows of one source.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    blob: Blob,
    at: usize,
}

/// The slots of one alternative of a column's path.
#[derive(Clone, Copy)]
pub(crate) struct Alternative(&'static [u8; ALTERNATIVE]);

impl Column {
    pub(crate) fn make(self) -> Make {
        Make::ALL[usize::from(self.blob.u8(self.at))]
    }

    /// Codes outside the options pass.
    pub(crate) fn is_open(self) -> bool {
        self.blob.u8(self.at + 1) != 0
    }

    /// It has a cell whatever members there are: it is of the row itself, or the same in every row.
    pub(crate) fn is_always(self) -> bool {
        self.blob.u8(self.at + 3) != 0
    }

    pub(crate) fn text(self) -> Option<&'static str> {
        (self.blob.u32(self.at + 8) != NO_TEXT as usize).then(|| self.blob.text(self.at + 4))
    }

    /// Codes and their systems; of a lookup, resource types.
    pub(crate) fn options(self) -> impl Iterator<Item = Choice> {
        let list = self.blob.u32(self.at + 12);
        (0..self.blob.u32(list)).map(move |index| Choice::of(self.blob, list + 4 + OPTION * index))
    }

    /// The option of a code.
    pub(crate) fn option(self, code: &[u8]) -> Option<Choice> {
        let (blob, list) = (self.blob, self.blob.u32(self.at + 12));
        let mut places = (0..blob.u32(list)).map(|index| list + 4 + OPTION * index);
        // Most differ in length already.
        let found = |at: &usize| blob.u32(at + 4) == code.len() && same(blob.bytes(blob.u32(*at), code.len()), code);
        places.find(found).map(|at| Choice::of(blob, at))
    }

    pub(crate) fn alternatives(self) -> impl Iterator<Item = Alternative> {
        let list = self.blob.u32(self.at + 16);
        let count = usize::from(self.blob.u8(self.at + 2));
        (0..count).map(move |index| Alternative(self.blob.array(list + ALTERNATIVE * index)))
    }

    /// Slots whose lists may hold more than the column shows.
    pub(crate) fn guards(self, alternative: Alternative) -> impl Iterator<Item = u16> {
        let blob = self.blob;
        let list = alternative.u32(16);
        let count = if list == 0 { 0 } else { blob.u16(list) };
        (0..usize::from(count)).map(move |index| blob.u16(list + 2 + 2 * index))
    }
}

/// An option of a choice.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) code: &'static str,
    pub(crate) system: Option<&'static [u8]>,
}

impl Choice {
    fn of(blob: Blob, at: usize) -> Self {
        let system = (blob.u32(at + 12) != NO_TEXT as usize).then(|| blob.bytes(blob.u32(at + 8), blob.u32(at + 12)));
        Self { code: blob.text(at), system }
    }
}

impl Alternative {
    /// The value, of a list its first that is not null.
    pub(crate) fn value(self) -> u16 {
        self.u16(0)
    }

    /// The value as it stands.
    pub(crate) fn whole(self) -> u16 {
        self.u16(2)
    }

    /// Members of a Reference.
    pub(crate) fn reference(self) -> u16 {
        self.u16(4)
    }

    pub(crate) fn kind(self) -> u16 {
        self.u16(6)
    }

    pub(crate) fn identifier(self) -> u16 {
        self.u16(8)
    }

    pub(crate) fn display(self) -> u16 {
        self.u16(10)
    }

    /// The system beside a code.
    pub(crate) fn system(self) -> u16 {
        self.u16(12)
    }

    /// Which type of a choice element is there; the slot after it is where.
    pub(crate) fn types(self) -> u16 {
        self.u16(14)
    }

    fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(self, at: usize) -> usize {
        u32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]]) as usize
    }
}

/// A member of a node.
#[derive(Clone, Copy)]
pub(crate) struct Entry(&'static [u8; ENTRY]);

impl Entry {
    /// Columns that need it, folded into 64 bits.
    #[inline(always)]
    pub(crate) fn mask(self) -> u64 {
        self.0.first_chunk().map_or(0, |mask| u64::from_le_bytes(*mask))
    }

    #[inline(always)]
    pub(crate) fn key(self) -> (usize, usize) {
        (self.u32(8), self.u16(12).into())
    }

    #[inline(always)]
    pub(crate) fn slot(self) -> u16 {
        self.u16(14)
    }

    /// The node of its objects.
    #[inline(always)]
    pub(crate) fn node(self) -> usize {
        self.u32(16)
    }

    /// The list of rules for its elements.
    #[inline(always)]
    pub(crate) fn rules(self) -> usize {
        self.u32(20)
    }

    /// Constants that its value is compared with.
    #[inline(always)]
    pub(crate) fn conditions(self) -> usize {
        self.u32(24)
    }

    /// The slot of the value as it stands.
    #[inline(always)]
    pub(crate) fn whole(self) -> u16 {
        self.u16(28)
    }

    /// Its number, for the prediction of keys.
    #[inline(always)]
    pub(crate) fn place(self) -> u16 {
        self.u16(30)
    }

    /// The slot that learns which type of a choice element is there, and how long the name without the type is.
    #[inline(always)]
    pub(crate) fn types(self) -> (u16, u16) {
        (self.u16(32), self.u16(34))
    }

    #[inline(always)]
    pub(crate) fn flags(self) -> u8 {
        self.0[36]
    }

    /// How many elements of a list may matter; 255 = all.
    #[inline(always)]
    pub(crate) fn limit(self) -> u8 {
        self.0[37]
    }

    /// The slot of one element; without rules it is the slot of the entry.
    #[inline(always)]
    pub(crate) fn element(self) -> u16 {
        self.u16(38)
    }

    #[inline(always)]
    fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    #[inline(always)]
    fn u32(self, at: usize) -> usize {
        u32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]]) as usize
    }
}

/// The bytes.
#[derive(Clone, Copy)]
pub(crate) struct Blob(pub(crate) &'static [u8]);

impl Blob {
    #[inline(always)]
    pub(crate) fn array<const N: usize>(self, at: usize) -> &'static [u8; N] {
        self.0[at..].first_chunk().expect("a plan is whole")
    }

    #[inline(always)]
    pub(crate) fn entry(self, at: usize) -> Entry {
        Entry(self.array(at))
    }

    #[inline(always)]
    pub(crate) fn u8(self, at: usize) -> u8 {
        self.0[at]
    }

    #[inline(always)]
    pub(crate) fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(*self.array(at))
    }

    #[inline(always)]
    pub(crate) fn u32(self, at: usize) -> usize {
        u32::from_le_bytes(*self.array(at)) as usize
    }

    pub(crate) fn bytes(self, at: usize, length: usize) -> &'static [u8] {
        &self.0[at..at + length]
    }

    /// The text whose offset and length stand at `at`.
    pub(crate) fn text(self, at: usize) -> &'static str {
        utf8(self.bytes(self.u32(at), self.u32(at + 4))).unwrap_or_default()
    }
}

/// Where an entry of a node is found by its key: a table of offsets with a place for each hash.
pub fn hash(key: &[u8], multiplier: u32, shift: u32) -> usize {
    let four =
        |at: usize| key.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four));
    let length = key.len();
    let mixed = match length {
        0..4 => key.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
        _ => four(0) ^ four(length - 4).rotate_left(13) ^ four((length - 4) / 2).rotate_left(7),
    };
    let mixed = (mixed ^ (length as u32).wrapping_mul(0x9e37_79b9)).wrapping_mul(multiplier);
    (mixed >> shift) as usize
}
