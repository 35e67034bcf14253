//! `$apply` of groups made at random, and what servers say to it against what it should give by looking at every row.

use reqwest::Method;
use serde_json::Value as Json;
use turntable_tests::{Server, encode};

use crate::pipeline::{Aggregate, By, Column, Measure, Step, canonical, columns_after, made, text_of};
use crate::query::{Expr, Filter, Maker};
use crate::random::Random;
use crate::schema::{Kind, Table, Tables, shown_value};
use crate::value::{Unknown, Value};
use crate::values::exact;
use crate::world::{ACCEPT, Refusals, World};

/// A request for groups of one table's rows.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    set: String,
    steps: Vec<Step>,
    /// `$filter`, of the rows that come of it.
    filter: Option<Filter>,
    /// `$orderby`
    order: Vec<(Expr, bool)>,
    top: Option<usize>,
    skip: usize,
    count: bool,
    page: Option<usize>,
}

/// What a server says: rows as texts, and how many there are in all.
type Said = (Vec<String>, Option<usize>);

/// Makes transformations. Each name is given once, but for those that the parts of a `concat` share.
struct Making<'m, 'a> {
    maker: &'m mut Maker<'a>,
    table: &'a Table,
    names: usize,
}

impl Making<'_, '_> {
    fn name(&mut self, letter: char) -> String {
        self.names += 1;
        format!("{letter}{}", self.names)
    }

    /// Transformations of rows that are not grouped, the last of which groups them.
    fn of_rows(&mut self, depth: usize, computed: &[Column]) -> Vec<Step> {
        let (mut steps, mut computed) = (Vec::new(), computed.to_vec());
        if self.maker.random.chance(if depth == 0 { 60 } else { 30 }) {
            steps.push(Step::Filter(self.maker.filter(self.table, 2, depth == 0)));
        }
        if self.maker.random.chance(20) {
            let mut items = Vec::new();
            for _ in 0..1 + self.maker.random.below(2) {
                let joined = if self.maker.random.chance(25) { self.behind() } else { None };
                let (of, kind) = joined.unwrap_or_else(|| self.maker.value(self.table));
                items.push((self.name('c'), of, kind));
            }
            let column =
                |(name, _, kind): &(String, Expr, Kind)| Column { name: name.clone(), kind: *kind, is_exact: true };
            computed.extend(items.iter().map(column));
            steps.push(Step::Compute(items));
        }
        if depth < 2 && self.maker.random.chance(if depth == 0 { 15 } else { 8 }) {
            let mut parts: Vec<Vec<Step>> = Vec::new();
            for _ in 0..2 + self.maker.random.below(2) {
                let mut part = self.of_rows(depth + 1, &computed);
                if let Some(before) = parts.last().filter(|_| self.maker.random.chance(40)) {
                    share_names(before, &mut part);
                }
                parts.push(part);
            }
            steps.push(Step::Concat(parts));
        } else {
            steps.push(self.group(&computed));
        }
        steps
    }

    /// How many rows point to a row is no path.
    fn behind(&mut self) -> Option<(Expr, Kind)> {
        self.maker.joined(self.table).filter(|(joined, _)| matches!(joined, Expr::Behind(..)))
    }

    fn group(&mut self, computed: &[Column]) -> Step {
        let mut by: Vec<(Expr, Kind)> = Vec::new();
        while by.len() < 3 && self.maker.random.chance(if by.is_empty() { 80 } else { 35 }) {
            let found = match self.maker.random.below(10) {
                0 | 1 => self.behind(),
                2..=4 if !computed.is_empty() => {
                    let column = self.maker.random.pick(computed);
                    Some((Expr::Column(column.name.clone()), column.kind))
                }
                _ => None,
            };
            let found = found.unwrap_or_else(|| {
                let (column, kind) = self.maker.column(self.table, |_| true);
                (Expr::Column(column), kind)
            });
            if by.iter().all(|(other, _)| other.text("") != found.0.text("")) {
                by.push(found);
            }
        }
        let aggregates = self.aggregates(by.is_empty(), |making, fits| {
            let found = match making.maker.random.below(10) {
                0 | 1 => making.behind(),
                2 if !computed.is_empty() => {
                    let column = making.maker.random.pick(computed);
                    Some((Expr::Column(column.name.clone()), column.kind))
                }
                3 | 4 => Some(making.maker.value(making.table)),
                _ => None,
            };
            let found = found.filter(|(_, kind)| fits(*kind));
            found.or_else(|| {
                let is_there = making.table.columns.iter().any(|(_, kind)| fits(*kind));
                let (column, kind) = is_there.then(|| making.maker.column(making.table, fits))?;
                Some((Expr::Column(column), kind))
            })
        });
        let by = self.rolled_up(by, !aggregates.is_empty());
        Step::Group { by, aggregates }
    }

