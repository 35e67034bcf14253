//! Groups rows in memory, and counts and adds up in each group. This is the definition of the semantics on every route,
//! as `residual` is for filters: what a database does of it must come to the same.
//!
//! Rows are in one group where all values are equal as `eq` has it: by their [`SortKey`], null being a value. A group shows
//! of each value the least of the texts that its rows have for it (of `Müller` and `MULLER`, `MULLER`), so that the order
//! of the rows does not matter.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::expression::{Expression, Key};
use super::residual::{self, columns_of_expr};
use crate::model::aggregate::{Aggregate, Aggregation, Best, Grouping, Measure, Method, PROPERTIES, Then, properties};
use crate::model::error::{Code, Error, Result};
use crate::model::exact::Exact;
use crate::model::query::{ComputedValue, Expr, Order};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::total::Total;
use crate::model::value::{Number, SortKey};

/// Bytes of texts that groups and distinct values may hold. `ScanBudgetExceeded`.
const BYTES_MAX: usize = 64 << 20;

/// The columns of the rows that a step reads.
pub fn columns_of(step: &Grouping) -> BTreeSet<ColumnIndex> {
    let mut columns = BTreeSet::new();
    let read = step.by.iter().chain(step.aggregates.iter().filter_map(|aggregate| aggregate.of.as_ref()));
    read.for_each(|expr| columns_of_expr(expr, &mut columns));
    columns
}

/// One step under way: rows go in, some at a time and in any order.
#[derive(Debug)]
pub struct Folding {
    /// What the rows are of.
    of: Arc<Table>,
    step: Grouping,
    groups: HashMap<Vec<SortKey>, usize>,
    held: Vec<Group>,
    /// More groups are refused.
    most: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Group {
    texts: Vec<Option<String>>,
    states: Vec<State>,
}

impl Folding {
    /// `BadFilter` or `BadOption` for values that have no meaning in the table. `most`: the limit `aggregate_groups`.
    pub fn new(of: Arc<Table>, step: Grouping, most: usize) -> Result<Self> {
        let mut folding = Self { of, step, groups: HashMap::new(), held: Vec::new(), most, bytes: 0 };
        let table = folding.of.clone();
        folding.read(&table)?;
        if folding.step.by.is_empty() {
            folding.open(Vec::new(), Vec::new())?;
        }
        Ok(folding)
    }

    /// Takes rows of the table in.
    pub fn add(&mut self, rows: &Rows) -> Result<()> {
        let table = self.of.clone();
        let (by, of) = self.read(&table)?;
        for row in 0..rows.len() {
            let keys: Vec<SortKey> = by.iter().map(|value| value.key(rows, row)).collect::<Result<_>>()?;
            let texts = by.iter().zip(&keys).map(|(value, key)| value.text(rows, row, key));
            let texts: Vec<Option<Cow<'_, str>>> = texts.collect::<Result<_>>()?;
            let place = match self.groups.get(&keys) {
                Some(place) => {
                    let held = &mut self.held[*place].texts;
                    held.iter_mut().zip(texts).for_each(|(held, text)| least_text(held, text));
                    *place
                }
                None => self.open(keys, texts.into_iter().map(|text| text.map(Cow::into_owned)).collect())?,
            };
            let group = &mut self.held[place];
            for (state, value) in group.states.iter_mut().zip(&of) {
                self.bytes += state.add(value.as_ref(), rows, row)?;
            }
            check_bytes(self.bytes)?;
        }
        Ok(())
    }

    /// A row for each group that the step's filter keeps, by its table, in the order of their values.
    pub fn done(self) -> Result<Rows> {
        let mut rows = Rows::new((0..self.step.table.columns.len()).collect());
        for group in &self.held {
            let given: Vec<Option<String>> = group.states.iter().map(State::given).collect();
            let cells = group.texts.iter().chain(&given).map(Option::as_deref);
            rows.push(cells);
        }
        finished(&rows, &self.step)
    }

