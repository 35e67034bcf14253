//! Fetches made at random, and what they find, by looking at all rows of the tables as OData gives them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use turntable_tests::Server;

use super::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Choice,
    Day,
    Moment,
}

struct Column {
    name: &'static str,
    kind: Kind,
}

/// A lookup from one table to another.
struct Lookup {
    from: &'static str,
    column: &'static str,
    to: &'static str,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

const COLUMNS: [(&str, &[Column]); 4] = [
    ("account", &[column("name", Kind::Text)]),
    (
        "contact",
        &[
            column("lastname", Kind::Text),
            column("firstname", Kind::Text),
            column("gendercode", Kind::Choice),
            column("birthdate", Kind::Day),
        ],
    ),
    ("msemr_encounter", &[column("msemr_encounterstatus", Kind::Choice), column("msemr_periodstart", Kind::Moment)]),
    (
        "msemr_observation",
        &[
            column("msemr_description", Kind::Text),
            column("msemr_valuetypequantityvalue", Kind::Number),
            column("msemr_effectivetypedatetime", Kind::Moment),
        ],
    ),
];

const LOOKUPS: [Lookup; 5] = [
    Lookup { from: "contact", column: "msemr_managingorganization", to: "account" },
    Lookup { from: "msemr_encounter", column: "msemr_subjectpatient", to: "contact" },
    Lookup { from: "msemr_encounter", column: "msemr_onbehalfof", to: "account" },
    Lookup { from: "msemr_observation", column: "msemr_subjecttypepatient", to: "contact" },
    Lookup { from: "msemr_observation", column: "msemr_conexttypeencounter", to: "msemr_encounter" },
];

/// All rows of each table.
pub(crate) struct Tables(BTreeMap<&'static str, Vec<Value>>);

impl Tables {
    pub(crate) async fn read(server: &Server) -> Self {
        let mut tables = BTreeMap::new();
        for (name, _) in COLUMNS {
            tables.insert(name, server.get(&format!("{name}s"), &[]).await.rows());
        }
        Self(tables)
    }
}

struct Condition {
    column: &'static Column,
    operator: &'static str,
    values: Vec<String>,
}

struct Filter {
    is_or: bool,
    conditions: Vec<Condition>,
}

struct Link {
    table: &'static str,
    lookup: &'static Lookup,
    /// The linked rows point here.
    is_many: bool,
    kind: &'static str,
    shown: Vec<&'static str>,
    filter: Filter,
}

pub(crate) struct Made {
    table: &'static str,
    shown: Vec<&'static str>,
    filter: Filter,
    /// A condition on the link, after it is joined.
    after: Option<Condition>,
    /// By a column of the row, or of the link.
    order: Option<(bool, &'static str, bool)>,
    links: Vec<Link>,
    distinct: bool,
    top: Option<usize>,
}

fn columns(table: &str) -> &'static [Column] {
    COLUMNS.iter().find(|(name, _)| *name == table).map(|(_, columns)| *columns).expect("a table")
}

impl Made {
    pub(crate) fn new(random: &mut Random, tables: &Tables) -> Self {
        let table = random.word(&["contact", "msemr_encounter", "msemr_observation"]);
        let mut links = Vec::new();
        for _ in 0..random.below(3) {
            links.push(link(random, table, tables));
        }
        let beside = links.first().filter(|link| link.kind == "inner" || link.kind == "outer").map(|link| link.table);
        let after = beside.filter(|_| random.chance(25)).map(|table| condition(random, table, tables));
        let order = match (random.below(4), beside) {
            (0, _) | (1, None) => None,
            (1, Some(table)) => Some((true, random.pick(columns(table)).name, random.chance(50))),
            _ => Some((false, random.pick(columns(table)).name, random.chance(50))),
        };
        let filter = filter(random, table, tables);
        let shown = some(random, table);
        Self {
            table,
            shown,
            filter,
            after,
            order,
            links,
            distinct: random.chance(15),
            top: random.chance(15).then(|| 1 + random.below(6)),
        }
    }

    pub(crate) fn fetch(&self) -> String {
        let mut text = String::from("<fetch useraworderby='true'");
        if self.distinct {
            text += " distinct='true'";
        }
        if let Some(top) = self.top {
            text += &format!(" top='{top}'");
        }
        text += &format!("><entity name='{}'>{}", self.table, attributes(&self.shown));
        if let Some((on_link, column, descending)) = self.order {
            let entity = if on_link { " entityname='l0'" } else { "" };
            text += &format!("<order attribute='{column}'{entity} descending='{descending}'/>");
        }
        text += &self.filter.text();
        if let Some(after) = &self.after {
            text += &format!("<filter>{}</filter>", after.text(" entityname='l0'"));
        }
        for (number, link) in self.links.iter().enumerate() {
            let (key, own) = (format!("{}id", self.table), format!("{}id", link.table));
            let (from, to) = match link.is_many {
                true => (link.lookup.column, key.as_str()),
                false => (own.as_str(), link.lookup.column),
            };
            let shown = if stands(link.kind) { attributes(&link.shown) } else { String::new() };
            text += &format!(
                "<link-entity name='{}' from='{from}' to='{to}' link-type='{}' alias='l{number}'>{shown}{}</link-entity>",
                link.table,
                link.kind,
                link.filter.text(),
            );
        }
        text + "</entity></fetch>"
    }

    /// The flat rows, each with what it is ordered by.
    pub(crate) fn expected(&self, tables: &Tables) -> Vec<(Value, Value)> {
        let mut found: Vec<(Value, Value)> = Vec::new();
        for row in &tables.0[self.table] {
            if !self.filter.holds(row) {
                continue;
            }
            let mut flat: Vec<(Map<String, Value>, Option<&Value>)> = vec![(Map::new(), None)];
            for name in &self.shown {
                put(&mut flat[0].0, name, &row[*name]);
            }
            if !self.distinct {
                let key = format!("{}id", self.table);
                put(&mut flat[0].0, &key, &row[&key]);
            }
            for (number, link) in self.links.iter().enumerate() {
                flat = link.beside(number, self.table, row, tables, flat);
            }
            for (flat, linked) in flat {
                let nothing = Value::Null;
                let linked = linked.unwrap_or(&nothing);
                if self.after.as_ref().is_some_and(|after| after.holds(linked) != Some(true)) {
                    continue;
                }
                let by = self.order.map_or(&Value::Null, |(on_link, column, _)| match on_link {
                    true => &linked[column],
                    false => &row[column],
                });
                found.push((Value::Object(flat), by.clone()));
            }
        }
        found
    }

    /// None of `rows` is missing or too many, and they stand in the order asked for.
    pub(crate) fn compare(&self, rows: &[Value], expected: &[(Value, Value)]) -> Result<(), String> {
        let text = |row: &Value| {
            let members: BTreeMap<_, _> = row.as_object().into_iter().flatten().collect();
            format!("{members:?}")
        };
        let mut wanted: Vec<String> = expected.iter().map(|(row, _)| text(row)).collect();
        wanted.sort();
        let mut there: Vec<String> = rows.iter().map(text).collect();
        there.sort();
        if self.distinct {
            // Texts that are equal but for case and accents are one; which of them is shown is not told here.
            wanted = wanted.iter().map(|row| folded(row)).collect();
            there = there.iter().map(|row| folded(row)).collect();
            wanted.sort();
            wanted.dedup();
            there.sort();
        }
        match self.top {
            Some(top) => {
                if there.len() != wanted.len().min(top) {
                    return Err(format!("{} rows of {} with top {top}", there.len(), wanted.len()));
                }
                if let Some(odd) = there.iter().find(|row| !wanted.contains(row)) {
                    return Err(format!("{odd} is none of them"));
                }
            }
            None if there != wanted => return Err(format!("not {there:#?}\nbut {wanted:#?}")),
            None => {}
        }
        let Some((_, _, descending)) = self.order.filter(|_| !self.distinct) else { return Ok(()) };
        let mut by: Vec<Ordered> = expected.iter().map(|(_, by)| Ordered::of(by)).collect();
        by.sort();
        if descending {
            by.reverse();
        }
        // Which value a row of the answer is ordered by is told by the rows that look like it.
        let by_of = |row: &Value| -> Vec<Ordered> {
            expected.iter().filter(|(other, _)| other == row).map(|(_, by)| Ordered::of(by)).collect()
        };
        match rows.iter().zip(&by).find(|(row, by)| !by_of(row).contains(by)) {
            Some((row, by)) => Err(format!("{row} stands where {by:?} should")),
            None => Ok(()),
        }
    }
}

/// A value as it is ordered: null first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ordered {
    Null,
    /// In halves, as all numbers of the data are.
    Number(i64),
    Text(String),
}

impl Ordered {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Number(number) => Self::Number((number.as_f64().unwrap_or_default() * 2.0) as i64),
            other => Self::Text(folded(other.as_str().unwrap_or_default())),
        }
    }
}

