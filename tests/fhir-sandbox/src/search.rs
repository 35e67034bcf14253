//! Answers searches: which instances match, in which order, and the page of them that a Bundle shows.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::criterion::{Criterion, Reading, Test, Texts};
use crate::document::Document;
use crate::faults::Fault;
use crate::history;
use crate::index::Value;
use crate::locked;
use crate::outcome::{Outcome, Refusal};
use crate::parameters;
use crate::query::{self, Query, SortKey};
use crate::rest::{Exchange, Reply};
use crate::store::{Body, Instance, Store, instant};

/// How many searches keep their result for later pages; the oldest is given up first.
const MAX_OPEN_SEARCHES: usize = 256;

/// Results of searches with more than one page. A result is fixed when the search is made, so that
/// every row comes once; deleted rows are left out when their page comes.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<OpenSearches>);

#[derive(Debug, Default)]
struct OpenSearches {
    by_token: HashMap<String, Arc<Answer>>,
    oldest_first: VecDeque<String>,
}

/// A search and the places of its matches.
#[derive(Debug)]
struct Answer {
    query: Arc<Query>,
    places: Vec<usize>,
}

impl Pages {
    pub(crate) fn clear(&self) {
        *locked(&self.0) = OpenSearches::default();
    }

    fn open(&self, answer: Arc<Answer>) -> String {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut open = locked(&self.0);
        if open.oldest_first.len() >= MAX_OPEN_SEARCHES
            && let Some(oldest) = open.oldest_first.pop_front()
        {
            open.by_token.remove(&oldest);
        }
        open.oldest_first.push_back(token.clone());
        open.by_token.insert(token.clone(), answer);
        token
    }

    fn get(&self, token: &str) -> Option<Arc<Answer>> {
        locked(&self.0).by_token.get(token).cloned()
    }
}

/// Searches a type, or goes on with a search whose `next` link was followed.
pub(crate) fn search(
    exchange: &Exchange<'_>,
    store: &Store,
    ty: &'static str,
    parameters: &[(String, String)],
    strict: bool,
) -> Result<Reply, Refusal> {
    if let Some((_, token)) = parameters.iter().find(|(name, _)| name == "_page") {
        if exchange.active.has(Fault::ExpiredNext) {
            return Err(expired());
        }
        return next_page(exchange, store, token);
    }
    let mut query = Query::parse(ty, parameters, strict)?;
    if exchange.active.has(Fault::SmallPages) && query.count > 100 {
        return Err(Refusal::invalid("_count is at most 100"));
    }
    for claimed in [false, true] {
        if exchange.active.has(Fault::IgnoreParams { claimed }) {
            query.criteria.clear();
            query.applied.retain(|(name, _)| claimed || is_result_parameter(name));
        }
    }
    let chained = parameters.iter().any(|(name, _)| is_chain(name));
    if chained && exchange.active.has(Fault::RefuseChains) {
        return Err(Refusal::invalid("Chained parameters and _has are not supported"));
    }
    if exchange.active.has(Fault::IgnoreChains) {
        query.criteria.retain(|criterion| !criterion.is_of_others());
        query.applied.retain(|(name, _)| !is_chain(name));
    }
    if exchange.active.has(Fault::IgnoreSort) {
        query.sort.clear();
    }
    if exchange.active.has(Fault::IgnoreElements) {
        query.elements = None;
    }
    if exchange.active.has(Fault::GreedyElements) {
        query.elements.as_mut().map(Vec::pop);
    }
    if exchange.active.has(Fault::TinyPages) {
        query.count = query.count.min(TINY_PAGE);
    }
    let mut places = matches(exchange, store, &query, usize::MAX);
    if exchange.active.has(Fault::SortTurns) && !query.sort.is_empty() {
        let rest = query.count.min(places.len());
        places[rest..].reverse();
    }
    if chained && exchange.active.has(Fault::LostChains) {
        places.clear();
    }
    let answer = Arc::new(Answer { query: Arc::new(query), places });
    page(exchange, store, &answer, None, 0)
}

