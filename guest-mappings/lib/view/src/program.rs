//! What a view is compiled to: a table's description, its selects as a tree, its FHIRPath as code for a stack machine.
//! It goes into the component as bytes ([`Program::to_bytes`]) and is borrowed from them there.

mod bytes;

use std::borrow::Cow;

pub(crate) use bytes::MAX_DEPTH;

use crate::types::{Family, Type};

/// The tag of the part of the component that is a program.
pub const PROGRAM: &[u8; 4] = b"VIEW";

/// A compiled view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program<'p> {
    /// Logical name of the table, which is also the mapping's.
    pub(crate) name: Cow<'p, str>,
    pub(crate) entity_set: Cow<'p, str>,
    pub(crate) label: Cow<'p, str>,
    pub(crate) description: Cow<'p, str>,
    /// The author's version, semver.
    pub(crate) version: Cow<'p, str>,
    /// The resource type that it reads.
    pub(crate) resource: Cow<'p, str>,
    pub(crate) profiles: Vec<Cow<'p, str>>,
    /// Each resource gives exactly one row.
    pub(crate) one_row: bool,
    pub(crate) key: Cow<'p, str>,
    /// Top-level elements that decide which rows there are.
    pub(crate) row_elements: Vec<Cow<'p, str>>,
    pub(crate) columns: Vec<Column<'p>>,
    /// Names of the complex types that the code mentions.
    pub(crate) types: Vec<Cow<'p, str>>,
    /// Conditions on the resource; all must hold.
    pub(crate) filters: Vec<Block>,
    pub(crate) root: Vec<Select<'p>>,
    pub(crate) code: Vec<Op<'p>>,
}

/// One column of the view. In the table the key comes before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column<'p> {
    pub(crate) name: Cow<'p, str>,
    pub(crate) label: Cow<'p, str>,
    pub(crate) description: Cow<'p, str>,
    pub(crate) kind: Kind,
    /// All values as a JSON array; else more than one is an error.
    pub(crate) collection: bool,
    /// From the resource's root, for people.
    pub(crate) path: Cow<'p, str>,
    pub(crate) elements: Vec<Cow<'p, str>>,
    pub(crate) search: Option<Search<'p>>,
}

/// What a cell is in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Text,
    MultiLine,
    Boolean,
    Int32,
    Int64,
    Decimal,
    Date,
    DateTime,
    Uri,
    Json,
}

/// The search parameter that finds the column's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search<'p> {
    pub(crate) param: Cow<'p, str>,
    pub(crate) kind: SearchKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SearchKind {
    Token,
    Date,
    Uri,
}

/// A part of the code: one expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// A node of the tree of selects. Its rows are, for each focus: its columns, joined with the rows of every select
/// below it and with those of its union.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Select<'p> {
    pub(crate) each: Each<'p>,
    /// Column and expression.
    pub(crate) columns: Vec<(u16, Block)>,
    pub(crate) selects: Vec<Select<'p>>,
    pub(crate) unions: Vec<Select<'p>>,
}

/// What a select iterates over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Each<'p> {
    /// The one focus it is given.
    #[default]
    Focus,
    Elements {
        path: Block,
        /// One row of nulls if there is no element.
        or_null: bool,
        /// Its name in the key of a row; empty if there is one element at most, which needs no name.
        label: Cow<'p, str>,
    },
    /// Elements of all paths, and of these again, depth first.
    Repeat { paths: Vec<Block>, label: Cow<'p, str> },
}

/// One step of the stack machine. Operands are collections. `Where` and its like are followed by the code of their
/// criterion, which runs once for each item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op<'p> {
    /// `$this`
    This,
    /// `%resource`
    Resource,
    /// `%rowIndex`
    RowIndex,
    /// `$index`
    Index,
    /// `{}`
    Empty,
    Boolean(bool),
    Text(Cow<'p, str>),
    Number(Cow<'p, str>),
    /// A date, dateTime or time.
    Moment(Family, Cow<'p, str>),
    /// Children of that name. What does not repeat is never taken apart.
    Member {
        name: Cow<'p, str>,
        of: Type,
        repeats: bool,
    },
    /// `value[x]`
    Choice(Cow<'p, str>),
    /// Children of that name, or a choice element of it: of a parent whose type is unknown.
    Any(Cow<'p, str>),
    Extension {
        url: Cow<'p, str>,
        of: Type,
    },
    OfType(Type),
    As(Type),
    Is(Type),
    /// The reference's id, if it is to that resource type; empty = to any.
    ReferenceKey(Cow<'p, str>),
    ResourceKey,
    /// Takes the position from the stack.
    At,
    Where(u32),
    Exists(u32),
    All(u32),
    Map(u32),
    /// Lengths of the code for true, and of that for false (or empty), which follows it.
    If(u32, u32),
    Call(Function, u8),
    Binary(Operator),
    Negate,
}

macro_rules! numbered {
    ($(#[$attribute:meta])* $name:ident { $($variant:ident $text:literal,)* }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum $name { $($variant,)* }

        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As it is written in FHIRPath.
            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

numbered! {
    /// Functions whose arguments are plain values.
    Function {
        AllFalse "allFalse",
        AllTrue "allTrue",
        AnyFalse "anyFalse",
        AnyTrue "anyTrue",
        Contains "contains",
        Count "count",
        Distinct "distinct",
        Empty "empty",
        EndsWith "endsWith",
        Exists "exists",
        First "first",
        HasValue "hasValue",
        HighBoundary "highBoundary",
        IndexOf "indexOf",
        Join "join",
        Last "last",
        Length "length",
        LowBoundary "lowBoundary",
        Lower "lower",
        Not "not",
        Replace "replace",
        Single "single",
        Skip "skip",
        StartsWith "startsWith",
        Substring "substring",
        Tail "tail",
        Take "take",
        ToBoolean "toBoolean",
        ToDecimal "toDecimal",
        ToInteger "toInteger",
        ToString "toString",
        Trim "trim",
        Upper "upper",
    }
}

numbered! {
    Operator {
        Multiply "*",
        Divide "/",
        Div "div",
        Mod "mod",
        Add "+",
        Subtract "-",
        Concatenate "&",
        Union "|",
        Less "<",
        LessOrEqual "<=",
        Greater ">",
        GreaterOrEqual ">=",
        Equal "=",
        NotEqual "!=",
        In "in",
        Contains "contains",
        And "and",
        Or "or",
        Xor "xor",
        Implies "implies",
    }
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::Text,
        Self::MultiLine,
        Self::Boolean,
        Self::Int32,
        Self::Int64,
        Self::Decimal,
        Self::Date,
        Self::DateTime,
        Self::Uri,
        Self::Json,
    ];
}

impl SearchKind {
    pub(crate) const ALL: &[Self] = &[Self::Token, Self::Date, Self::Uri];
}

impl<'p> Program<'p> {
    pub(crate) fn code_of(&self, block: Block) -> &[Op<'p>] {
        let start = block.start as usize;
        self.code.get(start..start.saturating_add(block.length as usize)).unwrap_or_default()
    }

    pub(crate) fn type_name(&self, index: u16) -> &str {
        self.types.get(usize::from(index)).map_or("", |name| name)
    }
}