/// Of the letters that stand in the data.
fn folded(text: &str) -> String {
    text.to_lowercase().replace('ü', "u")
}

fn put(row: &mut Map<String, Value>, name: &str, value: &Value) {
    if !value.is_null() {
        row.insert(name.to_owned(), value.clone());
    }
}

fn attributes(names: &[&str]) -> String {
    names.iter().map(|name| format!("<attribute name='{name}'/>")).collect()
}

fn stands(kind: &str) -> bool {
    matches!(kind, "inner" | "outer" | "matchfirstrowusingcrossapply")
}

fn some(random: &mut Random, table: &str) -> Vec<&'static str> {
    let columns = columns(table);
    let first = random.below(columns.len());
    columns.iter().skip(first).map(|column| column.name).collect()
}

fn link(random: &mut Random, table: &str, tables: &Tables) -> Link {
    let lookups: Vec<_> = LOOKUPS.iter().filter(|lookup| lookup.from == table || lookup.to == table).collect();
    let lookup = *random.pick(&lookups);
    let is_many = lookup.to == table;
    let other = if is_many { lookup.from } else { lookup.to };
    let kind = random.word(&["inner", "inner", "outer", "outer", "any", "not any", "all", "not all", "exists", "in"]);
    let (shown, filter) = (some(random, other), filter(random, other, tables));
    Link { table: other, lookup, is_many, kind, shown, filter }
}