/// Whether a parameter is about other resources.
fn is_chain(name: &str) -> bool {
    name.starts_with("_has:") || name.contains('.')
}

/// Matches of a page of `tiny-pages`.
pub(crate) const TINY_PAGE: usize = 7;

/// Ids that meet a query of criteria only, as conditional requests give it; at most two are looked for.
pub(crate) fn identify(
    exchange: &Exchange<'_>,
    store: &Store,
    ty: &'static str,
    query: &str,
) -> Result<Vec<String>, Refusal> {
    let query = Query::parse(ty, &query::decode(query)?, true)?;
    if query.criteria.is_empty() {
        return Err(Refusal::stale(format!("The condition on {ty} has no criterion")));
    }
    let places = matches(exchange, store, &query, 2);
    Ok(places.into_iter().map(|place| store.instances(ty)[place].id.clone()).collect())
}

fn is_result_parameter(name: &str) -> bool {
    matches!(name, "_count" | "_sort" | "_summary" | "_total" | "_elements" | "_include" | "_revinclude")
}

fn next_page(exchange: &Exchange<'_>, store: &Store, token: &str) -> Result<Reply, Refusal> {
    let parsed = token.split_once('-').and_then(|(token, offset)| Some((token, offset.parse().ok()?)));
    let (token, offset) = parsed.ok_or_else(|| Refusal::invalid("The page link is malformed"))?;
    let mut answer = exchange.pages.get(token).ok_or_else(expired)?;
    if exchange.active.has(Fault::OffsetPages) {
        let query = answer.query.clone();
        let places = matches(exchange, store, &query, usize::MAX);
        answer = Arc::new(Answer { query, places });
    }
    page(exchange, store, &answer, Some(token), offset)
}

pub(crate) fn expired() -> Refusal {
    let why = "The search of this page is no longer kept; search again";
    Refusal::new(axum::http::StatusCode::GONE, "expired", why)
}

/// The places of the instances that match, in the order asked for; without one, that of creation.
fn matches(exchange: &Exchange<'_>, store: &Store, query: &Query, limit: usize) -> Vec<usize> {
    let coarse = exchange.active.has(Fault::CoarseNumbers);
    let texts = match (exchange.active.has(Fault::NarrowTexts), exchange.active.has(Fault::CapitalTexts)) {
        (true, _) => Texts::AsTheyAre,
        (_, true) => Texts::Capitals,
        _ => Texts::Small,
    };
    let narrow_not = exchange.active.has(Fault::NarrowNot);
    let reading = Reading { base: &exchange.base, coarse, narrow_not, texts, now: Timestamp::now() };
    let instances = store.instances(query.ty);
    let plan: Vec<Check<'_>> = query.criteria.iter().map(|criterion| Check::plan(store, &reading, criterion)).collect();
    let passes = |place: &usize| {
        let instance = &instances[*place];
        let seen = history::seen(exchange, instance);
        let body = seen.and_then(|version| version.body.as_ref());
        body.is_some_and(|body| plan.iter().all(|check| check.passes(instance, body, &reading)))
    };
    let named = query.criteria.iter().find_map(|criterion| criterion.ids(query.ty));
    let mut places: Vec<usize> = match named {
        Some(ids) => {
            let mut places: Vec<usize> = ids.into_iter().filter_map(|id| store.place(query.ty, id)).collect();
            places.sort_unstable();
            places.dedup();
            places
        }
        None => (0..instances.len()).collect(),
    };
    places.retain(passes);
    places.truncate(limit);
    if !query.sort.is_empty() {
        sort(&mut places, instances, query, exchange.active.has(Fault::NullsFirst));
    }
    places
}

