//! `$apply` of groups as data: its transformations, as they are written, and what each makes of rows.

use std::collections::{BTreeMap, BTreeSet};

use crate::naive::{self, nulls_first};
use crate::query::{Expr, Filter};
use crate::schema::{Kind, Row, Table, Tables};
use crate::value::{Decimal, Unknown, Value, folded};

/// One transformation.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Identity,
    Filter(Filter),
    Compute(Vec<(String, Expr, Kind)>),
    Group { by: Vec<By>, aggregates: Vec<Aggregate> },
    Concat(Vec<Vec<Step>>),
    Order(Vec<(Expr, bool)>),
    Skip(usize),
    Top(usize),
    Best { largest: bool, measure: Measure, by: Expr },
}

/// `topcount(2,…)`, `topsum(10.5,…)`, `toppercent(50,…)`
#[derive(Clone, Debug)]
pub(crate) enum Measure {
    Count(usize),
    Sum(&'static str),
    Percent(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) enum By {
    One(Expr, Kind),
    /// `rollup($all,a,b)`, or without `$all`.
    Rollup(bool, Vec<(Expr, Kind)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) method: &'static str,
    /// `$count` of nothing.
    pub(crate) of: Option<(Expr, Kind)>,
    pub(crate) name: String,
}

/// A property of rows that are made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Of texts that are equal it is settled which is shown.
    pub(crate) is_exact: bool,
}

impl Step {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Identity => "identity".to_owned(),
            Self::Filter(filter) => format!("filter({})", filter.text("", 0)),
            Self::Compute(items) => {
                let item = |(name, of, _): &(String, Expr, Kind)| format!("{} as {name}", of.text(""));
                format!("compute({})", items.iter().map(item).collect::<Vec<_>>().join(","))
            }
            Self::Group { by, aggregates } => {
                let aggregate = aggregates.iter().map(Aggregate::text).collect::<Vec<_>>().join(",");
                let by = by.iter().map(By::text).collect::<Vec<_>>().join(",");
                match (by.is_empty(), aggregate.is_empty()) {
                    (true, _) => format!("aggregate({aggregate})"),
                    (false, true) => format!("groupby(({by}))"),
                    (false, false) => format!("groupby(({by}),aggregate({aggregate}))"),
                }
            }
            Self::Concat(parts) => {
                format!("concat({})", parts.iter().map(|part| text_of(part)).collect::<Vec<_>>().join(","))
            }
            Self::Order(order) => {
                let item = |(by, down): &(Expr, bool)| format!("{}{}", by.text(""), if *down { " desc" } else { "" });
                format!("orderby({})", order.iter().map(item).collect::<Vec<_>>().join(","))
            }
            Self::Skip(count) => format!("skip({count})"),
            Self::Top(count) => format!("top({count})"),
            Self::Best { largest, measure, by } => {
                let (measure, amount) = match measure {
                    Measure::Count(count) => ("count", count.to_string()),
                    Measure::Sum(sum) => ("sum", (*sum).to_owned()),
                    Measure::Percent(percent) => ("percent", (*percent).to_owned()),
                };
                format!("{}{measure}({amount},{})", if *largest { "top" } else { "bottom" }, by.text(""))
            }
        }
    }
}

pub(crate) fn text_of(steps: &[Step]) -> String {
    steps.iter().map(Step::text).collect::<Vec<_>>().join("/")
}

impl By {
    fn text(&self) -> String {
        match self {
            Self::One(of, _) => of.text(""),
            Self::Rollup(all, of) => {
                let of: Vec<_> = of.iter().map(|(of, _)| of.text("")).collect();
                format!("rollup({}{})", if *all { "$all," } else { "" }, of.join(","))
            }
        }
    }
}

impl Aggregate {
    fn text(&self) -> String {
        match &self.of {
            Some((of, _)) => format!("{} with {} as {}", of.text(""), self.method, self.name),
            None => format!("$count as {}", self.name),
        }
    }

    fn column(&self) -> Column {
        let kind = match (self.method, &self.of) {
            ("min" | "max", Some((_, kind))) => *kind,
            ("sum" | "average", _) => Kind::Decimal,
            _ => Kind::Whole,
        };
        Column { name: self.name.clone(), kind, is_exact: kind != Kind::Text }
    }
}

