//! What an app asks for, as plain data: a [`Query`] that reads, a [`Change`] that writes. Every name in it has been
//! resolved against a [`Table`](super::table::Table) and every literal typed, so that planning and evaluating cannot
//! meet an unknown column.

use std::sync::Arc;

use uuid::Uuid;

use super::alternate::AlternateKey;
use super::catalog::Relation;
use super::error::Error;
use super::table::{Column, ColumnIndex, Kind, Table};
use super::value::{Date, Instant, Number};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Columns to show, in the table's order; None = all.
    pub select: Option<Vec<ColumnIndex>>,
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    pub top: Option<u64>,
    pub skip: u64,
    /// `$count=true`
    pub count: bool,
    pub expand: Vec<Expand>,
    /// Values of related rows that filter and order use.
    pub joined: Vec<Joined>,
    /// Values of each row that are shown with it, the n-th as if it were column `table.columns.len() + n`.
    pub computed: Vec<ComputedValue>,
    /// `Prefer: odata.track-changes`: what changes in the list is to be told later.
    pub tracks: bool,
    /// `Prefer: odata.maxpagesize`
    pub max_page_size: Option<u32>,
    /// Opaque text of a `$skiptoken`, as received.
    pub skip_token: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub by: Expr,
    pub descending: bool,
}

/// One navigation property to follow. What is followed from there is in its query.
#[derive(Clone, Debug, PartialEq)]
pub struct Expand {
    pub navigation: String,
    pub to: Relation,
    pub form: ExpandForm,
    /// Options inside the parentheses, resolved against the target table; `None` = everything.
    pub query: Query,
}

/// What is shown of related rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpandForm {
    #[default]
    Rows,
    /// `navigation/$ref`: their addresses.
    References,
    /// `navigation/$count`: how many there are.
    Count,
}

impl Expand {
    /// Levels of rows that hang on each other, this one included.
    pub fn height(&self) -> usize {
        1 + self.query.expand.iter().map(Self::height).max().unwrap_or_default()
    }

    /// Navigation properties that are followed, this one included.
    pub fn width(&self) -> usize {
        1 + self.query.expand.iter().map(Self::width).sum::<usize>()
    }
}

/// A value that `$compute` gives a name.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputedValue {
    /// What it is shown as.
    pub column: Column,
    /// Of columns of the row itself.
    pub expr: Expr,
}

/// A value of related rows that stands beside each row, as if it were a column of its table: the n-th of a query is column
/// `table.columns.len() + n` there.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// As it may be written: `msemr_patient/lastname`.
    pub name: String,
    pub to: Relation,
    /// What is read of the related table: its `filter`, and values that are joined there.
    pub query: Query,
    pub value: JoinedValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinedValue {
    /// A column of the related table, or a value that is joined there. Null where there is no row.
    Column(ColumnIndex),
    /// How many there are.
    Count,
}

/// A boolean condition. Kept as written (no normal form), so that it can be printed and explained.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(Compare, Expr, Expr),
    /// `column in (…)`
    In(Expr, Vec<Literal>),
    Text(TextTest, Expr, Expr),
    /// A boolean expression standing alone: a boolean column or literal.
    Is(Expr),
    /// `nav/column …` through a lookup, or `nav/any(x: …)` over a collection: the inner filter is resolved against the
    /// relation's table.
    Related {
        navigation: String,
        to: Relation,
        quantifier: Quantifier,
        filter: Option<Box<Filter>>,
        /// Of that filter.
        joined: Vec<Joined>,
    },
    /// A key is among those that rows of another table hold. Only a database can answer it, where both are.
    Among(Box<Among>),
}

/// A condition on a related table that is asked in one go with the rows themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Among {
    /// A column of the table itself, as [`Filter::one_of`] has it.
    pub of: Expr,
    pub table: Arc<Table>,
    /// The column of the other table that holds the keys, as far as it leads to the table itself.
    pub theirs: Expr,
    /// What its rows must meet.
    pub filter: Option<Filter>,
}

/// A value of related rows that a database finds beside each row itself: the n-th of a scan is column
/// `table.columns.len() + n` there.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    /// A column of the table itself, as [`Filter::one_of`] has it.
    pub of: Expr,
    pub table: Arc<Table>,
    /// The column of the other table that is compared with it, as far as it leads to the table itself.
    pub theirs: Expr,
    /// What its rows must meet to be counted, or to have a value; of counted ones it may use what stands beside them.
    pub filter: Option<Filter>,
    pub beside: Vec<Beside>,
    pub value: JoinedValue,
}

impl Beside {
    /// Of the rows of another table whose column `theirs` has what the column `own` of this one has.
    pub fn new(table: &Table, own: ColumnIndex, other: &Arc<Table>, theirs: ColumnIndex, value: JoinedValue) -> Self {
        let (of, theirs) = (Expr::leading(table, own, other), Expr::leading(other, theirs, table));
        Self { of, table: other.clone(), theirs, filter: None, beside: Vec::new(), value }
    }
}