/// A criterion with what it needs to know of other resources.
enum Check<'a> {
    Own(&'a Criterion),
    LeadsTo { parameter: usize, found: HashSet<(&'static str, &'a str)> },
    Among(HashSet<String>),
}

impl<'a> Check<'a> {
    fn plan(store: &'a Store, reading: &Reading<'_>, criterion: &'a Criterion) -> Self {
        match &criterion.test {
            Test::Chain(alternatives) => {
                let mut found = HashSet::new();
                for (ty, criterion) in alternatives {
                    found.extend(
                        matching(store, reading, ty, criterion).map(|(instance, _)| (*ty, instance.id.as_str())),
                    );
                }
                Check::LeadsTo { parameter: criterion.parameter, found }
            }
            Test::Has { ty, reference, criterion } => {
                let values =
                    matching(store, reading, ty, criterion).flat_map(|(_, body)| body.index.values(*reference));
                let ids = values.filter_map(|value| match value {
                    Value::Reference(reference) => reference.local(reading.base),
                    _ => None,
                });
                // The type is checked where the query is read: the parameter leads to the searched type,
                // and an id of another type it may lead to must not count.
                Check::Among(ids.map(|(ty, id)| format!("{ty}/{id}")).collect())
            }
            _ => Check::Own(criterion),
        }
    }

    fn passes(&self, instance: &Instance, body: &Body, reading: &Reading<'_>) -> bool {
        match self {
            Check::Own(criterion) => criterion.passes(&body.index, reading),
            Check::LeadsTo { parameter, found } => body.index.values(*parameter).iter().any(|value| match value {
                Value::Reference(own) => own.local(reading.base).is_some_and(|target| found.contains(&target)),
                _ => false,
            }),
            Check::Among(found) => found.contains(&format!("{}/{}", body.ty, instance.id)),
        }
    }
}

fn matching<'s>(
    store: &'s Store,
    reading: &Reading<'_>,
    ty: &'static str,
    criterion: &Criterion,
) -> impl Iterator<Item = (&'s Instance, &'s Body)> {
    let check = Check::plan(store, reading, criterion);
    let current = store.instances(ty).iter().filter_map(|instance| Some((instance, instance.current().body.as_ref()?)));
    let kept: Vec<_> = current.filter(|(instance, body)| check.passes(instance, body, reading)).collect();
    kept.into_iter()
}

/// A value to sort by.
#[derive(PartialEq, PartialOrd)]
enum Rank<'a> {
    Text(Cow<'a, str>),
    Instant(i128),
    Number(Decimal),
}