    fn open(&mut self, keys: Vec<SortKey>, texts: Vec<Option<String>>) -> Result<usize> {
        let place = self.held.len();
        if place >= self.most {
            return Err(too_many_groups(self.most));
        }
        self.bytes += texts.iter().flatten().map(String::len).sum::<usize>() + size_of::<Group>();
        check_bytes(self.bytes)?;
        let states = self.step.aggregates.iter().map(|aggregate| State::new(aggregate.method)).collect();
        self.held.push(Group { texts, states });
        self.groups.insert(keys, place);
        Ok(place)
    }

    fn read<'t>(&self, table: &'t Table) -> Result<(Vec<Read<'t>>, Vec<Option<Read<'t>>>)> {
        let by = self.step.by.iter().map(|expr| Read::new(expr, table)).collect::<Result<_>>()?;
        let of = |aggregate: &Aggregate| aggregate.of.as_ref().map(|expr| Read::new(expr, table)).transpose();
        Ok((by, self.step.aggregates.iter().map(of).collect::<Result<_>>()?))
    }
}

/// Rows of groups as they leave a step: those that its filter keeps, in the order of the values that they are grouped by.
pub fn finished(rows: &Rows, step: &Grouping) -> Result<Rows> {
    let kept = rows.pick(&residual::filter_rows(step.filter.as_ref(), &step.table, rows)?);
    let by: Vec<Order> =
        (0..step.by.len()).map(|column| Order { by: Expr::Column(column), descending: false }).collect();
    let mut rows = kept.pick(&residual::order_alone(&kept, &by, &step.table)?);
    for then in &step.then {
        let stay = match then {
            Then::Filter(filter) => residual::filter_rows(Some(filter), &step.table, &rows)?,
            Then::Order(order) => residual::order_alone(&rows, order, &step.table)?,
            Then::Skip(skip) => (place(*skip).min(rows.len())..rows.len()).collect(),
            Then::Top(top) => (0..place(*top).min(rows.len())).collect(),
            Then::Best(best) => best_of(&rows, best, &step.table)?,
        };
        rows = rows.pick(&stay);
    }
    Ok(rows)
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The rows that stay, in the order that they have.
fn best_of(rows: &Rows, best: &Best, table: &Table) -> Result<Vec<usize>> {
    let value = Read::new(&best.by, table)?;
    let mut keyed = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        match value.key(rows, row)? {
            SortKey::Null => {}
            key => keyed.push((key, row)),
        }
    }
    // Of equal ones those that come first.
    keyed.sort_by(|(a, _), (b, _)| if best.largest { b.cmp(a) } else { a.cmp(b) });
    let mut stay: Vec<usize> = keyed.into_iter().map(|(_, row)| row).collect();
    if let Measure::Count(count) = best.measure {
        stay.truncate(place(count));
    } else {
        let numbers = numbers(rows, &value, &stay)?;
        stay.truncate(as_few(&numbers, &best.measure)?);
    }
    stay.sort_unstable();
    Ok(stay)
}

fn numbers(rows: &Rows, value: &Read<'_>, of: &[usize]) -> Result<Vec<Number<'static>>> {
    let number = |row: &usize| {
        let text = match value.key(rows, *row)? {
            SortKey::Int(number) => number.to_string(),
            key => value.text(rows, *row, &key)?.unwrap_or_default().into_owned(),
        };
        Number::parse(text).ok_or_else(|| Error::new(Code::BadValue, "a cell is no decimal"))
    };
    of.iter().map(number).collect()
}

/// How many numbers, from the first on, come to what is measured; all where they do not.
fn as_few(numbers: &[Number<'_>], measure: &Measure) -> Result<usize> {
    let add = |total: &mut Total, number: &Number<'_>| total.add(number).map_err(|_| too_long());
    let (wanted, scale) = match measure {
        Measure::Count(_) => return Ok(numbers.len()),
        Measure::Sum(wanted) => (wanted.clone(), 1),
        Measure::Percent(percent) => {
            let mut all = Total::default();
            numbers.iter().try_for_each(|number| add(&mut all, number))?;
            (product(&sum(&all)?, percent)?, 100)
        }
    };
    let scale = Number::parse(scale.to_string()).ok_or_else(too_long)?;
    let mut total = Total::default();
    for (nth, number) in numbers.iter().enumerate() {
        add(&mut total, number)?;
        if product(&sum(&total)?, &scale)? >= wanted {
            return Ok(nth + 1);
        }
    }
    Ok(numbers.len())
}

fn sum(total: &Total) -> Result<Number<'static>> {
    Number::parse(total.sum().unwrap_or_else(|| "0".into())).ok_or_else(too_long)
}

fn product(a: &Number<'_>, b: &Number<'_>) -> Result<Number<'static>> {
    let exact = |number: &Number<'_>| Exact::of(number).map_err(|_| too_long());
    let product = exact(a)?.mul(&exact(b)?).map_err(|_| too_long())?;
    Number::parse(product.text()).ok_or_else(too_long)
}

