//! `$apply` made at random, and what it should give by looking at every row.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value as Json;
use turntable_tests::{Server, encode};

use crate::naive;
use crate::query::{Expr, Filter, Maker};
use crate::random::Random;
use crate::schema::{Kind, Row, Table, Tables, shown_value};
use crate::value::{Decimal, Unknown, Value, folded};
use crate::world::{ACCEPT, Refusals, World};

/// A request for groups of one table's rows.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    set: String,
    filter: Option<Filter>,
    by: Vec<(Expr, Kind)>,
    aggregates: Vec<Aggregate>,
    /// The values that are grouped by have names of `compute`.
    is_computed: bool,
    /// Of the groups: how many stay with the largest, or else the smallest, values of an aggregate.
    best: Option<(usize, bool, usize)>,
    /// Of the groups: an aggregate, and whether descending.
    order: Option<(usize, bool)>,
    top: Option<usize>,
    skip: usize,
}

#[derive(Clone, Debug)]
struct Aggregate {
    /// `$count` of nothing.
    method: &'static str,
    of: Option<(Expr, Kind)>,
}

/// A row of an answer: the values that it is grouped by, then the aggregates.
type Group = Vec<Value>;

impl Groups {
    pub(crate) fn new(random: &mut Random, tables: &Tables) -> Self {
        let sets: Vec<&String> = tables.keys().collect();
        let table = &tables[*random.pick(&sets)];
        let mut maker = Maker { random, tables };
        let filter = maker.random.chance(60).then(|| maker.filter(table, 2, true));
        let value = |maker: &mut Maker<'_>| match maker.random.chance(20) {
            // How many rows point to a row is no path.
            true => maker.joined(table).filter(|(joined, _)| matches!(joined, Expr::Behind(..))),
            false => None,
        };
        let mut by: Vec<(Expr, Kind)> = Vec::new();
        while by.len() < 3 && maker.random.chance(if by.is_empty() { 80 } else { 30 }) {
            let found = value(&mut maker).unwrap_or_else(|| {
                let (column, kind) = maker.column(table, |_| true);
                (Expr::Column(column), kind)
            });
            if by.iter().all(|(other, _)| other.text("") != found.0.text("")) {
                by.push(found);
            }
        }
        let mut aggregates = Vec::new();
        while aggregates.len() < 3 && (by.is_empty() && aggregates.is_empty() || maker.random.chance(55)) {
            let method = maker.random.word(&["$count", "sum", "average", "min", "max", "countdistinct"]);
            let fits = |kind: Kind| match method {
                "sum" | "average" => kind == Kind::Decimal,
                "min" | "max" => kind != Kind::Key,
                _ => true,
            };
            if method != "$count" && !table.columns.iter().any(|(_, kind)| fits(*kind)) {
                continue;
            }
            let of = (method != "$count").then(|| {
                let joined = value(&mut maker).filter(|(_, kind)| fits(*kind));
                joined.unwrap_or_else(|| {
                    let (column, kind) = maker.column(table, fits);
                    (Expr::Column(column), kind)
                })
            });
            aggregates.push(Aggregate { method, of });
        }
        let order = (!aggregates.is_empty() && maker.random.chance(25))
            .then(|| (maker.random.below(aggregates.len()), maker.random.chance(50)));
        let best = (!aggregates.is_empty() && maker.random.chance(20))
            .then(|| (1 + maker.random.below(4), maker.random.chance(50), maker.random.below(aggregates.len())));
        let is_computed = !by.is_empty() && maker.random.chance(15);
        let top = maker.random.chance(15).then(|| maker.random.below(6));
        let skip = if maker.random.chance(10) { maker.random.below(4) } else { 0 };
        Self { set: table.set.clone(), filter, by, aggregates, is_computed, best, order, top, skip }
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        let mut steps = Vec::new();
        steps.extend(self.filter.as_ref().map(|filter| format!("filter({})", filter.text("", 0))));
        let aggregates: Vec<_> = self
            .aggregates
            .iter()
            .enumerate()
            .map(|(nth, aggregate)| match &aggregate.of {
                Some((of, _)) => format!("{} with {} as a{nth}", of.text(""), aggregate.method),
                None => format!("$count as a{nth}"),
            })
            .collect();
        let aggregate = format!("aggregate({})", aggregates.join(","));
        let by: Vec<_> = (0..self.by.len()).map(|nth| self.name(nth)).collect();
        if self.is_computed {
            let values = self.by.iter().zip(&by).map(|((of, _), name)| format!("{} as {name}", of.text("")));
            steps.push(format!("compute({})", values.collect::<Vec<_>>().join(",")));
        }
        steps.push(match (by.is_empty(), aggregates.is_empty()) {
            (true, _) => aggregate,
            (false, true) => format!("groupby(({}))", by.join(",")),
            (false, false) => format!("groupby(({}),{aggregate})", by.join(",")),
        });
        steps.extend(
            self.best.map(|(count, largest, nth)| {
                format!("{}count({count},a{nth})", if largest { "top" } else { "bottom" })
            }),
        );
        let mut options = vec![("$apply", steps.join("/"))];
        options
            .extend(self.order.map(|(nth, down)| ("$orderby", format!("a{nth}{}", if down { " desc" } else { "" }))));
        options.extend(self.top.map(|top| ("$top", top.to_string())));
        if self.skip > 0 {
            options.push(("$skip", self.skip.to_string()));
        }
        options
    }

    /// What a value is called that rows are grouped by.
    fn name(&self, nth: usize) -> String {
        if self.is_computed { format!("b{nth}") } else { self.by[nth].0.text("") }
    }

    /// The same with something less.
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        if self.best.is_some() {
            all.push(Self { best: None, ..self.clone() });
        }
        if self.is_computed {
            all.push(Self { is_computed: false, ..self.clone() });
        }
        if self.top.is_some() || self.skip > 0 || self.order.is_some() {
            all.push(Self { top: None, skip: 0, order: None, ..self.clone() });
        }
        if self.filter.is_some() {
            all.push(Self { filter: None, ..self.clone() });
        }
        for at in 0..self.by.len().saturating_sub(usize::from(self.aggregates.is_empty())) {
            let mut less = self.clone();
            less.by.remove(at);
            all.push(less);
        }
        for at in 0..self.aggregates.len().saturating_sub(usize::from(self.by.is_empty())) {
            let mut less = Self { order: None, best: None, ..self.clone() };
            less.aggregates.remove(at);
            all.push(less);
        }
        all
    }

    fn expected(&self, tables: &Tables) -> Result<Vec<Group>, Unknown> {
        let table = &tables[&self.set];
        let mut groups: BTreeMap<Vec<String>, (Group, Vec<&Row>)> = BTreeMap::new();
        if self.by.is_empty() {
            groups.insert(Vec::new(), Default::default());
        }
        for row in &table.rows {
            let keeps = match &self.filter {
                Some(filter) => naive::holds(filter, table, Some(row), tables)? == Some(true),
                None => true,
            };
            if keeps {
                let by = self.by.iter().map(|(by, _)| naive::value(by, table, Some(row), tables));
                let by: Group = by.collect::<Result<_, _>>()?;
                let name: Vec<String> = by.iter().map(canonical).collect::<Result<_, _>>()?;
                groups.entry(name).or_insert_with(|| (by, Vec::new())).1.push(row);
            }
        }
        let mut rows = Vec::new();
        for (mut group, members) in groups.into_values() {
            for aggregate in &self.aggregates {
                group.push(aggregate.of_rows(&members, table, tables)?);
            }
            rows.push(group);
        }
        let by = self.by.len();
        let compare = |a: &Value, b: &Value| naive::nulls_first(a, b);
        let own = |a: &Group, b: &Group| {
            a.iter().zip(b).take(by).fold(Ordering::Equal, |order, (a, b)| order.then_with(|| compare(a, b)))
        };
        if let Some((count, largest, nth)) = self.best {
            rows.sort_by(own);
            rows.retain(|row| row[by + nth] != Value::Null);
            rows.sort_by(|a, b| {
                let order = compare(&a[by + nth], &b[by + nth]);
                if largest { order.reverse() } else { order }
            });
            rows.truncate(count);
        }
        rows.sort_by(|a, b| {
            let first = self.order.map_or(Ordering::Equal, |(nth, down)| {
                let order = compare(&a[by + nth], &b[by + nth]);
                if down { order.reverse() } else { order }
            });
            first.then_with(|| own(a, b))
        });
        Ok(rows.into_iter().skip(self.skip).take(self.top.unwrap_or(usize::MAX)).collect())
    }

    async fn ask(&self, server: &Server) -> Result<Vec<Group>, String> {
        let options: Vec<String> =
            self.options().iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let call = server.call(Method::GET, &format!("{}?{}", self.set, options.join("&")));
        let answer = call.header("prefer", "odata.maxpagesize=5000").header("accept", ACCEPT).send().await;
        if answer.status != 200 {
            return Err(answer.error_code());
        }
        let by = self.by.iter().enumerate().map(|(nth, (_, kind))| (self.name(nth), *kind));
        let aggregates = self.aggregates.iter().enumerate().map(|(nth, a)| (format!("a{nth}"), a.kind()));
        let columns: Vec<(String, Kind)> = by.chain(aggregates).collect();
        let row = |row: &Json| columns.iter().map(|(path, kind)| value_at(row, path, *kind)).collect();
        Ok(answer.rows().iter().map(row).collect())
    }
}