/// Rows without a value come last in either direction, or first; equal rows keep the order of creation.
fn sort(places: &mut Vec<usize>, instances: &[Instance], query: &Query, nulls_first: bool) {
    let ranks = |place: usize| -> Vec<Option<Rank<'_>>> {
        let body = instances[place].current().body.as_ref();
        query.sort.iter().map(|key| rank(body?.index.values(key.parameter), key)).collect()
    };
    let mut keyed: Vec<_> = places.drain(..).map(|place| (ranks(place), place)).collect();
    keyed.sort_by(|(left, _), (right, _)| {
        let orders = query.sort.iter().zip(left.iter().zip(right)).map(|(key, (left, right))| match (left, right) {
            (Some(left), Some(right)) => {
                let order = left.partial_cmp(right).unwrap_or(Ordering::Equal);
                if key.descending { order.reverse() } else { order }
            }
            (left, right) if nulls_first => left.is_some().cmp(&right.is_some()),
            (left, right) => right.is_some().cmp(&left.is_some()),
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
    places.extend(keyed.into_iter().map(|(_, place)| place));
}

/// Of several values the smallest counts when ascending, the largest when descending.
fn rank<'a>(values: &'a [Value], key: &SortKey) -> Option<Rank<'a>> {
    let ranks = values.iter().filter_map(|value| match value {
        Value::Token { code, .. } => code.as_deref().map(|code| Rank::Text(code.into())),
        Value::Text { folded, .. } => Some(Rank::Text((&**folded).into())),
        Value::Date(range) => Some(Rank::Instant(if key.descending { range.high } else { range.low })),
        Value::Number(value) | Value::Quantity { value, .. } => value.low.or(value.high).map(Rank::Number),
        Value::Reference(reference) => Some(Rank::Text((&*reference.text).into())),
        Value::Uri(uri) => Some(Rank::Text((&**uri).into())),
    });
    ranks.reduce(|best, next| {
        let wanted = if key.descending { Ordering::Greater } else { Ordering::Less };
        if next.partial_cmp(&best) == Some(wanted) { next } else { best }
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bundle<'a> {
    pub(crate) resource_type: &'static str,
    pub(crate) id: String,
    pub(crate) meta: BundleMeta,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) link: Vec<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) entry: Vec<Entry<'a>>,
}

impl Bundle<'_> {
    pub(crate) fn new(kind: &'static str) -> Self {
        let meta = BundleMeta { last_updated: instant(Timestamp::now()) };
        let id = uuid::Uuid::new_v4().to_string();
        Self { resource_type: "Bundle", id, meta, kind, total: None, link: Vec::new(), entry: Vec::new() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BundleMeta {
    last_updated: String,
}

#[derive(Serialize)]
pub(crate) struct Link {
    pub(crate) relation: &'static str,
    pub(crate) url: String,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) search: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response: Option<Json>,
}

#[derive(Serialize)]
pub(crate) struct Mode {
    mode: &'static str,
}

fn page(
    exchange: &Exchange<'_>,
    store: &Store,
    answer: &Arc<Answer>,
    token: Option<&str>,
    offset: usize,
) -> Result<Reply, Refusal> {
    let query = &answer.query;
    let mut bundle = Bundle::new("searchset");
    let total = answer.places.len();
    bundle.total = Some(total + usize::from(exchange.active.has(Fault::WrongTotal)));
    bundle.link.push(Link { relation: "self", url: link(exchange, query.ty, &query::encode(&query.applied)) });
    if exchange.active.has(Fault::NoTotal) {
        bundle.total = None;
        bundle.link[0].url = link(exchange, query.ty, "");
    }
    if exchange.active.has(Fault::OutcomeTotal) {
        bundle.total = Some(total + OUTCOMES);
    }
    if !query.count_only && !exchange.active.has(Fault::EmptyPage) {
        let end = offset.saturating_add(query.count).min(total);
        let repeated = match offset {
            0 => 0,
            _ if exchange.active.has(Fault::Overlap) => 2,
            _ => usize::from(exchange.active.has(Fault::DuplicatePages)),
        };
        let places = answer.places.get(offset.saturating_sub(repeated)..end).unwrap_or_default();
        bundle.entry = rows(exchange, store, query, places)?;
        if end < total {
            let token = token.map_or_else(|| exchange.pages.open(answer.clone()), str::to_owned);
            let to = |to: usize| link(exchange, query.ty, &format!("_page={token}-{to}"));
            bundle.link.extend(next_link(exchange, to, offset, end, query.count));
        }
        if exchange.active.has(Fault::PageTotal) {
            bundle.total = Some(bundle.entry.len());
        }
        spoil(exchange, &mut bundle.entry)?;
    }
    if !query.ignored.is_empty() {
        let outcome = serde_json::value::to_raw_value(&Outcome::of(&query.ignored))?;
        let search = Some(Mode { mode: "outcome" });
        bundle.entry.push(Entry { resource: Some(Cow::Owned(outcome)), search, ..Entry::default() });
    }
    Reply::of(&bundle)
}

/// The link from the page at `offset` to the one at `end`, unless it is left out. `to`: the page at a place.
pub(crate) fn next_link(
    exchange: &Exchange<'_>,
    to: impl Fn(usize) -> String,
    offset: usize,
    end: usize,
    count: usize,
) -> Option<Link> {
    let mut url = to(end);
    let short = |url: &str| url.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    for fault in &[
        Fault::ForeignNext,
        Fault::PublicNext,
        Fault::RelativeNext,
        Fault::EmptyNext,
        Fault::SameNext,
        Fault::CircleNext,
    ] {
        if exchange.active.has(*fault) {
            url = match fault {
                Fault::ForeignNext => url.replacen(&exchange.base, "http://foreign.example/fhir", 1),
                Fault::PublicNext => url.replacen(&exchange.base, "https://fhir.example/r4", 1),
                Fault::RelativeNext => short(&url),
                Fault::EmptyNext => String::new(),
                Fault::SameNext => to(offset),
                _ => to(if offset >= 2 * count { 0 } else { end }),
            };
        }
    }
    (!exchange.active.has(Fault::NoNext)).then_some(Link { relation: "next", url })
}

pub(crate) fn link(exchange: &Exchange<'_>, ty: &str, query: &str) -> String {
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}/{ty}{mark}{query}", exchange.base)
}

/// How many outcomes [`Fault::OutcomeTotal`] adds.
const OUTCOMES: usize = 3;

/// The faults of entries.
pub(crate) fn spoil(exchange: &Exchange<'_>, entries: &mut Vec<Entry<'_>>) -> Result<(), Refusal> {
    let has = |fault| exchange.active.has(fault);
    let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned());
    let outcome = |severity: &str| {
        raw(&format!(
            r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"{severity}","code":"processing"}}]}}"#
        ))
    };
    if has(Fault::DoubleEntry) {
        let twice = std::mem::take(entries);
        for entry in twice {
            let again =
                Entry { full_url: entry.full_url.clone(), resource: entry.resource.clone(), ..Entry::default() };
            entries.extend([again, entry]);
        }
    }
    if let Some(last) = entries.last_mut() {
        if has(Fault::BareEntry) {
            last.resource = None;
        }
        if has(Fault::OtherType) {
            last.resource = Some(Cow::Owned(raw(r#"{"resourceType":"Basic","id":"b","code":{"text":"x"}}"#)?));
        }
    }
    for entry in entries.iter_mut() {
        if has(Fault::CapitalModes) {
            entry.search = Some(Mode { mode: "MATCH" });
        }
        if has(Fault::Subsetted)
            && let Some(resource) = &entry.resource
        {
            let whole: Json = serde_json::from_str(resource.get())?;
            let part = serde_json::json!({
                "resourceType": whole["resourceType"], "id": whole["id"],
                "meta": {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]},
            });
            entry.resource = Some(Cow::Owned(serde_json::value::to_raw_value(&part)?));
        }
    }
    if has(Fault::ErrorOutcome) {
        let (resource, search) = (Some(Cow::Owned(outcome("error")?)), Some(Mode { mode: "outcome" }));
        entries.push(Entry { resource, search, ..Entry::default() });
    }
    if has(Fault::OutcomeTotal) {
        for _ in 0..OUTCOMES {
            let (resource, search) = (Some(Cow::Owned(outcome("information")?)), Some(Mode { mode: "outcome" }));
            entries.push(Entry { resource, search, ..Entry::default() });
        }
    }
    Ok(())
}

/// The entries of a page: its matches, then what they include.
fn rows<'s>(
    exchange: &Exchange<'_>,
    store: &'s Store,
    query: &Query,
    places: &[usize],
) -> Result<Vec<Entry<'s>>, Refusal> {
    let instances = places.iter().filter_map(|place| store.instances(query.ty).get(*place));
    let matched: Vec<(&Instance, &Body)> =
        instances.filter_map(|instance| Some((instance, history::seen(exchange, instance)?.body.as_ref()?))).collect();
    let mut entries = Vec::with_capacity(matched.len());
    for (instance, body) in &matched {
        entries.push(row(exchange, query, instance, body, "match")?);
    }
    for (instance, body) in included(exchange, store, query, &matched) {
        entries.push(row(exchange, query, instance, body, "include")?);
    }
    Ok(entries)
}