/// What comes of the rows of the first step: those of the last one, filtered and sorted as it is asked. In the order of
/// the values that they are grouped by where it says nothing else.
pub fn rest(aggregation: &Aggregation, first: Rows, most: usize) -> Result<Rows> {
    let rows = match aggregation.steps.split_first() {
        Some((before, steps)) => through(&before.table, steps, first, most)?,
        None => first,
    };
    let Some(table) = aggregation.table() else { return Ok(rows) };
    let kept = rows.pick(&residual::filter_rows(aggregation.then.filter.as_ref(), table, &rows)?);
    Ok(kept.pick(&residual::order_alone(&kept, &aggregation.then.order, table)?))
}

/// What steps make of the rows of a table.
fn through(of: &Arc<Table>, steps: &[Grouping], rows: Rows, most: usize) -> Result<Rows> {
    let (mut of, mut rows) = (of, rows);
    for step in steps {
        rows = if step.is_of_all() {
            finished(&rows, step)?
        } else if step.parts.is_empty() {
            let mut folding = Folding::new(of.clone(), step.clone(), most)?;
            folding.add(&rows)?;
            folding.done()?
        } else {
            let mut uniting = Uniting::new(step, most);
            for part in &step.parts {
                uniting.add(&part.steps, &through(of, &part.steps, rows.clone(), most)?)?;
            }
            uniting.done()?
        };
        of = &step.table;
    }
    Ok(rows)
}

/// Rows of several parts becoming those of one step.
pub struct Uniting<'s> {
    step: &'s Grouping,
    rows: Rows,
    most: usize,
}

impl<'s> Uniting<'s> {
    /// `most`: the limit `aggregate_groups`.
    pub fn new(step: &'s Grouping, most: usize) -> Self {
        Self { step, rows: Rows::new((0..step.table.columns.len()).collect()), most }
    }

    /// Takes in the rows that the steps of a part have given.
    pub fn add(&mut self, steps: &[Grouping], rows: &Rows) -> Result<()> {
        let Some(part) = steps.last().map(|step| &step.table) else { return Ok(()) };
        if self.rows.len() + rows.len() > self.most {
            return Err(too_many_groups(self.most));
        }
        let place = |name: &str| part.columns.iter().position(|column| column.name == name);
        let columns: Vec<Option<usize>> = self
            .step
            .table
            .columns
            .iter()
            .map(|column| place(&column.name).filter(|_| column.name != PROPERTIES))
            .collect();
        // A part may be of several itself.
        let theirs = place(PROPERTIES);
        for row in 0..rows.len() {
            let has: Option<Vec<usize>> = theirs.map(|column| properties(rows.cell(row, column)));
            let is_there = |column: usize| has.as_ref().is_none_or(|has| has.contains(&column));
            let there = columns.iter().enumerate();
            let there = there.filter(|(_, own)| own.is_some_and(is_there)).map(|(column, _)| column.to_string());
            let there = there.collect::<Vec<_>>().join(",");
            let cells = columns.iter().map(|own| rows.cell(row, (*own)?));
            let last = cells.len().saturating_sub(1);
            self.rows.push(cells.take(last).chain([Some(there.as_str())]));
        }
        check_bytes(self.rows.bytes())
    }