    fn aggregates(
        &mut self,
        is_needed: bool,
        mut value: impl FnMut(&mut Self, &dyn Fn(Kind) -> bool) -> Option<(Expr, Kind)>,
    ) -> Vec<Aggregate> {
        let mut aggregates: Vec<Aggregate> = Vec::new();
        while aggregates.len() < 3 && (is_needed && aggregates.is_empty() || self.maker.random.chance(55)) {
            let method = self.maker.random.word(&["$count", "sum", "average", "min", "max", "countdistinct"]);
            let fits = |kind: Kind| match method {
                "sum" | "average" => kind == Kind::Decimal,
                "min" | "max" => kind != Kind::Key,
                _ => true,
            };
            let of = match method {
                "$count" => None,
                _ => match value(self, &fits) {
                    None => continue,
                    of => of,
                },
            };
            let name = self.name('a');
            aggregates.push(Aggregate { method, of, name });
        }
        aggregates
    }

    fn rolled_up(&mut self, by: Vec<(Expr, Kind)>, has_aggregates: bool) -> Vec<By> {
        let one = |(of, kind): (Expr, Kind)| By::One(of, kind);
        if by.is_empty() || !self.maker.random.chance(12) {
            return by.into_iter().map(one).collect();
        }
        let start = self.maker.random.below(by.len());
        let end = start + 1 + self.maker.random.below(by.len() - start);
        // Without an aggregate a level needs a column.
        let is_alone = end - start == by.len();
        let all = self.maker.random.chance(50) && (has_aggregates || !is_alone);
        let mut rolled: Vec<By> = by[..start].iter().cloned().map(one).collect();
        rolled.push(By::Rollup(all, by[start..end].to_vec()));
        rolled.extend(by[end..].iter().cloned().map(one));
        rolled
    }

    /// Transformations of rows that are grouped.
    fn of_groups(&mut self, mut columns: Vec<Column>, depth: usize, of_parts: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        let (mut of_parts, mut is_sorted) = (of_parts, false);
        while steps.len() < 4 && self.maker.random.chance(if steps.is_empty() { 45 } else { 30 }) {
            let step = self.of_group(&columns, depth, of_parts || is_sorted);
            is_sorted |= matches!(step, Step::Order(_));
            if matches!(step, Step::Group { .. } | Step::Concat(_)) {
                (of_parts, is_sorted) = (is_of_parts(&step), false);
            }
            let after = columns_after(std::slice::from_ref(&step), self.table, Some(columns.clone()));
            columns = after.expect("what is asked for is there");
            steps.push(step);
        }
        steps
    }