fn value_at(row: &Json, path: &str, kind: Kind) -> Value {
    match path.split_once('/') {
        Some((object, rest)) => value_at(&row[object], rest, kind),
        None => shown_value(row.as_object().expect("an object"), path, kind),
    }
}

impl Aggregate {
    fn kind(&self) -> Kind {
        match (self.method, &self.of) {
            ("min" | "max", Some((_, kind))) => *kind,
            ("sum" | "average", _) => Kind::Decimal,
            _ => Kind::Whole,
        }
    }

    fn of_rows(&self, rows: &[&Row], table: &Table, tables: &Tables) -> Result<Value, Unknown> {
        let count = |count: usize| Value::of(i64::try_from(count).unwrap_or_default());
        let Some((of, _)) = &self.of else { return Ok(count(rows.len())) };
        let values = rows.iter().map(|row| naive::value(of, table, Some(row), tables));
        let mut values: Vec<Value> = values.collect::<Result<_, _>>()?;
        values.retain(|value| *value != Value::Null);
        let numbers = || {
            values
                .iter()
                .filter_map(|value| match value {
                    Value::Number(number) => Some(number),
                    _ => None,
                })
                .collect::<Vec<_>>()
        };
        let mut names: Vec<String> = values.iter().map(canonical).collect::<Result<_, _>>()?;
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
                values.sort_by(naive::nulls_first);
                let found = if method == "min" { values.first() } else { values.last() };
                found.cloned().expect("there are some")
            }
        })
    }
}