fn filter(random: &mut Random, table: &str, tables: &Tables) -> Filter {
    let conditions = (0..random.below(3)).map(|_| condition(random, table, tables));
    Filter { conditions: conditions.collect(), is_or: random.chance(40) }
}

fn condition(random: &mut Random, table: &str, tables: &Tables) -> Condition {
    let column = random.pick(columns(table));
    let operator = match column.kind {
        Kind::Text => random.word(&[
            "eq",
            "ne",
            "like",
            "not-like",
            "begins-with",
            "not-begin-with",
            "ends-with",
            "in",
            "not-in",
            "null",
            "not-null",
        ]),
        Kind::Choice => random.word(&["eq", "ne", "in", "not-in", "contain-values", "null", "not-null"]),
        Kind::Number => random.word(&["eq", "ne", "gt", "ge", "lt", "le", "between", "not-between", "null", "in"]),
        Kind::Day | Kind::Moment => random.word(&[
            "eq",
            "ne",
            "gt",
            "ge",
            "lt",
            "le",
            "between",
            "null",
            "not-null",
            "on",
            "on-or-after",
            "on-or-before",
        ]),
    };
    let mut value = || {
        let held: Vec<_> = tables.0[table].iter().map(|row| &row[column.name]).filter(|cell| !cell.is_null()).collect();
        let held = random.pick(&held);
        held.as_str().map_or_else(|| held.to_string(), str::to_owned)
    };
    let count = match operator {
        "null" | "not-null" => 0,
        "between" | "not-between" | "in" | "not-in" | "contain-values" => 2,
        _ => 1,
    };
    let mut values: Vec<_> = (0..count).map(|_| value()).collect();
    match operator {
        "like" | "not-like" => values[0] = format!("%{}%", values[0].chars().skip(1).take(2).collect::<String>()),
        "begins-with" | "not-begin-with" => values[0] = values[0].chars().take(2).collect(),
        "ends-with" => values[0] = values[0].chars().skip(2).collect(),
        _ => {}
    }
    Condition { column, operator, values }
}

impl Filter {
    fn text(&self) -> String {
        let inside: String = self.conditions.iter().map(|condition| condition.text("")).collect();
        format!("<filter type='{}'>{inside}</filter>", if self.is_or { "or" } else { "and" })
    }

    fn holds(&self, row: &Value) -> bool {
        let mut each = self.conditions.iter().map(|condition| condition.holds(row) == Some(true));
        match self.is_or {
            true if !self.conditions.is_empty() => each.any(|holds| holds),
            _ => each.all(|holds| holds),
        }
    }
}