impl Filter {
    /// How large it is: conditions and values, those of a list and of related rows aside.
    pub fn parts(&self) -> usize {
        1 + match self {
            Self::And(a, b) | Self::Or(a, b) => a.parts() + b.parts(),
            Self::Not(inner) => inner.parts(),
            Self::Compare(_, a, b) | Self::Text(_, a, b) => a.parts() + b.parts(),
            Self::In(of, _) | Self::Is(of) => of.parts(),
            Self::Related { .. } | Self::Among(_) => 0,
        }
    }

    /// Both must hold.
    pub fn both(a: Self, b: Self) -> Self {
        Self::And(a.into(), b.into())
    }

    /// The condition on a column of a table that [`Filter::one_of`] would be with the keys in a column of those rows of
    /// another table that meet a filter.
    pub fn among(
        table: &Table,
        column: ColumnIndex,
        other: &Arc<Table>,
        theirs: ColumnIndex,
        filter: Option<Self>,
    ) -> Self {
        let (of, theirs) = (Expr::leading(table, column, other), Expr::leading(other, theirs, table));
        Self::Among(Box::new(Among { of, table: other.clone(), theirs, filter }))
    }

    /// Whether a part of it only a database can answer.
    pub fn has_among(&self) -> bool {
        match self {
            Self::And(a, b) | Self::Or(a, b) => a.has_among() || b.has_among(),
            Self::Not(inner) => inner.has_among(),
            Self::Among(_) => true,
            _ => false,
        }
    }

    /// A column of a table is one of these keys, of rows of the other table.
    pub fn one_of(table: &Table, column: ColumnIndex, other: &Table, keys: impl IntoIterator<Item = Uuid>) -> Self {
        Self::In(Expr::leading(table, column, other), keys.into_iter().map(Literal::Guid).collect())
    }

    /// A column of a table is the key of this row of the other table.
    pub fn points_to(table: &Table, column: ColumnIndex, other: &Table, key: Uuid) -> Self {
        match Expr::leading(table, column, other) {
            of @ Expr::Column(_) => Self::Compare(Compare::Eq, of, Expr::Literal(Literal::Guid(key))),
            of => Self::In(of, vec![Literal::Guid(key)]),
        }
    }
}

impl Expr {
    /// How large it is, as [`Filter::parts`] counts.
    pub fn parts(&self) -> usize {
        1 + match self {
            Self::Column(_) | Self::Leading(..) | Self::Literal(_) => 0,
            Self::Call(_, arguments) => arguments.iter().map(Self::parts).sum(),
            Self::Arithmetic(_, a, b) => a.parts() + b.parts(),
            Self::Negate(inner) => inner.parts(),
            Self::Condition(filter) => filter.parts(),
            Self::Case(branches) => branches.iter().map(|(condition, value)| condition.parts() + value.parts()).sum(),
        }
    }

    /// The key in a column, as far as it is one of the other table's rows.
    fn leading(table: &Table, column: ColumnIndex, other: &Table) -> Self {
        match &table.columns[column].kind {
            Kind::Lookup(lookup) if lookup.leads_beside(&other.entity_set) => {
                Self::Leading(column, other.entity_set.clone())
            }
            _ => Self::Column(column),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// The one row of a lookup.
    One,
    Any,
    All,
    /// A lookup, or the key itself, leads into a hierarchy ([`Table::hierarchy`]), to a row that stands so to the one that the
    /// inner filter names by its key.
    Within(Way),
}

/// How a row of a hierarchy stands to another, whatever lies between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Under,
    Above,
    /// It is under the other, or the other itself.
    UnderOrEqual,
    AboveOrEqual,
}

impl Way {
    pub fn is_under(self) -> bool {
        matches!(self, Self::Under | Self::UnderOrEqual)
    }

    pub fn or_equal(self) -> bool {
        matches!(self, Self::UnderOrEqual | Self::AboveOrEqual)
    }