    pub fn done(self) -> Result<Rows> {
        finished(&self.rows, self.step)
    }
}

/// Whether filters and orders have a meaning in the rows that they are for. `BadFilter`.
pub fn check(aggregation: &Aggregation, of: &Arc<Table>) -> Result<()> {
    check_steps(of, &aggregation.steps)?;
    check_then(aggregation, of)
}

/// The same behind a first step of several parts, of which each is checked by itself.
pub fn check_behind(aggregation: &Aggregation) -> Result<()> {
    let Some((first, steps)) = aggregation.steps.split_first() else { return Ok(()) };
    finished(&Rows::default(), first)?;
    check_steps(&first.table, steps)?;
    check_then(aggregation, &first.table)
}

fn check_steps(of: &Arc<Table>, steps: &[Grouping]) -> Result<()> {
    let mut table = of;
    for step in steps {
        if step.parts.is_empty() && !step.is_of_all() {
            Folding::new(table.clone(), step.clone(), usize::MAX)?;
        }
        step.parts.iter().try_for_each(|part| check_steps(table, &part.steps))?;
        finished(&Rows::default(), step)?;
        table = &step.table;
    }
    Ok(())
}

fn check_then(aggregation: &Aggregation, of: &Arc<Table>) -> Result<()> {
    let table = aggregation.table().unwrap_or(of);
    residual::filter_rows(aggregation.then.filter.as_ref(), table, &Rows::default())?;
    residual::order_alone(&Rows::default(), &aggregation.then.order, table)?;
    Ok(())
}

pub fn too_many_groups(most: usize) -> Error {
    let what = format!("there are more than {most} groups (limit `aggregate_groups`)");
    Error::new(Code::ScanBudgetExceeded, what).target("$apply").hint("group by fewer columns, or filter before")
}

/// Of texts of groups.
pub fn check_bytes(bytes: usize) -> Result<()> {
    if bytes <= BYTES_MAX {
        return Ok(());
    }
    let error = Error::new(Code::ScanBudgetExceeded, "the values of the groups are too large").target("$apply");
    Err(error.hint("group by columns of shorter texts, or filter before"))
}

/// Rows with values beside their own: a column for each of these after all columns of the table.
pub fn with_values(rows: &Rows, computed: &[ComputedValue], table: &Table) -> Result<Rows> {
    let values: Vec<Read<'_>> = computed.iter().map(|value| Read::new(&value.expr, table)).collect::<Result<_>>()?;
    let own = table.columns.len();
    let mut wide = Rows::new(rows.columns().iter().copied().chain(own..own + values.len()).collect());
    for row in 0..rows.len() {
        let text = |value: &Read<'_>| -> Result<Option<String>> {
            let key = value.key(rows, row)?;
            Ok(value.text(rows, row, &key)?.map(Cow::into_owned))
        };
        let texts: Vec<Option<String>> = values.iter().map(text).collect::<Result<_>>()?;
        wide.push(rows.row(row).chain(texts.iter().map(Option::as_deref)));
    }
    Ok(wide)
}

/// A value of each row.
struct Read<'t> {
    expression: Expression<'t>,
    key: Key<'t>,
}

impl<'t> Read<'t> {
    fn new(expr: &Expr, table: &'t Table) -> Result<Self> {
        let (expression, of) = Expression::new(expr, table)?;
        Ok(Self { expression, key: Key::new(expr, of, table)? })
    }

    fn key(&self, rows: &Rows, row: usize) -> Result<SortKey> {
        self.key.of(rows, row)
    }

    /// What is no value among others shows none: a code that an open choice has no number for.
    fn text<'r>(&'r self, rows: &'r Rows, row: usize, key: &SortKey) -> Result<Option<Cow<'r, str>>> {
        if *key == SortKey::Null { Ok(None) } else { self.expression.text(rows, row) }
    }
}

fn least_text(held: &mut Option<String>, text: Option<Cow<'_, str>>) {
    if let (Some(held), Some(text)) = (held, text)
        && *text < **held
    {
        *held = text.into_owned();
    }
}

