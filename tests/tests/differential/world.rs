//! The same data behind several servers, and one request to all of them.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Map, Value, json};
use turntable::model::limits::Limits;
use turntable_tests::{Fhir, Server, Setup, encode};

use crate::cuts::Cut;
use crate::data;
use crate::naive::{self, Expected};
use crate::query::{Expand, Maker, Query};
use crate::random::Random;
use crate::schema::{Table, Tables, tables};
use crate::value::Unknown;
use crate::values::{self, Computed};

pub(crate) const ACCEPT: &str = "application/json;IEEE754Compatible=true";

/// What a service may do, and Turntable makes up for: none of it may show in an answer. Each world has one of them. (Absolute
/// references do show: they are other content, of which the keys of child rows are made.)
const ODDITIES: [&str; 15] = [
    "",
    "ignore-params",
    "ignore-params:30%",
    "ignore-sort",
    "overlap",
    "duplicate-pages",
    "double-entry",
    "small-pages",
    "no-total",
    "relative-next",
    "capital-modes",
    "tiny-pages",
    "tiny-pages,nulls-first",
    "tiny-pages,sort-turns",
    "tiny-pages,ignore-sort",
];

/// Dates that sekmet-fhir takes, and does not find again: the last year there is, and a leap second.
const NOT_INDEXED: [&str; 2] = ["\"9999\"", ":60Z\""];

/// A column by a parameter that sekmet-fhir declares and does not index as R4 says: `value-string` is about the text of a
/// `valueCodeableConcept`, too.
const NOT_SEARCHED: &str = "tt_valuecodeableconcepttext";

/// What stands beside values and is none of them.
const TAGS: [&str; 2] = ["@odata.context", "@Turntable.masked"];

/// More than any answer has.
const WHOLE: &str = "5000";

/// The servers, and what their tables hold.
pub(crate) struct World {
    servers: Vec<(&'static str, Server)>,
    pub(crate) tables: Tables,
    /// What the service with coarse numbers does as well.
    pub(crate) oddity: &'static str,
    _services: Vec<Fhir>,
}

/// What was refused, and how often.
#[derive(Default)]
pub(crate) struct Refusals {
    /// How often each server was asked.
    pub(crate) asked: BTreeMap<String, usize>,
    /// By server and code.
    pub(crate) by_code: BTreeMap<(String, String), usize>,
    pub(crate) not_judged: usize,
    /// How many requests had what.
    pub(crate) with: BTreeMap<&'static str, usize>,
}

/// What requests are made of, as it is written.
const PARTS: [&str; 14] = [
    "$filter=",
    "$search=",
    "$orderby=",
    "$expand=",
    "$count",
    "$compute=",
    "$apply=",
    "compute(",
    "concat(",
    "rollup(",
    "orderby(",
    "count(",
    "sum(",
    "percent(",
];

impl Refusals {
    /// Counts what a request is made of.
    pub(crate) fn note(&mut self, request: &str) {
        PARTS.iter().filter(|part| request.contains(**part)).for_each(|part| *self.with.entry(part).or_default() += 1);
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (what, count) in other.by_code {
            *self.by_code.entry(what).or_default() += count;
        }
        for (server, count) in other.asked {
            *self.asked.entry(server).or_default() += count;
        }
        for (what, count) in other.with {
            *self.with.entry(what).or_default() += count;
        }
        self.not_judged += other.not_judged;
    }
}

/// What a server says.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Rows {
        rows: Vec<Map<String, Value>>,
        count: Option<usize>,
    },
    /// Of `/$count`.
    Count(usize),
    Refused(String, String),
}

