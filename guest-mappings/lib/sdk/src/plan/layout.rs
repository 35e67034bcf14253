//! The plan as bytes: what stands where. The crate `turntable-plan` writes them, [`super::blob`] reads them.
//!
//! All is little endian, nothing is aligned, and every reference is an offset of four bytes from the start of the plan;
//! offset 0 is "none", and so is slot 0. A text is its offset and its length, a list a count and its items, one behind the
//! other, each number of four bytes. Slots have two.

/// The first bytes of every plan: what it is, and the version of its form.
pub const MAGIC: &[u8; 4] = b"TPL3";

/// Length of "no text", where an empty text is something else.
pub const NO_TEXT: u32 = u32::MAX;

/// The slot of the resource or element that a row is, where no member leads to it.
pub const ROW: u16 = u16::MAX;

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
    pub(crate) const ALL: [Self; 17] = [
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

/// A number of a list's items, a text's offset.
pub const WORD: usize = 4;

/// An offset and a length.
pub const TEXT: usize = 8;

/// A slot.
pub const SLOT: usize = 2;

/// The plan: behind [`MAGIC`] the list of tables, by offset.
pub mod plan {
    pub const TABLES: usize = 4;
}

pub mod table {
    /// Text.
    pub const NAME: usize = 0;
    /// How many columns it has.
    pub const FIELDS: usize = 8;
    /// List of texts.
    pub const LEVELS: usize = 12;
    /// List of offsets.
    pub const SOURCES: usize = 16;
    pub const SIZE: usize = 20;
}

pub mod source {
    /// Text.
    pub const RESOURCE_TYPE: usize = 0;
    /// The node of the resource.
    pub const ROOT: usize = 8;
    /// How many slots there are, in two bytes.
    pub const SLOTS: usize = 12;
    /// How many places keys are predicted from, in two bytes.
    pub const PLACES: usize = 14;
    pub const TYPE_SLOT: usize = 16;
    pub const ID_SLOT: usize = 18;
    pub const ROW_SLOT: usize = 20;
    /// Not 0 if every column is expressed, in two bytes.
    pub const WHOLE: usize = 22;
    /// Where the offsets of the columns are, which have no count.
    pub const COLUMNS: usize = 24;
    pub const SIZE: usize = 28;
}

pub mod column {
    /// A [`Make`](super::Make), in one byte, as are the next three.
    pub const MAKE: usize = 0;
    pub const OPEN: usize = 1;
    /// How many alternatives there are.
    pub const ALTERNATIVE_COUNT: usize = 2;
    pub const ALWAYS: usize = 3;
    /// Text.
    pub const TEXT: usize = 4;
    /// List of options.
    pub const OPTIONS: usize = 12;
    /// Where the alternatives are, one behind the other.
    pub const ALTERNATIVES: usize = 16;
    pub const SIZE: usize = 20;
}

/// An option of a choice, a resource type of a lookup.
pub mod option {
    /// Text.
    pub const CODE: usize = 0;
    /// Text, or none.
    pub const SYSTEM: usize = 8;
    pub const SIZE: usize = 16;
}

/// The slots of one alternative of a path.
pub mod alternative {
    pub const VALUE: usize = 0;
    pub const WHOLE: usize = 2;
    pub const REFERENCE: usize = 4;
    pub const KIND: usize = 6;
    pub const IDENTIFIER: usize = 8;
    pub const DISPLAY: usize = 10;
    pub const SYSTEM: usize = 12;
    pub const TYPES: usize = 14;
    /// Where a count of two bytes and so many slots are.
    pub const GUARDS: usize = 16;
    pub const SIZE: usize = 20;
}

/// An object that a path goes through.
pub mod node {
    /// Its number, for the prediction of keys, in two bytes.
    pub const PLACE: usize = 0;
    /// Of the hash.
    pub const MULTIPLIER: usize = 4;
    pub const SHIFT: usize = 8;
    /// List of types.
    pub const TYPES: usize = 12;
    /// An offset of an entry for every hash.
    pub const ENTRIES: usize = 16;
}

/// A choice element whose type is asked for.
pub mod types {
    /// Text.
    pub const BASE: usize = 0;
    pub const SLOT: usize = 8;
    pub const SIZE: usize = 12;
}

/// A member of a node. What has no size said here is a slot, or a number of two bytes.
pub mod entry {
    /// Columns that need it, in eight bytes.
    pub const MASK: usize = 0;
    /// Text, whose length has two bytes.
    pub const KEY: usize = 8;
    pub const KEY_LENGTH: usize = 12;
    pub const SLOT: usize = 14;
    /// The node of its objects.
    pub const NODE: usize = 16;
    /// List of offsets.
    pub const RULES: usize = 20;
    /// List of conditions.
    pub const CONDITIONS: usize = 24;
    pub const WHOLE: usize = 28;
    pub const PLACE: usize = 30;
    pub const TYPES: usize = 32;
    pub const BASE_LENGTH: usize = 34;
    /// In one byte, as is the next.
    pub const FLAGS: usize = 36;
    pub const LIMIT: usize = 37;
    pub const ELEMENT: usize = 38;
    pub const SIZE: usize = 40;
}

/// A constant that an entry's value is compared with.
pub mod condition {
    /// Text.
    pub const LITERAL: usize = 0;
    /// What it is compared with, one of the following.
    pub const TEST: usize = 8;
    /// Marked where it holds.
    pub const SLOT: usize = 12;
    pub const SIZE: usize = 16;

    /// The literal, a text.
    pub const TEXT: u32 = 0;
    /// The literal, `true`, `false` or a number.
    pub const BARE: u32 = 1;
    /// Any text.
    pub const ANY_TEXT: u32 = 2;
    /// Any number, which is noted in the slot.
    pub const RANK: u32 = 3;
}

/// What is done at the end of a list's element.
pub mod rule {
    /// Which elements it is for, in one byte: [`DIRECT`], [`INDEX`], [`WHERE`] or [`CURRENT`].
    pub const KIND: usize = 0;
    /// Not 0 if a value without a list is none of them, in one byte.
    pub const LIST_ONLY: usize = 1;
    /// [`INDEX`]: which. [`CURRENT`]: how many weights there are.
    pub const AT: usize = 2;
    /// The slot that is marked when it is done; of [`CURRENT`] with what speaks against the element.
    pub const DONE: usize = 4;
    /// How many slots of conditions there are.
    pub const CONDITIONS: usize = 6;
    /// How many pairs of slots there are, from and to.
    pub const COPIES: usize = 8;
    /// The slots. Of [`CURRENT`] behind them pairs of the slot of a condition and its weight, and the slot of the rank, 0 for
    /// none.
    pub const SLOTS: usize = 10;

    /// The first element that is there.
    pub const DIRECT: u8 = 0;
    /// The element at an index.
    pub const INDEX: u8 = 1;
    /// The first that meets the conditions.
    pub const WHERE: u8 = 2;
    /// Of those that meet the conditions the one that the least speaks against.
    pub const CURRENT: u8 = 3;
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