/// What rows of these columns come to have, or None where a step asks for what they have not. The columns of rows that are not
/// grouped are those that were computed.
pub(crate) fn columns_after(steps: &[Step], table: &Table, before: Option<Vec<Column>>) -> Option<Vec<Column>> {
    let (mut columns, mut computed): (Option<Vec<Column>>, Vec<Column>) = (before, Vec::new());
    for step in steps {
        let known = |expr: &Expr| match (&columns, expr) {
            (Some(columns), expr) => {
                let has = |name: &str| columns.iter().any(|column| column.name == name);
                expr.columns().iter().all(|name| has(name))
            }
            (None, expr) => {
                let has = |name: &str| {
                    computed.iter().any(|column| column.name == name)
                        || table.columns.iter().any(|(column, _)| column == name)
                };
                expr.columns().iter().all(|name| has(name))
            }
        };
        let all_known = match step {
            Step::Filter(filter) => known(&Expr::Condition(filter.clone().into())),
            Step::Compute(items) => items.iter().all(|(_, of, _)| known(of)),
            Step::Order(order) => order.iter().all(|(by, _)| known(by)),
            Step::Best { by, .. } => known(by),
            Step::Group { by, aggregates } => {
                let aggregated = aggregates.iter().filter_map(|aggregate| aggregate.of.as_ref());
                by.iter().all(|by| match by {
                    By::One(of, _) => known(of),
                    By::Rollup(_, all) => all.iter().all(|(of, _)| known(of)),
                }) && aggregated.map(|(of, _)| of).all(known)
            }
            _ => true,
        };
        if !all_known {
            return None;
        }
        match step {
            Step::Compute(items) => {
                let new =
                    items.iter().map(|(name, _, kind)| Column { name: name.clone(), kind: *kind, is_exact: true });
                match &mut columns {
                    Some(columns) => columns.extend(new),
                    None => computed.extend(new),
                }
            }
            Step::Group { by, aggregates } => {
                let is_exact = |name: &str| {
                    columns.as_ref().is_none_or(|all| all.iter().all(|other| other.name != name || other.is_exact))
                };
                let column = |(of, kind): &(Expr, Kind)| {
                    let name = of.text("");
                    Column { is_exact: is_exact(&name), name, kind: *kind }
                };
                let mut new: Vec<Column> = Vec::new();
                for by in by {
                    match by {
                        By::One(of, kind) => new.push(column(&(of.clone(), *kind))),
                        By::Rollup(_, all) => new.extend(all.iter().map(column)),
                    }
                }
                new.extend(aggregates.iter().map(Aggregate::column));
                columns = Some(new);
            }
            Step::Concat(parts) => {
                let mut united: Vec<Column> = Vec::new();
                for part in parts {
                    // Names that were computed before stay known in the parts.
                    let whole: Vec<Step> = match columns {
                        None => {
                            let before = steps.iter().take_while(|other| !std::ptr::eq(*other, step));
                            let before = before.filter(|step| matches!(step, Step::Compute(_)));
                            before.chain(part).cloned().collect()
                        }
                        Some(_) => part.clone(),
                    };
                    for column in columns_after(&whole, table, columns.clone())? {
                        match united.iter_mut().find(|other| other.name == column.name) {
                            Some(other) => {
                                other.is_exact &= column.is_exact;
                                if other.kind != column.kind {
                                    other.kind = Kind::Decimal;
                                }
                            }
                            None => united.push(column),
                        }
                    }
                }
                columns = Some(united);
            }
            _ => {}
        }
    }
    columns
}

/// What steps make of the rows of a table. Of the rows that come of it, `shown` has the properties that each of them has.
pub(crate) fn made(steps: &[Step], table: Table, tables: &Tables) -> Result<Table, Unknown> {
    steps.iter().try_fold(table, |table, step| of_step(step, table, tables))
}