fn row<'s>(
    exchange: &Exchange<'_>,
    query: &Query,
    instance: &Instance,
    body: &'s Body,
    mode: &'static str,
) -> Result<Entry<'s>, Refusal> {
    let mut resource = exchange.present(&body.text)?;
    if let Some(elements) = query.elements.as_deref().filter(|_| mode == "match") {
        resource = Cow::Owned(subset(&resource, elements)?);
    }
    let full_url = Some(format!("{}/{}/{}", exchange.base, body.ty, instance.id));
    Ok(Entry { full_url, resource: Some(resource), search: Some(Mode { mode }), ..Entry::default() })
}

/// What `_include` and `_revinclude` add to a page, each resource once.
fn included<'s>(
    exchange: &Exchange<'_>,
    store: &'s Store,
    query: &Query,
    matched: &[(&'s Instance, &'s Body)],
) -> Vec<(&'s Instance, &'s Body)> {
    let mut seen: HashSet<(&str, &str)> =
        matched.iter().map(|(instance, body)| (body.ty, instance.id.as_str())).collect();
    let rows = seen.clone();
    let mut added = Vec::new();
    for include in &query.includes {
        let links = |body: &'s Body| {
            body.index.values(include.reference).iter().filter_map(|value| match value {
                Value::Reference(reference) => reference.local(&exchange.base),
                _ => None,
            })
        };
        if include.reverse {
            for instance in store.instances(include.ty) {
                let Some(body) = &instance.current().body else {
                    continue;
                };
                if links(body).any(|target| rows.contains(&target)) && seen.insert((body.ty, &instance.id)) {
                    added.push((instance, body));
                }
            }
            continue;
        }
        for (ty, id) in matched.iter().flat_map(|(_, body)| links(body)) {
            let wanted = include.target.is_none_or(|target| target == ty);
            let Some(instance) = store.instance(ty, id).filter(|_| wanted) else {
                continue;
            };
            let Some(body) = &instance.current().body else {
                continue;
            };
            if seen.insert((body.ty, &instance.id)) {
                added.push((instance, body));
            }
        }
    }
    added
}