    fn of_group(&mut self, columns: &[Column], depth: usize, cannot_compute: bool) -> Step {
        let table = as_table(self.table, columns);
        let numbers = |column: &&Column| matches!(column.kind, Kind::Decimal);
        let ordered: Vec<&Column> = columns.iter().filter(|column| column.kind != Kind::Key).collect();
        match self.maker.random.below(12) {
            0 | 1 if !table.columns.is_empty() => Step::Filter(self.maker.filter(&table, 1, false)),
            2 | 3 if !ordered.is_empty() => {
                let column = *self.maker.random.pick(&ordered);
                let measure = match self.maker.random.below(4) {
                    0 if matches!(column.kind, Kind::Decimal | Kind::Whole) => {
                        Measure::Sum(self.maker.random.word(&["1", "0.5", "70", "1000.25", "1e3"]))
                    }
                    1 if matches!(column.kind, Kind::Decimal | Kind::Whole) => {
                        Measure::Percent(self.maker.random.word(&["1", "50", "99.5", "100"]))
                    }
                    _ => Measure::Count(1 + self.maker.random.below(4)),
                };
                let by = Expr::Column(column.name.clone());
                Step::Best { largest: self.maker.random.chance(50), measure, by }
            }
            4 => Step::Order(self.order(columns)),
            5 => Step::Skip(self.maker.random.below(4)),
            6 => Step::Top(self.maker.random.below(6)),
            7 | 8 if !cannot_compute && columns.iter().any(|column| numbers(&column)) => {
                let all: Vec<&Column> = columns.iter().filter(numbers).collect();
                let of = Expr::Column(self.maker.random.pick(&all).name.clone());
                let of = Expr::Arithmetic(
                    self.maker.random.word(&["add", "mul", "div"]),
                    of.into(),
                    Expr::Literal(crate::query::number(self.maker.random.word(&["2", "0.5", "10"]))).into(),
                );
                Step::Compute(vec![(self.name('c'), of, Kind::Decimal)])
            }
            9 if depth == 0 => {
                let mut parts = Vec::new();
                for _ in 0..2 {
                    let part = self.of_groups(columns.to_vec(), 1, cannot_compute);
                    parts.push(if part.is_empty() { vec![Step::Identity] } else { part });
                }
                Step::Concat(parts)
            }
            _ => {
                let exact: Vec<&Column> = columns.iter().filter(|column| column.is_exact).collect();
                let mut by: Vec<(Expr, Kind)> = Vec::new();
                if !exact.is_empty() && self.maker.random.chance(60) {
                    let column = self.maker.random.pick(&exact);
                    by.push((Expr::Column(column.name.clone()), column.kind));
                }
                let aggregates = self.aggregates(by.is_empty(), |making, fits| {
                    let fitting: Vec<&Column> = columns.iter().filter(|column| fits(column.kind)).collect();
                    let column = (!fitting.is_empty()).then(|| *making.maker.random.pick(&fitting))?;
                    Some((Expr::Column(column.name.clone()), column.kind))
                });
                Step::Group { by: by.into_iter().map(|(of, kind)| By::One(of, kind)).collect(), aggregates }
            }
        }
    }

    fn order(&mut self, columns: &[Column]) -> Vec<(Expr, bool)> {
        let mut item = || {
            let column = self.maker.random.pick(columns);
            (Expr::Column(column.name.clone()), self.maker.random.chance(50))
        };
        vec![item(), item()]
    }
}

fn is_of_parts(step: &Step) -> bool {
    match step {
        Step::Concat(_) => true,
        Step::Group { by, .. } => by.iter().any(|by| matches!(by, By::Rollup(..))),
        _ => false,
    }
}

/// A table of groups, of which nothing more is known. What texts with an extreme value look like is not settled.
fn as_table(of: &Table, columns: &[Column]) -> Table {
    let columns = columns.iter().filter(|column| column.is_exact);
    Table {
        set: of.set.clone(),
        name: of.name.clone(),
        key: String::new(),
        columns: columns.map(|column| (column.name.clone(), column.kind)).collect(),
        navigations: Vec::new(),
        rows: Vec::new(),
    }
}

/// Lets what two parts count and add up have the same names.
fn share_names(before: &[Step], part: &mut [Step]) {
    let (Some(Step::Group { aggregates: theirs, .. }), Some(Step::Group { aggregates, .. })) =
        (before.last(), part.last_mut())
    else {
        return;
    };
    for (own, their) in aggregates.iter_mut().zip(theirs) {
        let is_alike = |methods: &[&str]| methods.contains(&own.method) && methods.contains(&their.method);
        if is_alike(&["$count", "countdistinct"]) || is_alike(&["sum", "average"]) {
            own.name.clone_from(&their.name);
        }
    }
}

