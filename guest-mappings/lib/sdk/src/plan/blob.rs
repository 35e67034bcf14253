//! The ways to look into a plan. Nothing is decoded or checked beforehand: a plan that is not what `turntable-plan` wrote
//! ends in a panic, never outside of it.

use turntable_scan::block::{same, utf8};

use super::layout::{self, MAGIC, Make, NO_TEXT, SLOT, TEXT, WORD, alternative, column, entry, option, source, table};

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
        let tables = blob.list(layout::plan::TABLES, WORD).map(|at| Table { blob, at: blob.u32(at) });
        tables.into_iter().find(|table| blob.text(table.at + table::NAME) == name)
    }
}

impl Table {
    pub(crate) fn fields(self) -> usize {
        self.blob.u32(self.at + table::FIELDS)
    }

    /// The members before each index in a key of a child table: `/participant/`, outermost first.
    pub(crate) fn levels(self) -> impl Iterator<Item = &'static str> {
        self.blob.list(self.blob.u32(self.at + table::LEVELS), TEXT).map(move |at| self.blob.text(at))
    }

    pub(crate) fn sources(self) -> impl ExactSizeIterator<Item = Source> {
        let sources = self.blob.list(self.blob.u32(self.at + table::SOURCES), WORD);
        sources.map(move |at| Source { blob: self.blob, at: self.blob.u32(at) })
    }
}