fn of_step(step: &Step, mut table: Table, tables: &Tables) -> Result<Table, Unknown> {
    match step {
        Step::Identity => {}
        Step::Filter(filter) => {
            let mut kept = Vec::new();
            for row in &table.rows {
                if naive::holds(filter, &table, Some(row), tables)? == Some(true) {
                    kept.push(row.clone());
                }
            }
            table.rows = kept;
        }
        Step::Compute(items) => {
            let mut rows = Vec::with_capacity(table.rows.len());
            for row in &table.rows {
                let mut with = row.clone();
                for (name, of, _) in items {
                    with.shown.insert(name.clone(), serde_json::Value::Null);
                    with.cells.insert(name.clone(), naive::value(of, &table, Some(row), tables)?);
                }
                rows.push(with);
            }
            table.rows = rows;
            table.columns.extend(items.iter().map(|(name, _, kind)| (name.clone(), *kind)));
        }
        Step::Group { by, aggregates } => {
            let levels = levels(by);
            let mut parts = Vec::with_capacity(levels.len());
            for level in &levels {
                parts.push(grouped(level, aggregates, &table, tables)?);
            }
            table = united(parts);
        }
        Step::Concat(parts) => {
            let parts = parts.iter().map(|part| made(part, table.clone(), tables));
            table = united(parts.collect::<Result<_, _>>()?);
        }
        Step::Order(order) => table.rows = sorted(order, &table, tables)?,
        Step::Skip(count) => drop(table.rows.drain(..(*count).min(table.rows.len()))),
        Step::Top(count) => table.rows.truncate(*count),
        Step::Best { largest, measure, by } => table.rows = best(*largest, measure, by, &table, tables)?,
    }
    Ok(table)
}

/// Of a rollup all columns, then one less, down to the first, or to none.
fn levels(by: &[By]) -> Vec<Vec<(Expr, Kind)>> {
    let mut levels: Vec<Vec<(Expr, Kind)>> = vec![Vec::new()];
    for by in by {
        match by {
            By::One(of, kind) => levels.iter_mut().for_each(|level| level.push((of.clone(), *kind))),
            By::Rollup(all, of) => {
                let counts = (usize::from(!all)..=of.len()).rev();
                let with = |count: usize| {
                    levels.iter().map(move |level| level.iter().chain(&of[..count]).cloned().collect::<Vec<_>>())
                };
                levels = counts.flat_map(with).collect();
            }
        }
    }
    levels
}