impl Groups {
    pub(crate) fn new(random: &mut Random, tables: &Tables) -> Self {
        let sets: Vec<&String> = tables.keys().collect();
        let table = &tables[*random.pick(&sets)];
        let mut maker = Maker { random, tables };
        let mut making = Making { maker: &mut maker, table, names: 0 };
        let mut steps = making.of_rows(0, &[]);
        let columns = columns_after(&steps, table, None).expect("what is asked for is there");
        let of_parts = steps.last().is_some_and(is_of_parts);
        steps.extend(making.of_groups(columns, 0, of_parts));
        let columns = columns_after(&steps, table, None).expect("what is asked for is there");
        let order = if making.maker.random.chance(25) { making.order(&columns) } else { Vec::new() };
        let as_table = as_table(table, &columns);
        let filter =
            (!as_table.columns.is_empty() && maker.random.chance(10)).then(|| maker.filter(&as_table, 1, false));
        Self {
            set: table.set.clone(),
            steps,
            filter,
            order,
            top: maker.random.chance(15).then(|| maker.random.below(6)),
            skip: if maker.random.chance(10) { maker.random.below(4) } else { 0 },
            count: maker.random.chance(15),
            page: maker.random.chance(15).then(|| 1 + maker.random.below(5)),
        }
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = vec![("$apply", text_of(&self.steps))];
        options.extend(self.filter.as_ref().map(|filter| ("$filter", filter.text("", 0))));
        if !self.order.is_empty() {
            let item = |(by, down): &(Expr, bool)| format!("{}{}", by.text(""), if *down { " desc" } else { "" });
            options.push(("$orderby", self.order.iter().map(item).collect::<Vec<_>>().join(",")));
        }
        options.extend(self.top.map(|top| ("$top", top.to_string())));
        if self.skip > 0 {
            options.push(("$skip", self.skip.to_string()));
        }
        if self.count {
            options.push(("$count", "true".to_owned()));
        }
        options
    }

    /// The same with something less.
    fn smaller(&self, tables: &Tables) -> Vec<Self> {
        let mut all = vec![
            Self { page: None, ..self.clone() },
            Self { filter: None, ..self.clone() },
            Self { order: Vec::new(), ..self.clone() },
            Self { top: None, skip: 0, ..self.clone() },
            Self { count: false, ..self.clone() },
        ];
        all.extend(smaller(&self.steps).into_iter().map(|steps| Self { steps, ..self.clone() }));
        let size = self.to_string().len();
        all.retain(|less| less.to_string().len() < size && less.is_right(tables));
        all
    }

    /// Whether all that it asks for is there.
    fn is_right(&self, tables: &Tables) -> bool {
        let table = &tables[&self.set];
        let Some(columns) = columns_after(&self.steps, table, None) else { return false };
        let after = [
            Step::Filter(
                self.filter.clone().unwrap_or_else(|| Filter::In(Expr::Literal(crate::query::whole(1)), Vec::new())),
            ),
            Step::Order(self.order.clone()),
        ];
        columns_after(&after, table, Some(columns)).is_some()
    }

    /// Rows as texts, and how many there are.
    fn expected(&self, tables: &Tables) -> Result<Said, Unknown> {
        let table = &tables[&self.set];
        let columns = columns_after(&self.steps, table, None).expect("what is asked for is there");
        let mut made = made(&self.steps, table.clone(), tables)?;
        let after = [self.filter.clone().map(Step::Filter), Some(Step::Order(self.order.clone()))];
        made = crate::pipeline::made(&after.into_iter().flatten().collect::<Vec<_>>(), made, tables)?;
        let window = made.rows.iter().skip(self.skip).take(self.top.unwrap_or(usize::MAX));
        let cell = |row: &crate::schema::Row, column: &Column| {
            row.shown.contains_key(&column.name).then(|| row.cells[&column.name].clone())
        };
        let rows = window.map(|row| columns.iter().map(|column| text(cell(row, column), column)).collect::<Vec<_>>());
        Ok((rows.map(|row| row.join(" | ")).collect(), self.count.then_some(made.rows.len())))
    }

    async fn ask(&self, server: &Server, tables: &Tables) -> Result<Said, String> {
        let columns = columns_after(&self.steps, &tables[&self.set], None).expect("what is asked for is there");
        let options: Vec<String> =
            self.options().iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let (mut url, page) = (format!("{}?{}", self.set, options.join("&")), self.page.unwrap_or(5000));
        let (mut rows, mut count) = (Vec::new(), None);
        loop {
            let call = server.call(Method::GET, &url).header("prefer", &format!("odata.maxpagesize={page}"));
            let answer = call.header("accept", ACCEPT).send().await;
            if answer.status != 200 {
                let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
                return Err(format!("{} {message}", answer.error_code()));
            }
            let said = answer.json();
            let total = said["@odata.count"].as_u64().or_else(|| said["@odata.count"].as_str()?.parse().ok());
            count = count.or_else(|| usize::try_from(total?).ok());
            for row in said["value"].as_array().into_iter().flatten() {
                let cells = columns.iter().map(|column| text(value_at(row, &column.name, column.kind), column));
                rows.push(cells.collect::<Vec<_>>().join(" | "));
            }
            match said["@odata.nextLink"].as_str() {
                Some(next) => url = next.to_owned(),
                None => return Ok((rows, count)),
            }
        }
    }
}