/// `_elements`: only the elements named, with what R4 never leaves out, marked as a subset.
fn subset(text: &RawValue, elements: &[String]) -> Result<Box<RawValue>, Refusal> {
    let mut resource: Document = serde_json::from_str(text.get())?;
    resource.retain(|name| {
        let plain = name.strip_prefix('_').unwrap_or(name);
        matches!(name, "resourceType" | "id" | "meta") || elements.iter().any(|element| names(element, plain))
    });
    let meta = resource.get("meta").map(|meta| serde_json::from_str(meta.get()));
    let mut meta: Document = meta.transpose()?.unwrap_or_default();
    let tags = meta.get("tag").map(|tags| serde_json::from_str(tags.get()));
    let mut tags: Vec<Json> = tags.transpose()?.unwrap_or_default();
    tags.push(serde_json::json!({
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
        "code": "SUBSETTED"
    }));
    meta.set("tag", usize::MAX, &tags)?;
    resource.set("meta", 0, &meta)?;
    Ok(resource.to_raw()?)
}

/// Whether `_elements=element` wants the property `name`; a choice element is named without its type.
fn names(element: &str, name: &str) -> bool {
    let top = element.split('.').next().unwrap_or(element);
    let choice = top.strip_suffix("[x]").unwrap_or(top);
    name.strip_prefix(choice).is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// Name and kind of every search parameter of a type, for the CapabilityStatement.
pub(crate) fn parameters_of(ty: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    parameters::of_type(ty).iter().map(|parameter| (parameter.name, parameter.kind.name()))
}