/// What is known of a group so far.
#[derive(Debug)]
enum State {
    Count { nulls: bool, count: u64 },
    Distinct(HashSet<SortKey>),
    Total { average: bool, total: Total },
    Extreme { most: bool, found: Option<(SortKey, String)> },
}

impl State {
    fn new(method: Method) -> Self {
        match method {
            Method::Rows => Self::Count { nulls: true, count: 0 },
            Method::Values => Self::Count { nulls: false, count: 0 },
            Method::Distinct => Self::Distinct(HashSet::new()),
            Method::Sum => Self::Total { average: false, total: Total::default() },
            Method::Average => Self::Total { average: true, total: Total::default() },
            Method::Least => Self::Extreme { most: false, found: None },
            Method::Most => Self::Extreme { most: true, found: None },
        }
    }

    /// Takes a row in, and says how many bytes that has taken.
    fn add(&mut self, value: Option<&Read<'_>>, rows: &Rows, row: usize) -> Result<usize> {
        let key = match value {
            Some(value) => value.key(rows, row)?,
            None => SortKey::Bool(true),
        };
        if let Self::Count { nulls: true, count } = self {
            *count += 1;
            return Ok(0);
        }
        let Some(value) = value.filter(|_| key != SortKey::Null) else { return Ok(0) };
        let text = || value.text(rows, row, &key).map(Option::unwrap_or_default);
        match self {
            Self::Count { count, .. } => *count += 1,
            Self::Distinct(seen) => {
                let bytes = size_of::<SortKey>() + length(&key);
                return Ok(if seen.insert(key) { bytes } else { 0 });
            }
            Self::Total { total, .. } => match key {
                SortKey::Int(number) => total.add_integer(number),
                _ => add_decimal(total, &text()?)?,
            },
            Self::Extreme { most, found } => {
                let further = match found {
                    None => true,
                    Some((held, held_text)) => match key.cmp(held) {
                        std::cmp::Ordering::Equal => *text()? < **held_text,
                        order => order.is_gt() == *most,
                    },
                };
                if further {
                    let text = text()?.into_owned();
                    let before = found.take().map_or(0, |(_, text)| text.len());
                    let more = text.len().saturating_sub(before);
                    *found = Some((key, text));
                    return Ok(more);
                }
            }
        }
        Ok(0)
    }

    /// As a cell.
    fn given(&self) -> Option<String> {
        match self {
            Self::Count { count, .. } => Some(count.to_string()),
            Self::Distinct(seen) => Some(seen.len().to_string()),
            Self::Total { average: false, total } => total.sum(),
            Self::Total { average: true, total } => total.average(),
            Self::Extreme { found, .. } => found.as_ref().map(|(_, text)| text.clone()),
        }
    }
}

fn length(key: &SortKey) -> usize {
    match key {
        SortKey::Decimal(bytes) => bytes.len(),
        SortKey::Text(text) => text.len(),
        _ => 0,
    }
}

/// Adds a decimal by its text.
pub fn add_decimal(total: &mut Total, text: &str) -> Result<()> {
    let number = Number::parse(text).ok_or_else(|| Error::new(Code::BadValue, "a cell is no decimal"))?;
    total.add(&number).map_err(|_| too_long())
}

pub fn too_long() -> Error {
    Error::new(Code::ScanBudgetExceeded, "a sum has more than 1,000 digits").target("$apply")
}

/// Whether a database that keeps the sort key beside each cell can do a step by itself: all values are columns. `own`: how
/// many of them the table has itself; a key beside it has yet to be told from its text.
pub fn is_of_columns(step: &Grouping, of: &Table, own: usize) -> bool {
    let is_known = |column: usize| {
        let kind = of.columns.get(column).map(|column| &column.kind);
        column < own || kind.is_some_and(|kind| *kind != Kind::TOLD_KEY)
    };
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(column) if is_known(*column));
    step.by.iter().chain(step.aggregates.iter().filter_map(|aggregate| aggregate.of.as_ref())).all(is_column)
}

#[cfg(test)]
mod tests;