fn grouped(by: &[(Expr, Kind)], aggregates: &[Aggregate], table: &Table, tables: &Tables) -> Result<Table, Unknown> {
    let mut groups: BTreeMap<Vec<String>, (Vec<Value>, Vec<&Row>)> = BTreeMap::new();
    if by.is_empty() {
        groups.insert(Vec::new(), Default::default());
    }
    for row in &table.rows {
        let values = by.iter().map(|(by, _)| naive::value(by, table, Some(row), tables));
        let values: Vec<Value> = values.collect::<Result<_, _>>()?;
        let name: Vec<String> = values.iter().map(canonical).collect::<Result<_, _>>()?;
        let (least, members) = groups.entry(name).or_insert_with(|| (values.clone(), Vec::new()));
        for (least, value) in least.iter_mut().zip(values) {
            if let (Value::Text(least), Value::Text(text)) = (least, value)
                && text < *least
            {
                *least = text;
            }
        }
        members.push(row);
    }
    let mut columns: Vec<(String, Kind)> = by.iter().map(|(of, kind)| (of.text(""), *kind)).collect();
    columns.extend(aggregates.iter().map(Aggregate::column).map(|column| (column.name, column.kind)));
    let mut rows = Vec::with_capacity(groups.len());
    for (mut values, members) in groups.into_values() {
        for aggregate in aggregates {
            values.push(aggregate.of_rows(&members, table, tables)?);
        }
        rows.push(values);
    }
    rows.sort_by(|a, b| {
        let each = a.iter().zip(b).take(by.len()).map(|(a, b)| nulls_first(a, b));
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    let row = |values: Vec<Value>| Row::of(columns.iter().map(|(name, _)| name.clone()).zip(values).collect());
    Ok(of_groups(table, columns.clone(), rows.into_iter().map(row).collect()))
}

fn of_groups(of: &Table, columns: Vec<(String, Kind)>, rows: Vec<Row>) -> Table {
    let (set, name, key) = (of.set.clone(), of.name.clone(), String::new());
    Table { set, name, key, columns, navigations: Vec::new(), rows }
}

/// The rows of all, one after the other; what a part does not have is null, and not shown.
fn united(parts: Vec<Table>) -> Table {
    let mut columns: Vec<(String, Kind)> = Vec::new();
    for (name, kind) in parts.iter().flat_map(|part| &part.columns) {
        if columns.iter().all(|(other, _)| other != name) {
            columns.push((name.clone(), *kind));
        }
    }
    let of = of_groups(&parts[0], columns.clone(), Vec::new());
    let mut rows: Vec<Row> = parts.into_iter().flat_map(|part| part.rows).collect();
    for row in &mut rows {
        for (name, _) in &columns {
            row.cells.entry(name.clone()).or_insert(Value::Null);
        }
    }
    Table { rows, ..of }
}

fn sorted(order: &[(Expr, bool)], table: &Table, tables: &Tables) -> Result<Vec<Row>, Unknown> {
    let mut keyed = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let by = order.iter().map(|(by, _)| naive::value(by, table, Some(row), tables)?.comparable());
        keyed.push((by.collect::<Result<Vec<Value>, Unknown>>()?, row));
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let each = a.iter().zip(b).zip(order).map(|((a, b), (_, down))| {
            let order = nulls_first(a, b);
            if *down { order.reverse() } else { order }
        });
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    Ok(keyed.into_iter().map(|(_, row)| row.clone()).collect())
}

fn best(largest: bool, measure: &Measure, by: &Expr, table: &Table, tables: &Tables) -> Result<Vec<Row>, Unknown> {
    let mut keyed = Vec::with_capacity(table.rows.len());
    for (place, row) in table.rows.iter().enumerate() {
        let value = naive::value(by, table, Some(row), tables)?.comparable()?;
        if value != Value::Null {
            keyed.push((value, place));
        }
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let order = nulls_first(a, b);
        if largest { order.reverse() } else { order }
    });
    let numbers: Vec<&Decimal> = keyed.iter().filter_map(|(value, _)| value.number()).collect();
    let amount = |text: &str| Decimal::parse(text).expect("a number");
    let as_few = |wanted: &Decimal, scale: &str| -> Result<usize, Unknown> {
        for count in 1..=numbers.len() {
            let sum = Decimal::arithmetic("mul", false, &Decimal::sum(&numbers[..count])?, &amount(scale))?;
            if sum >= *wanted {
                return Ok(count);
            }
        }
        Ok(numbers.len())
    };
    let count = match measure {
        Measure::Count(count) => *count,
        Measure::Sum(sum) => as_few(&amount(sum), "1")?,
        Measure::Percent(percent) => {
            let all = Decimal::arithmetic("mul", false, &Decimal::sum(&numbers)?, &amount(percent))?;
            as_few(&all, "100")?
        }
    };
    let stay: BTreeSet<usize> = keyed.iter().take(count).map(|(_, place)| *place).collect();
    Ok(stay.into_iter().map(|place| table.rows[place].clone()).collect())
}

impl Aggregate {
    fn of_rows(&self, rows: &[&Row], table: &Table, tables: &Tables) -> Result<Value, Unknown> {
        let count = |count: usize| Value::of(i64::try_from(count).unwrap_or_default());
        let Some((of, _)) = &self.of else { return Ok(count(rows.len())) };
        let values = rows.iter().map(|row| naive::value(of, table, Some(row), tables));
        let mut values: Vec<Value> = values.collect::<Result<_, _>>()?;
        values.retain(|value| *value != Value::Null);
        let mut names: Vec<String> = values.iter().map(canonical).collect::<Result<_, _>>()?;
        let numbers = || values.iter().filter_map(Value::number).collect::<Vec<_>>();
        Ok(match self.method {
            "countdistinct" => {
                names.sort();
                names.dedup();
                count(names.len())
            }
            _ if values.is_empty() => Value::Null,
            "sum" => Value::Number(Decimal::sum(&numbers())?),
            "average" => Value::Number(Decimal::average(&numbers())?),
            method => {
                values.sort_by(nulls_first);
                let found = if method == "min" { values.first() } else { values.last() };
                found.cloned().expect("there are some")
            }
        })
    }
}

/// Texts that are the same for what is equal.
pub(crate) fn canonical(value: &Value) -> Result<String, Unknown> {
    Ok(match value {
        Value::Text(text) => format!("Text {}", folded(text)?),
        Value::Key(key) => format!("Key {}", key.to_ascii_lowercase()),
        other => format!("{other:?}"),
    })
}