    /// Of Dataverse's query function.
    pub fn name(self) -> &'static str {
        match self {
            Self::Under => "Under",
            Self::Above => "Above",
            Self::UnderOrEqual => "UnderOrEqual",
            Self::AboveOrEqual => "AboveOrEqual",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Compare {
    /// The same with its sides exchanged: `3 lt x` is `x gt 3`.
    pub fn turned(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            Self::Eq | Self::Ne => self,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
    /// A regular expression ([`pattern`](super::pattern)), which is a literal and matched with the text as it stands.
    Matches,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Column(ColumnIndex),
    /// The key in a lookup where it leads to the table of this entity set, else null: tables that a lookup may lead to can
    /// have rows of the same key. See [`Lookup::leads_to`](super::table::Lookup::leads_to).
    Leading(ColumnIndex, String),
    Literal(Literal),
    Call(Function, Vec<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    /// What a condition says: true, false or null. No condition on a related table is in it.
    Condition(Box<Filter>),
    /// The value of the first condition that is true; null if none is.
    Case(Vec<(Filter, Expr)>),
}

/// Functions that give a value (those that give a boolean are [`TextTest`]s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Length,
    IndexOf,
    Substring,
    ToLower,
    ToUpper,
    Trim,
    Concat,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Date,
    /// The time of day in UTC.
    Time,
    FractionalSeconds,
    /// Moments are shown in UTC, so it is 0.
    TotalOffsetMinutes,
    TotalSeconds,
    /// To another type; null where the value has none in it.
    Cast(Primitive),
    Round,
    Floor,
    Ceiling,
    /// Taken from the clock when the request was parsed, so that one request has one `now`.
    Now,
}

/// What a value can be cast to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    Text,
    Bool,
    Byte,
    SByte,
    Int16,
    Int32,
    Int64,
    Decimal,
    Guid,
    Date,
    Instant,
    Time,
    Duration,
}

impl Primitive {
    const NAMES: [(&'static str, Self); 13] = [
        ("Edm.String", Self::Text),
        ("Edm.Boolean", Self::Bool),
        ("Edm.Byte", Self::Byte),
        ("Edm.SByte", Self::SByte),
        ("Edm.Int16", Self::Int16),
        ("Edm.Int32", Self::Int32),
        ("Edm.Int64", Self::Int64),
        ("Edm.Decimal", Self::Decimal),
        ("Edm.Guid", Self::Guid),
        ("Edm.Date", Self::Date),
        ("Edm.DateTimeOffset", Self::Instant),
        ("Edm.TimeOfDay", Self::Time),
        ("Edm.Duration", Self::Duration),
    ];

    /// By its name in OData, `Edm.Int32`.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, primitive)| *primitive)
    }

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, primitive)| *primitive == self).map_or("", |(name, _)| *name)
    }

    /// The least and the most that an integer type holds.
    pub fn range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::Byte => (0, 255),
            Self::SByte => (-128, 127),
            Self::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            Self::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Self::Int64 => (i64::MIN, i64::MAX),
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    /// With a fraction, also of integers.
    DivBy,
    Mod,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Number(Number<'static>),
    Text(String),
    Guid(Uuid),
    Date(Date),
    Instant(Instant),
    /// A time of day, in microseconds from midnight.
    Time(i64),
    /// In microseconds.
    Duration(i64),
}

/// A write. Values are cell texts as the mapping contract has them (`wit/mapping.wit`, `cells`), already checked
/// against the column types; lookups are `Type/id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub operation: Operation,
    pub assignments: Vec<Assignment>,
    pub repeats: Vec<Repeat>,
    /// A row that is there becomes what is assigned, and null in every other column that can be written and has an element,
    /// but for lookups (OData 4.0 Protocol, 11.4.3).
    pub replaces: bool,
    /// Of a new row: others that are made with it.
    pub related: Vec<Related>,
    /// Versions that `If-Match` allows.
    pub precondition: Precondition,
    /// Of a new row: it is made only if no row has this key; one that has it is changed.
    pub unless: Option<AlternateKey>,
}

impl Default for Operation {
    fn default() -> Self {
        Self::Create { key: None }
    }
}

impl Change {
    /// Has a lookup lead to this row.
    pub fn bind(&mut self, column: ColumnIndex, entity_set: &str, key: Uuid) {
        let value = Some(AssignedValue::Bind { entity_set: entity_set.to_owned(), key });
        for assignment in self.assignments.iter_mut().filter(|assignment| assignment.column == column) {
            assignment.value.clone_from(&value);
        }
    }
}

/// New rows that a new row points to, or that point to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    pub navigation: String,
    /// A lookup, of one new row, or a collection.
    pub to: Relation,
    pub changes: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// With the key that the client chose, if it did.
    Create {
        key: Option<Uuid>,
    },
    Update {
        key: Uuid,
    },
    /// Update, or create where the row is not there.
    Upsert {
        key: Uuid,
    },
    Delete {
        key: Uuid,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub column: ColumnIndex,
    /// None = null.
    pub value: Option<AssignedValue>,
}

/// A value that cannot be written, and changes nothing where the row shows it already: of a form that sends the whole row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub column: ColumnIndex,
    /// Cell text; None = null.
    pub value: Option<String>,
    /// What to answer where the row shows another.
    pub otherwise: Error,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignedValue {
    /// Cell text.
    Cell(String),
    /// A row of another table, by `@odata.bind`; the router finds out its resource type and id.
    Bind { entity_set: String, key: Uuid },
    /// The row that this one is made with ([`Change::related`]), whose key is known once it is made.
    Made,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    #[default]
    None,
    /// `If-Match: *`
    MustExist,
    /// `If-None-Match: *`
    MustNotExist,
    /// `If-Match: W/"3"`, without the wrapping.
    Versions(Vec<String>),
}