impl Source {
    pub(crate) fn resource_type(self) -> &'static str {
        self.blob.text(self.at + source::RESOURCE_TYPE)
    }

    pub(crate) fn root(self) -> usize {
        self.blob.u32(self.at + source::ROOT)
    }

    pub(crate) fn slots(self) -> usize {
        self.blob.u16(self.at + source::SLOTS).into()
    }

    /// Objects' beginnings and members, numbered for the prediction of keys.
    pub(crate) fn places(self) -> usize {
        self.blob.u16(self.at + source::PLACES).into()
    }

    pub(crate) fn type_slot(self) -> u16 {
        self.blob.u16(self.at + source::TYPE_SLOT)
    }

    pub(crate) fn id_slot(self) -> u16 {
        self.blob.u16(self.at + source::ID_SLOT)
    }

    /// Of the element that a row of a child table is.
    pub(crate) fn row_slot(self) -> u16 {
        self.blob.u16(self.at + source::ROW_SLOT)
    }

    /// Every column is expressed.
    pub(crate) fn is_whole(self) -> bool {
        self.blob.u16(self.at + source::WHOLE) != 0
    }

    pub(crate) fn column(self, field: usize) -> Column {
        Column { blob: self.blob, at: self.blob.u32(self.blob.u32(self.at + source::COLUMNS) + WORD * field) }
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
pub(crate) struct Alternative(&'static [u8; alternative::SIZE]);

impl Column {
    pub(crate) fn make(self) -> Make {
        Make::ALL[usize::from(self.blob.u8(self.at + column::MAKE))]
    }

    /// Codes outside the options pass.
    pub(crate) fn is_open(self) -> bool {
        self.blob.u8(self.at + column::OPEN) != 0
    }

    /// It has a cell whatever members there are: it is of the row itself, or the same in every row.
    pub(crate) fn is_always(self) -> bool {
        self.blob.u8(self.at + column::ALWAYS) != 0
    }

    pub(crate) fn text(self) -> Option<&'static str> {
        self.blob.optional(self.at + column::TEXT).then(|| self.blob.text(self.at + column::TEXT))
    }

    /// Codes and their systems; of a lookup, resource types.
    pub(crate) fn options(self) -> impl Iterator<Item = Choice> {
        self.places().map(move |at| Choice::of(self.blob, at))
    }

    /// The option of a code.
    pub(crate) fn option(self, code: &[u8]) -> Option<Choice> {
        let blob = self.blob;
        let found = |at: &usize| {
            let (offset, length) = blob.span(at + option::CODE);
            // Most differ in length already.
            length == code.len() && same(blob.bytes(offset, length), code)
        };
        self.places().find(found).map(|at| Choice::of(blob, at))
    }

    /// Where its options are.
    fn places(self) -> impl Iterator<Item = usize> {
        self.blob.list(self.blob.u32(self.at + column::OPTIONS), option::SIZE)
    }

    pub(crate) fn alternatives(self) -> impl Iterator<Item = Alternative> {
        let list = self.blob.u32(self.at + column::ALTERNATIVES);
        let count = usize::from(self.blob.u8(self.at + column::ALTERNATIVE_COUNT));
        (0..count).map(move |index| Alternative(self.blob.array(list + alternative::SIZE * index)))
    }

    /// Slots whose lists may hold more than the column shows.
    pub(crate) fn guards(self, alternative: Alternative) -> impl Iterator<Item = u16> {
        let blob = self.blob;
        let list = alternative.u32(alternative::GUARDS);
        let count = if list == 0 { 0 } else { blob.u16(list) };
        (0..usize::from(count)).map(move |index| blob.u16(list + 2 + SLOT * index))
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
        let (offset, length) = blob.span(at + option::SYSTEM);
        let system = blob.optional(at + option::SYSTEM).then(|| blob.bytes(offset, length));
        Self { code: blob.text(at + option::CODE), system }
    }
}

impl Alternative {
    /// The value, of a list its first that is not null.
    pub(crate) fn value(self) -> u16 {
        self.u16(alternative::VALUE)
    }

    /// The value as it stands.
    pub(crate) fn whole(self) -> u16 {
        self.u16(alternative::WHOLE)
    }

    /// Members of a Reference.
    pub(crate) fn reference(self) -> u16 {
        self.u16(alternative::REFERENCE)
    }

    pub(crate) fn kind(self) -> u16 {
        self.u16(alternative::KIND)
    }

    pub(crate) fn identifier(self) -> u16 {
        self.u16(alternative::IDENTIFIER)
    }

    pub(crate) fn display(self) -> u16 {
        self.u16(alternative::DISPLAY)
    }

    /// The system beside a code.
    pub(crate) fn system(self) -> u16 {
        self.u16(alternative::SYSTEM)
    }

    /// Which type of a choice element is there; the slot after it is where.
    pub(crate) fn types(self) -> u16 {
        self.u16(alternative::TYPES)
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
pub(crate) struct Entry(&'static [u8; entry::SIZE]);

impl Entry {
    /// Columns that need it, folded into 64 bits.
    #[inline(always)]
    pub(crate) fn mask(self) -> u64 {
        self.0[entry::MASK..].first_chunk().map_or(0, |mask| u64::from_le_bytes(*mask))
    }

    #[inline(always)]
    pub(crate) fn key(self) -> (usize, usize) {
        (self.u32(entry::KEY), self.u16(entry::KEY_LENGTH).into())
    }

    #[inline(always)]
    pub(crate) fn slot(self) -> u16 {
        self.u16(entry::SLOT)
    }

    /// The node of its objects.
    #[inline(always)]
    pub(crate) fn node(self) -> usize {
        self.u32(entry::NODE)
    }

    /// The list of rules for its elements.
    #[inline(always)]
    pub(crate) fn rules(self) -> usize {
        self.u32(entry::RULES)
    }

    /// Constants that its value is compared with.
    #[inline(always)]
    pub(crate) fn conditions(self) -> usize {
        self.u32(entry::CONDITIONS)
    }

    /// The slot of the value as it stands.
    #[inline(always)]
    pub(crate) fn whole(self) -> u16 {
        self.u16(entry::WHOLE)
    }

    /// Its number, for the prediction of keys.
    #[inline(always)]
    pub(crate) fn place(self) -> u16 {
        self.u16(entry::PLACE)
    }

    /// The slot that learns which type of a choice element is there, and how long the name without the type is.
    #[inline(always)]
    pub(crate) fn types(self) -> (u16, u16) {
        (self.u16(entry::TYPES), self.u16(entry::BASE_LENGTH))
    }

    #[inline(always)]
    pub(crate) fn flags(self) -> u8 {
        self.0[entry::FLAGS]
    }

    /// How many elements of a list may matter; 255 = all.
    #[inline(always)]
    pub(crate) fn limit(self) -> u8 {
        self.0[entry::LIMIT]
    }

    /// The slot of one element; without rules it is the slot of the entry.
    #[inline(always)]
    pub(crate) fn element(self) -> u16 {
        self.u16(entry::ELEMENT)
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

    /// Where the items of a list stand, each of a size.
    pub(crate) fn list(self, at: usize, size: usize) -> impl ExactSizeIterator<Item = usize> {
        (0..self.u32(at)).map(move |index| at + WORD + size * index)
    }

    /// The offset and the length of the text at `at`.
    #[inline(always)]
    pub(crate) fn span(self, at: usize) -> (usize, usize) {
        (self.u32(at), self.u32(at + WORD))
    }

    /// Whether there is a text at `at`, be it an empty one.
    fn optional(self, at: usize) -> bool {
        self.span(at).1 != NO_TEXT as usize
    }

    /// The text at `at`.
    pub(crate) fn text(self, at: usize) -> &'static str {
        let (offset, length) = self.span(at);
        utf8(self.bytes(offset, length)).unwrap_or_default()
    }
}