impl Condition {
    fn text(&self, entity: &str) -> String {
        let (name, operator) = (self.column.name, self.operator);
        match self.values.as_slice() {
            [] => format!("<condition attribute='{name}'{entity} operator='{operator}'/>"),
            [value] => format!("<condition attribute='{name}'{entity} operator='{operator}' value='{value}'/>"),
            values => {
                let values: String = values.iter().map(|value| format!("<value>{value}</value>")).collect();
                format!("<condition attribute='{name}'{entity} operator='{operator}'>{values}</condition>")
            }
        }
    }

    /// None: null.
    fn holds(&self, row: &Value) -> Option<bool> {
        let cell = &row[self.column.name];
        let own = Ordered::of(cell);
        let given: Vec<Ordered> = self.values.iter().map(|value| self.given(value)).collect();
        let equal = given.contains(&own);
        match self.operator {
            "null" => return Some(cell.is_null()),
            "not-null" => return Some(!cell.is_null()),
            "eq" | "in" | "contain-values" => return Some(equal),
            "ne" | "not-in" => return Some(!equal),
            // A day is one of a moment there, or none.
            _ if cell.is_null() => return None,
            _ => {}
        }
        let text = folded(cell.as_str().unwrap_or_default());
        let part = folded(self.values[0].trim_matches('%'));
        let day = |text: &str| text.chars().take(10).collect::<String>();
        Some(match self.operator {
            "like" => text.contains(&part),
            "not-like" => !text.contains(&part),
            "begins-with" => text.starts_with(&part),
            "not-begin-with" => !text.starts_with(&part),
            "ends-with" => text.ends_with(&part),
            "gt" => own > given[0],
            "ge" => own >= given[0],
            "lt" => own < given[0],
            "le" => own <= given[0],
            "between" => own >= given[0] && own <= given[1],
            "not-between" => !(own >= given[0] && own <= given[1]),
            "on" => day(&text) == day(&part),
            "on-or-after" => day(&text) >= day(&part),
            "on-or-before" => day(&text) <= day(&part),
            other => panic!("no operator {other}"),
        })
    }

    fn given(&self, value: &str) -> Ordered {
        match self.column.kind {
            Kind::Number | Kind::Choice => Ordered::Number((value.parse::<f64>().expect("a number") * 2.0) as i64),
            _ => Ordered::Text(folded(value)),
        }
    }
}

impl Link {
    /// The flat rows so far, with this link beside them.
    fn beside<'t>(
        &self,
        number: usize,
        table: &str,
        row: &Value,
        tables: &'t Tables,
        flat: Vec<(Map<String, Value>, Option<&'t Value>)>,
    ) -> Vec<(Map<String, Value>, Option<&'t Value>)> {
        let lookup = format!("_{}_value", self.lookup.column);
        let (key, own) = (format!("{}id", self.table), format!("{table}id"));
        let leads = |other: &Value| match self.is_many {
            true => other[&lookup] == row[&own],
            false => row[&lookup] == other[&key],
        };
        let all: Vec<&'t Value> = tables.0[self.table].iter().filter(|other| leads(other)).collect();
        let met: Vec<&'t Value> = all.iter().copied().filter(|other| self.filter.holds(other)).collect();
        let stays = match self.kind {
            "inner" | "exists" | "in" | "any" | "not all" => !met.is_empty(),
            "not any" => met.is_empty(),
            "all" => !all.is_empty() && met.is_empty(),
            _ => true,
        };
        if !stays {
            return Vec::new();
        }
        if !stands(self.kind) {
            return flat;
        }
        let beside: Vec<Option<&Value>> = match met.is_empty() {
            true => vec![None],
            false => met.into_iter().map(Some).collect(),
        };
        let flat = flat.into_iter().flat_map(|(before, linked)| {
            beside
                .iter()
                .map(move |other| {
                    let mut after = before.clone();
                    for name in self.shown.iter().filter(|_| other.is_some()) {
                        put(
                            &mut after,
                            &format!("l{number}.{name}"),
                            &other.map_or(Value::Null, |other| other[*name].clone()),
                        );
                    }
                    (after, if number == 0 { *other } else { linked })
                })
                .collect::<Vec<_>>()
        });
        flat.collect()
    }
}