impl World {
    /// # Panics
    /// If the tables do not say the same everywhere, to begin with.
    pub(crate) async fn start(seed: u64, others: usize, each: usize) -> Self {
        let resources = data::resources(seed, others, each);
        let bundle = bundle(&resources);
        let (fine, coarse) = (Fhir::sandbox().await, Fhir::sandbox().await);
        let oddity = ODDITIES[usize::try_from(seed).unwrap_or_default() % ODDITIES.len()];
        coarse.as_sandbox().set_faults(format!("coarse-numbers,{oddity}").parse().expect("faults"));
        for service in [&fine, &coarse] {
            service.as_sandbox().load(bundle.as_bytes()).expect("the sandbox takes it");
        }
        let native = setup(&fine).start().await;
        let all = native.tables().await;
        let roots = roots(&all);
        // Related rows are nearly always too many for keys, or seldom.
        let often = |limits: &mut Limits| limits.chained_keys = 1;
        let at_odds = |limits: &mut Limits| limits.chained_keys = if seed.is_multiple_of(2) { 0 } else { 100 };
        let is_chosen = |at: usize| (at as u64 + seed).is_multiple_of(2);
        let some: Vec<&str> =
            roots.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, root)| *root).collect();
        let one = setup(&fine).virtual_tables(&roots).limits(often).start().await;
        let other = setup(&coarse).virtual_tables(&roots).limits(at_odds).start().await;
        let mixed = setup(&fine).virtual_tables(&some).start().await;
        for server in [&native, &mixed] {
            keep(server, &bundle).await;
        }
        let servers = vec![("native", native), ("virtual", one), ("virtual, odd service", other), ("mixed", mixed)];
        Self::of(seed, &resources, servers, vec![fine, coarse], oddity).await
    }

    /// The native route, and the virtual one over a FHIR server that nobody here wrote; of the resources those that it
    /// takes. `None` where there is none.
    pub(crate) async fn real(seed: u64, each: usize) -> Option<Self> {
        let real = Fhir::sekmet().await?;
        let mut resources = Vec::new();
        for resource in data::resources(seed, 0, each) {
            let text = resource.to_string();
            if NOT_INDEXED.iter().any(|date| text.contains(date)) {
                continue;
            }
            let part = |member: &str| resource[member].as_str().unwrap_or_default().to_owned();
            let (resource_type, id) = (part("resourceType"), part("id"));
            let put = real.call(Method::PUT, &format!("{resource_type}/{id}")).fhir(&resource);
            if matches!(put.send().await.status, 200 | 201) {
                // It keeps no zeros, for one thing.
                resources.push(real.read(&resource_type, &id).await);
            }
        }
        let native = setup(&real).start().await;
        keep(&native, &bundle(&resources)).await;
        let all = native.tables().await;
        let other = setup(&real).virtual_tables(&roots(&all)).start().await;
        let servers = vec![("native", native), ("virtual, real server", other)];
        let mut world = Self::of(seed, &resources, servers, vec![real], "").await;
        for table in world.tables.values_mut() {
            table.columns.retain(|(column, _)| column != NOT_SEARCHED);
        }
        Some(world)
    }

    pub(crate) async fn of(
        seed: u64,
        resources: &[Value],
        servers: Vec<(&'static str, Server)>,
        services: Vec<Fhir>,
        oddity: &'static str,
    ) -> Self {
        let types: BTreeSet<&str> = resources.iter().filter_map(|resource| resource["resourceType"].as_str()).collect();
        let all = servers[0].1.tables().await;
        let shows = |table: &&Value| {
            let shown = table["resource"].as_array().into_iter().flatten().filter_map(Value::as_str);
            shown.into_iter().any(|name| types.contains(name))
        };
        let sets: Vec<&str> = all.iter().filter(shows).filter_map(|table| table["entitySet"].as_str()).collect();
        let metadata = servers[0].1.call(Method::GET, "$metadata").header("accept", "application/json");
        let metadata = metadata.send().await.expect(200).json();
        let tables = tables(&metadata, &whole_tables(seed, &sets, &servers).await);
        Self { servers, tables, oddity, _services: services }
    }

    /// The native route first.
    pub(crate) fn servers(&self) -> &[(&'static str, Server)] {
        &self.servers
    }

    /// What is wrong with the answers of the native route and of another server, the `nth`, to a request; None if nothing
    /// is. What a server refuses is counted.
    pub(crate) async fn difference(&self, query: &Query, nth: usize, refusals: &mut Refusals) -> Option<String> {
        let other = 1 + nth % (self.servers.len() - 1);
        self.compared(query, &[&self.servers[0], &self.servers[other]], refusals).await
    }

    /// What is wrong with the answers to a request for one row by its key.
    pub(crate) async fn difference_of_row(&self, random: &mut Random) -> Option<String> {
        let tables: Vec<&Table> = self.tables.values().collect();
        let table = random.pick(&tables);
        let row = random.pick(&table.rows);
        let mut path = format!("{}({})", table.set, row.key(table));
        let (_, server) = random.pick(&self.servers);
        let mut should = row.shown.clone();
        let mut computed = Vec::new();
        if random.chance(30) {
            let (of, kind) = Maker { random, tables: &self.tables }.value(table);
            let Ok(value) = naive::value(&of, table, Some(row), &self.tables) else { return None };
            should.insert("val0".to_owned(), values::exact(&value).into());
            path = format!("{path}?$compute={}", encode(&format!("{} as val0", of.text(""))));
            computed.push(Computed { name: "val0".to_owned(), of, kind, can_be_shown: true });
        }
        let answer = server.call(Method::GET, &path).header("accept", ACCEPT).send().await;
        let mut is = without_tags(answer.json());
        if let Some(is) = is.as_object_mut() {
            values::settle(is, &computed);
        }
        let is = sorted(is).to_string();
        let should = sorted(Value::Object(should)).to_string();
        (is != should).then(|| format!("{path}\n  is {}\n  and not {}", shortened(&is), shortened(&should)))
    }

    async fn compared(
        &self,
        query: &Query,
        servers: &[&(&'static str, Server)],
        refusals: &mut Refusals,
    ) -> Option<String> {
        let expected = naive::expected(query, &self.tables);
        refusals.not_judged += usize::from(expected.is_err());
        let mut native = None;
        let mut wrong = Vec::new();
        for (name, server) in servers {
            let said = self.ask(server, query).await;
            *refusals.asked.entry((*name).to_owned()).or_default() += 1;
            if let Said::Refused(code, _) = &said {
                *refusals.by_code.entry(((*name).to_owned(), code.clone())).or_default() += 1;
            }
            let why = match (&expected, &said) {
                // What a row makes fail may be asked of fewer rows elsewhere.
                (Err(Unknown::Fails), _) => None,
                (Ok(expected), said) => self.unlike(query, expected, said),
                (Err(Unknown::NotModelled), said) => native
                    .as_ref()
                    .filter(|native| !self.alike(query, native, said))
                    .map(|native| format!("native says {native:?}")),
            };
            wrong.extend(why.map(|why| format!("  {name}: {why}\n  {name} says {}", shortened(&format!("{said:?}")))));
            native.get_or_insert(said);
        }
        (!wrong.is_empty()).then(|| {
            let expected = shortened(&format!("{:?}", expected.map(|expected| expected.all)));
            format!("{query}\n  expected {expected}\n{}", wrong.join("\n"))
        })
    }

    /// The smallest request found that still differs.
    pub(crate) async fn shrunk(&self, mut query: Query, mut difference: String) -> String {
        let (mut steps, all) = (0, self.servers.iter().collect::<Vec<_>>());
        'smaller: while steps < 300 {
            for smaller in query.smaller() {
                steps += 1;
                if let Some(found) = self.compared(&smaller, &all, &mut Refusals::default()).await {
                    (query, difference) = (smaller, found);
                    continue 'smaller;
                }
            }
            break;
        }
        let (path, options) = query.parts();
        let options: Vec<String> = options.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let url = format!("{path}?$explain=true&{}", options.join("&"));
        let plan = self.servers[1].1.call(Method::GET, &url).send().await;
        format!("{difference}\n  the plan of {}: {}", self.servers[1].0, shortened(&plan.text))
    }

    /// Why an answer is not what should come.
    fn unlike(&self, query: &Query, expected: &Expected, said: &Said) -> Option<String> {
        let (rows, count) = match said {
            Said::Refused(code, message) => return Some(format!("refused: {code} {message}")),
            Said::Count(count) => {
                return (*count != expected.all.len()).then(|| format!("{count}, not {}", expected.all.len()));
            }
            Said::Rows { rows, count } => (rows, count),
        };
        if query.options.count != count.is_some() || count.is_some_and(|count| count != expected.all.len()) {
            return Some(format!("count {count:?} of {}", expected.all.len()));
        }
        let should: Vec<String> = expected.all.iter().map(|row| self.settled(query, row)).collect();
        let is: Vec<String> = rows.iter().map(|row| self.settled(query, row)).collect();
        let window: Vec<&String> = should.iter().skip(expected.skip).take(expected.top).collect();
        if is.len() != window.len() {
            return Some(format!("{} rows, not {}", is.len(), window.len()));
        }
        if expected.is_ordered {
            let at = is.iter().zip(&window).position(|(is, should)| is != *should)?;
            return Some(format!("row {at} is {}\n    and not {}", shortened(&is[at]), shortened(window[at])));
        }
        let should: BTreeSet<&String> = should.iter().collect();
        let mut seen = BTreeSet::new();
        let odd = is.iter().find(|row| !should.contains(row) || !seen.insert(*row))?;
        Some(format!("a row that should not be there, or twice: {}", shortened(odd)))
    }

    /// Whether two servers say the same, as far as the request settles it.
    fn alike(&self, query: &Query, a: &Said, b: &Said) -> bool {
        match (a, b) {
            (Said::Rows { rows, count }, Said::Rows { rows: other_rows, count: other_count }) => {
                let settled = |rows: &[Map<String, Value>]| {
                    let mut rows: Vec<_> = rows.iter().map(|row| self.settled(query, row)).collect();
                    if query.options.order.is_empty() {
                        rows.sort();
                    }
                    rows
                };
                let is_cut = query.cut.iter().any(|cut| !matches!(cut, Cut::Order(_)));
                let window = query.options.top.is_some() || query.options.skip > 0 || is_cut;
                count == other_count
                    && rows.len() == other_rows.len()
                    && ((window && query.options.order.is_empty()) || settled(rows) == settled(other_rows))
            }
            (Said::Refused(code, _), Said::Refused(other, _)) => code == other,
            _ => a == b,
        }
    }

    /// A row as text, without what the routes may have differently.
    fn settled(&self, query: &Query, row: &Map<String, Value>) -> String {
        let mut row: BTreeMap<&String, Value> = row.iter().map(|(name, value)| (name, value.clone())).collect();
        for expand in &query.expand {
            if let Some(related) = row.get_mut(&expand.navigation) {
                settle(expand, related);
            }
        }
        serde_json::to_string(&row.into_iter().map(|(k, v)| (k, sorted(v))).collect::<Vec<_>>()).expect("JSON")
    }

    async fn ask(&self, server: &Server, query: &Query) -> Said {
        let (path, options) = query.parts();
        let options: Vec<String> = options.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let mut url = format!("{path}?{}", options.join("&"));
        let prefer = query.page.map_or(WHOLE.to_owned(), |page| page.to_string());
        let (mut rows, mut count) = (Vec::new(), None);
        loop {
            let call = server.call(Method::GET, &url).header("prefer", &format!("odata.maxpagesize={prefer}"));
            let accept = if query.only_count { "text/plain" } else { ACCEPT };
            let answer = call.header("accept", accept).send().await;
            if answer.status != 200 {
                let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
                return Said::Refused(answer.error_code(), message);
            }
            if query.only_count {
                return Said::Count(answer.text.trim_start_matches('\u{feff}').parse().expect("a count"));
            }
            let mut page = answer.json();
            let total = page["@odata.count"].as_u64().or_else(|| page["@odata.count"].as_str()?.parse().ok());
            count = count.or_else(|| usize::try_from(total?).ok());
            if let Some(Value::Array(found)) = page.get_mut("value").map(Value::take) {
                rows.extend(found.into_iter().filter_map(|row| match without_tags(row) {
                    Value::Object(mut row) => {
                        values::settle(&mut row, &query.compute);
                        Some(row)
                    }
                    _ => None,
                }));
            }
            match page["@odata.nextLink"].as_str() {
                Some(next) => url = next.to_owned(),
                None => return Said::Rows { rows, count },
            }
        }
    }
}

/// Puts related rows in an order where the request asks for none.
fn settle(expand: &Expand, related: &mut Value) {
    let rows = match related {
        Value::Array(rows) => rows.as_mut_slice(),
        one => std::slice::from_mut(one),
    };
    for row in rows.iter_mut() {
        for inner in &expand.expand {
            if let Some(related) = row.get_mut(&inner.navigation) {
                settle(inner, related);
            }
        }
        *row = sorted(row.take());
    }
    if expand.options.order.is_empty() {
        rows.sort_by_key(Value::to_string);
    }
}

pub(crate) fn setup(fhir: &Fhir) -> Setup {
    Server::with(fhir).limits(|limits| {
        // What is too much to ask is tested elsewhere.
        limits.upstream_calls = 2_000;
        limits.scan_rows = 1_000_000;
        // Whatever is asked twice has its index.
        limits.store_index_steps = 1_000;
        limits.store_indexes = 100;
        limits.related_keys = 100_000;
        limits.request_ms = 300_000;
        limits.mapping_ms = 60_000;
        limits.mapping_wait_ms = 300_000;
    })
}

pub(crate) fn bundle(resources: &[Value]) -> String {
    let entries: Vec<Value> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string()
}

/// Names of the tables that are no child tables.
pub(crate) fn roots(all: &[Value]) -> Vec<&str> {
    all.iter().filter(|table| table["parent"].is_null()).filter_map(|table| table["name"].as_str()).collect()
}

/// Stores the resources natively.
pub(crate) async fn keep(server: &Server, bundle: &str) {
    let call = server.call(Method::POST, "/fhir?as=batch").body("application/fhir+json", bundle.to_owned());
    let answer = call.send().await.expect(200).json();
    for entry in answer["entry"].as_array().into_iter().flatten() {
        let status = entry["response"]["status"].as_str().unwrap_or_default();
        let whole = status.starts_with('2') && !entry.to_string().contains("incomplete");
        // A type all of whose tables are virtual here is not stored.
        assert!(whole || status.starts_with("501"), "not taken: {entry}");
    }
}

/// All rows of all tables, by entity set, which have to be the same on every server.
pub(crate) async fn whole_tables(
    seed: u64,
    sets: &[&str],
    servers: &[(&str, Server)],
) -> BTreeMap<String, Vec<Map<String, Value>>> {
    let mut all: BTreeMap<String, Vec<Map<String, Value>>> = BTreeMap::new();
    for (name, server) in servers {
        for set in sets {
            // Which table a lookup leads to, of those that it can lead to.
            let terms = "odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"";
            let call = server.call(Method::GET, set).header("prefer", &format!("odata.maxpagesize={WHOLE},{terms}"));
            let rows = call
                .header("accept", ACCEPT)
                .send()
                .await
                .rows()
                .into_iter()
                .map(without_tags)
                .filter_map(|row| row.as_object().cloned());
            let mut rows: Vec<Map<String, Value>> = rows.collect();
            rows.sort_by_cached_key(|row| serde_json::to_string(row).expect("JSON"));
            match all.get(*set) {
                None => drop(all.insert((*set).to_owned(), rows)),
                Some(before) => {
                    let counts = (before.len(), rows.len());
                    assert_eq!(counts.0, counts.1, "seed {seed}: rows of {set}, native and {name}");
                    for (is, was) in rows.iter().zip(before) {
                        let odd: Vec<_> = is.iter().filter(|(column, cell)| was.get(*column) != Some(cell)).collect();
                        assert!(odd.is_empty(), "seed {seed}: {set}, {name}: {odd:?} and not as in {was:?}");
                    }
                }
            }
        }
    }
    all
}

/// What each service has of its own.
pub(crate) fn is_of_the_service(column: &str) -> bool {
    column.starts_with("msemr_azurefhirversion") || column.starts_with("msemr_azurefhirlastupdated")
}

/// Without versions and next links, at any depth.
fn without_tags(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let goes = |name: &str| {
                name == "@odata.etag" || TAGS.iter().any(|tag| name.ends_with(tag)) || is_of_the_service(name)
            };
            let kept = members.into_iter().filter(|(name, _)| !goes(name));
            // Addresses begin with that of the server.
            let is = |name: &str, value: Value| match value.as_str() {
                Some(address) if name == "@odata.id" => address.rsplit('/').next().unwrap_or_default().into(),
                _ => without_tags(value),
            };
            let kept = kept.map(|(name, value)| {
                let value = is(&name, value);
                (name, value)
            });
            Value::Object(kept.collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(without_tags).collect()),
        other => other,
    }
}

/// Members by name, at any depth.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> = members.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 700;
    let cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() { format!("{cut} …") } else { cut }
}