/// Texts that are the same for what is equal.
fn canonical(value: &Value) -> Result<String, Unknown> {
    Ok(match value {
        Value::Text(text) => format!("Text {}", folded(text)?),
        Value::Key(key) => format!("Key {}", key.to_ascii_lowercase()),
        other => format!("{other:?}"),
    })
}

fn canonical_rows(rows: &[Group]) -> Vec<String> {
    let one = |value: &Value| canonical(value).unwrap_or_else(|_| format!("{value:?}"));
    rows.iter().map(|row| row.iter().map(one).collect::<Vec<_>>().join(" | ")).collect()
}

impl World {
    /// What is wrong with the answers of the native route and of another server, the `nth`, to a request for groups.
    pub(crate) async fn difference_of_groups(
        &self,
        random: &mut Random,
        nth: usize,
        refusals: &mut Refusals,
    ) -> Option<String> {
        let mut groups = Groups::new(random, &self.tables);
        let servers = self.servers();
        let two = [&servers[0], &servers[1 + nth % (servers.len() - 1)]];
        let mut found = self.compared_groups(&groups, two, Some(refusals)).await?;
        'smaller: loop {
            for smaller in groups.smaller() {
                if let Some(difference) = self.compared_groups(&smaller, two, None).await {
                    (groups, found) = (smaller, difference);
                    continue 'smaller;
                }
            }
            return Some(found);
        }
    }

    async fn compared_groups(
        &self,
        groups: &Groups,
        servers: [&(&'static str, Server); 2],
        mut refusals: Option<&mut Refusals>,
    ) -> Option<String> {
        let expected = groups.expected(&self.tables);
        if let Some(refusals) = &mut refusals {
            refusals.not_judged += usize::from(expected.is_err());
        }
        let mut wrong = Vec::new();
        let mut native = None;
        for (name, server) in servers {
            let said = groups.ask(server).await;
            if let Some(refusals) = &mut refusals {
                *refusals.asked.entry((*name).to_owned()).or_default() += 1;
                if let Err(code) = &said {
                    *refusals.by_code.entry(((*name).to_owned(), code.clone())).or_default() += 1;
                }
            }
            let said = said.map(|rows| canonical_rows(&rows));
            let should = match &expected {
                Err(Unknown::Fails) => continue,
                Err(Unknown::NotModelled) => native.get_or_insert_with(|| said.clone()).clone(),
                Ok(rows) => Ok(canonical_rows(rows)),
            };
            if said != should {
                wrong.push(format!("  {name} says {said:?}\n  and not {should:?}"));
            }
        }
        (!wrong.is_empty()).then(|| {
            let options: Vec<_> = groups.options().iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}?{}\n{}", groups.set, options.join("&"), wrong.join("\n"))
        })
    }
}