impl std::fmt::Display for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let options: Vec<_> = self.options().iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{}?{}", self.set, options.join("&"))?;
        self.page.map_or(Ok(()), |page| write!(f, "   (Prefer: odata.maxpagesize={page})"))
    }
}

/// Steps with something less, whether what they ask for is there or not.
fn smaller(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let with = |instead: Vec<Step>| {
            let (before, after) = (&steps[..at], &steps[at + 1..]);
            before.iter().chain(&instead).chain(after).cloned().collect::<Vec<_>>()
        };
        match step {
            Step::Group { by, aggregates } => {
                let groups = steps.iter().filter(|step| matches!(step, Step::Group { .. } | Step::Concat(_))).count();
                if groups > 1 {
                    all.push(with(Vec::new()));
                }
                for place in 0..by.len() + aggregates.len() {
                    let (mut by, mut aggregates) = (by.clone(), aggregates.clone());
                    match place.checked_sub(by.len()) {
                        None => drop(by.remove(place)),
                        Some(place) => drop(aggregates.remove(place)),
                    }
                    if !by.is_empty() || !aggregates.is_empty() {
                        all.push(with(vec![Step::Group { by, aggregates }]));
                    }
                }
                for (place, rolled) in by.iter().enumerate() {
                    if let By::Rollup(_, of) = rolled {
                        let mut by = by.clone();
                        by.splice(place..=place, of.iter().map(|(of, kind)| By::One(of.clone(), *kind)));
                        all.push(with(vec![Step::Group { by, aggregates: aggregates.clone() }]));
                    }
                }
            }
            Step::Concat(parts) => {
                all.extend(parts.iter().map(|part| with(part.clone())));
                for (place, part) in parts.iter().enumerate() {
                    for less in smaller(part).into_iter().filter(|less| !less.is_empty()) {
                        let mut parts = parts.clone();
                        parts[place] = less;
                        all.push(with(vec![Step::Concat(parts)]));
                    }
                }
            }
            _ => all.push(with(Vec::new())),
        }
    }
    all
}

/// A cell as a text that is the same for what is equal; of what is not there it is another than of null.
fn text(cell: Option<Value>, column: &Column) -> String {
    match cell {
        None => "-".to_owned(),
        Some(value) if column.is_exact => exact(&value),
        Some(value) => canonical(&value).unwrap_or_else(|_| exact(&value)),
    }
}

fn value_at(row: &Json, path: &str, kind: Kind) -> Option<Value> {
    let row = row.as_object()?;
    match path.split_once('/') {
        Some((object, rest)) => value_at(row.get(object)?, rest, kind),
        None if !row.contains_key(path) => None,
        None => Some(shown_value(row, path, kind)),
    }
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
        refusals.note(&groups.to_string());
        let servers = self.servers();
        let two = [&servers[0], &servers[1 + nth % (servers.len() - 1)]];
        let mut found = self.compared_groups(&groups, two, Some(refusals)).await?;
        'smaller: loop {
            for smaller in groups.smaller(&self.tables) {
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
            let said = groups.ask(server, &self.tables).await;
            if let Some(refusals) = &mut refusals {
                *refusals.asked.entry((*name).to_owned()).or_default() += 1;
                if let Err(why) = &said {
                    let code = why.split(' ').next().unwrap_or_default().to_owned();
                    *refusals.by_code.entry(((*name).to_owned(), code)).or_default() += 1;
                }
            }
            let should = match &expected {
                Err(Unknown::Fails) => continue,
                Err(Unknown::NotModelled) => native.get_or_insert_with(|| said.clone()).clone(),
                Ok(rows) => Ok(rows.clone()),
            };
            if said != should {
                wrong.push(format!("  {name} says {said:?}\n  and not {should:?}"));
            }
        }
        (!wrong.is_empty()).then(|| format!("{groups}\n{}", wrong.join("\n")))
    }
}
