//! Tries out what a FHIR service really does: which parameters it heeds, how it compares, whether it counts, sorts and
//! keeps versions. It only reads. Questions are made of what the service's own resources show, so a type of which it has
//! none says little.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use turntable_scan::bundle;

use crate::fhir::client::{Client, Page, Searched};
use crate::fhir::probed::{Heed, ParameterProbed, Probed, TypeProbed};
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Binding, ColumnIndex, Kind, SearchKind, SearchOps};
use crate::model::value::fold;
use crate::plan::search::elements::{ELEMENTS, elements};
use crate::plan::search::query::escape;
use crate::router::map::{self, Resource};
use crate::router::release::actor::Actor;
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::store::control::{Act, Decision};

/// Resources of a type that are looked at for values to ask with.
const SAMPLE: u32 = 20;
/// Values tried of a parameter: one that compares differently shows what it is like.
const VALUES: usize = 3;
/// No service has it.
const UNKNOWN_PARAMETER: &str = "turntable-unknown";
/// A text that no resource has.
const NOTHING: &str = "turntable-matches-nothing";

impl Turntable {
    /// Tries a service out on some resource types, or on all that tables show, and keeps what comes to light in place of
    /// what was known of it. [`Code::NotFound`]: there is no such service.
    pub async fn probe(self: &Arc<Self>, source: &str, types: &[String], actor: Actor) -> Result<Arc<Probed>> {
        let client = self.sources.get(source).ok_or_else(|| {
            let known: Vec<_> = self.sources.keys().map(String::as_str).collect();
            let error = Error::new(Code::NotFound, format!("there is no FHIR service `{source}`"));
            error.target("source").hint(format!("configured are: {}", known.join(", ")))
        })?;
        if client.asks_as_callers() {
            // What it shows one is not to be known to others.
            let what = format!(
                "the FHIR service `{source}` is asked with the token of whoever asks: it cannot be tried for all"
            );
            return Err(Error::new(Code::NotSupported, what).target("source"));
        }
        let snapshot = self.snapshot();
        let shown = shown_types(&snapshot);
        if let Some(other) = types.iter().find(|name| !shown.contains_key(*name)) {
            let error = Error::new(Code::BadValue, format!("no table shows resources of type `{other}`"));
            return Err(error.target("types"));
        }
        let deadline = Instant::now() + Duration::from_millis(self.limits.probe_ms);
        let trial = Trial { turntable: self, client, calls: AtomicU32::new(self.limits.probe_calls), deadline };
        let says = client.capabilities(deadline).await.ok();
        let mut probed = Probed {
            at: Timestamp::now().to_string(),
            fhir_version: says.as_deref().map(|says| says.fhir_version.clone()),
            software: says.as_deref().map(|says| says.software.clone()).filter(|name| !name.is_empty()),
            types: BTreeMap::new(),
            whole: true,
        };
        // What was found of types that are not tried, or not reached, stays.
        if let Some(before) = client.probed() {
            probed.types.clone_from(&before.types);
        }
        for (resource_type, tables) in shown.into_iter().filter(|(name, _)| types.is_empty() || types.contains(name)) {
            let declared = match says.as_deref() {
                Some(says) if says.lacks(&resource_type) => {
                    probed.types.remove(&resource_type);
                    continue;
                }
                says => says.and_then(|says| says.resource(&resource_type)),
            };
            let asks = |name: &str| declared.is_none_or(|declared| declared.search_params.contains_key(name));
            match trial.of_type(&resource_type, &tables, &asks).await {
                Ok(found) => drop(probed.types.insert(resource_type, found)),
                Err(error) if error.code() == Code::ScanBudgetExceeded => {
                    probed.whole = false;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let value = serde_json::to_vec(&probed).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        let tried: Vec<_> = probed.types.keys().collect();
        let detail = json!({ "source": source, "types": tried, "whole": probed.whole });
        let act = Act { actor: actor.0, action: "source.probe", table: None, detail };
        let keep = Decision::KeepSetting { name: setting(source), value };
        self.store.decide(vec![(keep, act)]).await?;
        let probed = Arc::new(probed);
        client.know(probed.clone());
        Ok(probed)
    }

    /// Takes up what was found out before the start.
    pub async fn recall_probes(&self) -> Result<()> {
        for (name, client) in self.sources.iter().filter(|(_, client)| !client.asks_as_callers()) {
            // One that an older program wrote otherwise is as good as none.
            let kept = self.store.setting(setting(name)).await?;
            if let Some(probed) = kept.and_then(|kept| serde_json::from_slice(&kept).ok()) {
                client.know(Arc::new(probed));
            }
        }
        Ok(())
    }
}

fn setting(source: &str) -> String {
    format!("probe:{source}")
}

/// The types that root tables show, each with these tables.
fn shown_types(snapshot: &Snapshot) -> BTreeMap<String, Vec<Arc<ServedTable>>> {
    let mut shown: BTreeMap<String, Vec<Arc<ServedTable>>> = BTreeMap::new();
    for table in snapshot.tables().filter(|table| table.table.parent.is_none()) {
        for source in &table.table.sources {
            shown.entry(source.resource_type.clone()).or_default().push(table.clone());
        }
    }
    shown
}

/// A parameter, and what tells how it is to be asked.
struct Asked {
    name: String,
    kind: SearchKind,
    /// The column's.
    holds: Kind,
    template: Option<String>,
    /// `(id, value)` of resources.
    values: Vec<(String, String)>,
}

struct Trial<'t> {
    turntable: &'t Arc<Turntable>,
    client: &'t Client,
    /// Left.
    calls: AtomicU32,
    deadline: Instant,
}

/// What a question brought.
enum Answer {
    /// The ids of the resources found, and whether the service refused the question before it was asked leniently.
    Found(Vec<String>, bool),
    Refused,
}

impl Trial<'_> {
    async fn of_type(
        &self,
        resource_type: &str,
        tables: &[Arc<ServedTable>],
        asks: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<TypeProbed> {
        let mut probed = TypeProbed::default();
        let Some(page) = self.page(resource_type, &[], Some(SAMPLE)).await? else { return Ok(probed) };
        let found = self.ids(&page).await?;
        probed.resources = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let unknown = self.ask(resource_type, &[(UNKNOWN_PARAMETER, "x".to_owned())]).await?;
        probed.unknown_parameters = heed(&unknown, found.is_empty()).filter(|heed| *heed != Heed::Applied);
        probed.counts = self.counts(resource_type).await?;
        let Some(first) = found.first() else { return Ok(probed) };
        probed.sorts = self.sorts(resource_type).await?;
        self.spend()?;
        let read = self.client.read(resource_type, first, self.deadline).await.ok().flatten();
        probed.versions = read.map(|read| read.version.is_some());
        self.spend()?;
        probed.history = Some(self.client.has_history(resource_type, first, self.deadline).await?);
        probed.elements = self.elements(resource_type, tables).await?;
        for asked in self.parameters(resource_type, tables, page).await?.into_iter().filter(|one| asks(&one.name)) {
            let tried = self.parameter(resource_type, &asked).await?;
            if tried.heed == Some(Heed::Applied) && asked.kind == SearchKind::Reference {
                probed.chains.extend(self.chains(resource_type, &asked).await?);
            }
            probed.parameters.insert(asked.name, tried);
        }
        Ok(probed)
    }

    /// The parameters that columns are searched by, with values that the resources of a page have.
    async fn parameters(&self, resource_type: &str, tables: &[Arc<ServedTable>], page: Page) -> Result<Vec<Asked>> {
        let (resource_type, tables, base) = (resource_type.to_owned(), tables.to_vec(), self.client.base());
        let made = move || {
            let mut all: BTreeMap<String, Asked> = BTreeMap::new();
            let bundle = bundle::split(&page.body).map_err(|_| Error::new(Code::UpstreamInvalid, "no bundle"))?;
            let resources: Vec<_> = bundle
                .entries
                .iter()
                .filter_map(|entry| entry.resource.as_ref())
                .filter(|resource| resource.resource_type == resource_type)
                .collect();
            for table in &tables {
                let source = table.table.sources.iter().find(|source| source.resource_type == resource_type);
                let bindings = source.map(|source| source.search.as_slice()).unwrap_or_default();
                let columns: BTreeSet<_> = bindings.iter().map(|binding| binding.column).collect();
                let columns: Vec<_> = columns.into_iter().filter(|column| *column < table.table.mapped()).collect();
                let bodies: Vec<_> = resources
                    .iter()
                    .map(|resource| Resource { resource_type: &resource_type, body: resource.raw.as_bytes() })
                    .collect();
                // A mapping that cannot read them says nothing of the service.
                let rows = map::rows_of(table, &bodies, &base, &columns).ok();
                for binding in bindings {
                    let asked = all.entry(binding.param.clone()).or_insert_with(|| Asked {
                        name: binding.param.clone(),
                        kind: binding.kind,
                        holds: table.table.columns[binding.column].kind.clone(),
                        template: binding.template.clone(),
                        values: Vec::new(),
                    });
                    let Some(mapped) = rows.as_ref().filter(|_| asked.values.is_empty() && asks_text(binding)) else {
                        continue;
                    };
                    let value = |row: usize| {
                        let id = resources.get(*mapped.origin.get(row)?)?.id.as_deref()?;
                        Some((id.to_owned(), mapped.rows.cell(row, binding.column)?.to_owned()))
                    };
                    if columns.contains(&binding.column) {
                        asked.values = (0..mapped.rows.len()).filter_map(value).collect();
                        (asked.kind, asked.template) = (binding.kind, binding.template.clone());
                        asked.holds = table.table.columns[binding.column].kind.clone();
                    }
                }
            }
            Ok(all.into_values().collect())
        };
        self.turntable.work.run(self.client.name(), 0, Some(self.deadline), made).await?
    }

    async fn parameter(&self, resource_type: &str, asked: &Asked) -> Result<ParameterProbed> {
        let mut probed = ParameterProbed::default();
        let nothing = self.ask(resource_type, &[(&asked.name, impossible(asked.kind))]).await?;
        probed.heed = heed(&nothing, false);
        if probed.heed != Some(Heed::Applied) {
            return Ok(probed);
        }
        let is_text = matches!(asked.holds, Kind::Text { .. } | Kind::Uri);
        match asked.kind {
            SearchKind::String | SearchKind::Token | SearchKind::Uri if is_text => {
                probed.ignores_case = self.alike(resource_type, asked, in_other_case).await?;
                if asked.kind == SearchKind::String {
                    probed.is_string = true;
                    probed.ignores_accents = self.alike(resource_type, asked, without_accents).await?;
                }
            }
            SearchKind::Token if matches!(asked.holds, Kind::Choice(_) | Kind::Boolean) => {
                probed.negates = self.negates(resource_type, asked).await?;
            }
            SearchKind::Number | SearchKind::Quantity => {
                probed.rounds = self.alike(resource_type, asked, rounded).await?;
            }
            _ => {}
        }
        Ok(probed)
    }

    /// Whether rows of the elements that some columns are read from are as those of the whole resources, for each table: for columns of
    /// every other element, and for those of the rest. None: of no table it is known what columns are read from.
    async fn elements(&self, resource_type: &str, tables: &[Arc<ServedTable>]) -> Result<Option<Heed>> {
        let mut done: Option<Heed> = None;
        for table in tables {
            for columns in halves(table) {
                let Some(names) = elements(&columns, &table.table, resource_type) else { continue };
                let columns: Vec<ColumnIndex> = columns.into_iter().collect();
                let Some(whole) = self.page(resource_type, &[], Some(SAMPLE)).await? else { return Ok(done) };
                let part = self.page(resource_type, &[(ELEMENTS, names)], Some(SAMPLE)).await?;
                let Some(part) = part.filter(|part| !part.downgraded) else { return Ok(Some(Heed::Refused)) };
                let is_less = part.body.len() < whole.body.len();
                let pages = [whole, part];
                let (table, resource_type, base) = (table.clone(), resource_type.to_owned(), self.client.base());
                let same = move || {
                    let [whole, part] =
                        pages.each_ref().map(|page| rows_by_id(page, &table, &resource_type, &base, &columns));
                    matches!((whole, part), (Some(whole), Some(part)) if whole == part)
                };
                if !self.turntable.work.run(self.client.name(), 0, Some(self.deadline), same).await? {
                    return Ok(Some(Heed::Refused));
                }
                let heed = if is_less { Heed::Applied } else { Heed::Ignored };
                done = Some(if done == Some(Heed::Applied) { Heed::Applied } else { heed });
            }
        }
        Ok(done)
    }

    /// What becomes of a chained parameter through a reference that a resource has, and of the way back; one of each type that it
    /// leads to.
    async fn chains(&self, resource_type: &str, asked: &Asked) -> Result<BTreeMap<String, Heed>> {
        let mut found = BTreeMap::new();
        for (id, reference) in &asked.values {
            let Some((other, other_id)) = reference.split_once('/') else { continue };
            let (there, back) = (format!("{}:{other}", asked.name), format!("_has:{resource_type}:{}", asked.name));
            let name = format!("{resource_type}.{there}");
            if found.contains_key(&name) || other_id.contains('/') {
                continue;
            }
            if let Some(heed) = self.follows(resource_type, id, &format!("{there}._id"), other_id).await? {
                found.insert(name, heed);
            }
            if let Some(heed) = self.follows(other, other_id, &format!("{back}:_id"), id).await? {
                found.insert(format!("{other}.{back}"), heed);
            }
        }
        Ok(found)
    }

    /// Whether a resource is found by the id of one that it is related to, and by no other. One that is not found by it is as good as
    /// refused. None: it is not found at all.
    async fn follows(&self, resource_type: &str, id: &str, param: &str, other: &str) -> Result<Option<Heed>> {
        let itself = ("_id", id.to_owned());
        let finds =
            |answer: &Answer| matches!(answer, Answer::Found(found, false) if found.iter().any(|one| one == id));
        if !finds(&self.ask(resource_type, std::slice::from_ref(&itself)).await?) {
            return Ok(None);
        }
        if !finds(&self.ask(resource_type, &[itself.clone(), (param, other.to_owned())]).await?) {
            return Ok(Some(Heed::Refused));
        }
        let ignores = finds(&self.ask(resource_type, &[itself, (param, NOTHING.to_owned())]).await?);
        Ok(Some(if ignores { Heed::Ignored } else { Heed::Applied }))
    }

    /// Whether resources are found by another spelling of their value as they are by the value itself. None: no value
    /// has another, or it does not find its own resource.
    async fn alike(
        &self,
        resource_type: &str,
        asked: &Asked,
        other: fn(&str) -> Option<String>,
    ) -> Result<Option<bool>> {
        let values = asked.values.iter().filter_map(|(id, value)| Some((id, value, other(value)?)));
        let mut alike = None;
        for (id, value, other) in values.take(VALUES) {
            if !self.finds(resource_type, asked, id, value).await? {
                continue;
            }
            let is_alike = self.finds(resource_type, asked, id, &other).await?;
            alike = Some(is_alike);
            if !is_alike {
                break;
            }
        }
        Ok(alike)
    }

    /// Whether `:not` leaves out a resource with the value, and gives one with another and one without. None: there are not all three of them, or it
    /// is not done at all.
    async fn negates(&self, resource_type: &str, asked: &Asked) -> Result<Option<bool>> {
        let Some((id, value)) = asked.values.first() else { return Ok(None) };
        let other = asked.values.iter().find(|(_, other)| other != value);
        let missing = self.ask(resource_type, &[(&format!("{}:missing", asked.name), "true".to_owned())]).await?;
        let Answer::Found(without, false) = missing else { return Ok(None) };
        let (Some((other, _)), Some(without)) = (other, without.first()) else { return Ok(None) };
        let not = format!("{}:not", asked.name);
        if !self.finds(resource_type, asked, id, value).await? {
            return Ok(None);
        }
        let escaped = templated(asked, value);
        let mut found = Vec::new();
        for id in [id, other, without] {
            let answer = self.ask(resource_type, &[("_id", id.clone()), (&not, escaped.clone())]).await?;
            let Answer::Found(ids, false) = answer else { return Ok(None) };
            found.push(ids.contains(id));
        }
        Ok(Some(found == [false, true, true]))
    }

    async fn finds(&self, resource_type: &str, asked: &Asked, id: &str, value: &str) -> Result<bool> {
        let value = templated(asked, value);
        let found = self.ask(resource_type, &[("_id", id.to_owned()), (&asked.name, value)]).await?;
        Ok(matches!(found, Answer::Found(found, false) if found.iter().any(|one| one == id)))
    }

    async fn counts(&self, resource_type: &str) -> Result<Option<bool>> {
        let page = self.page(resource_type, &[("_summary", "count".to_owned())], None).await?;
        let Some(page) = page else { return Ok(Some(false)) };
        self.look(page, |page| Some(bundle::split(&page.body).ok()?.total.is_some())).await
    }

    /// None: there are not two of different times.
    async fn sorts(&self, resource_type: &str) -> Result<Option<bool>> {
        let mut orders = Vec::new();
        for order in ["_lastUpdated", "-_lastUpdated"] {
            let Some(page) = self.page(resource_type, &[("_sort", order.to_owned())], Some(SAMPLE)).await? else {
                return Ok(Some(false));
            };
            let times = |page: &Page| -> Option<Vec<Timestamp>> {
                let bundle: serde_json::Value = serde_json::from_slice(&page.body).ok()?;
                let time = |entry: &serde_json::Value| entry["resource"]["meta"]["lastUpdated"].as_str()?.parse().ok();
                bundle["entry"].as_array()?.iter().map(time).collect()
            };
            let Some(times) = self.look(page, times).await? else { return Ok(None) };
            orders.push(times);
        }
        let differs = orders.iter().flatten().any(|time| Some(time) != orders[0].first());
        let kept = orders[0].is_sorted() && orders[1].iter().rev().is_sorted();
        Ok(differs.then_some(kept))
    }

    async fn ask(&self, resource_type: &str, params: &[(&str, String)]) -> Result<Answer> {
        Ok(match self.page(resource_type, params, Some(1)).await? {
            Some(page) => {
                let downgraded = page.downgraded;
                Answer::Found(self.ids(&page).await?, downgraded)
            }
            None => Answer::Refused,
        })
    }

    /// None: refused, in whatever way.
    async fn page(&self, resource_type: &str, params: &[(&str, String)], count: Option<u32>) -> Result<Option<Page>> {
        self.spend()?;
        let params: Vec<_> = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        match self.client.search(resource_type, &params, count, self.deadline).await? {
            Searched::Page(page) => Ok(Some(page)),
            Searched::Refused(_) | Searched::Unknown(_) | Searched::TooLarge(_) => Ok(None),
        }
    }

    /// What a page shows, looked at where a thread may be held.
    async fn look<T: Send + 'static>(&self, page: Page, look: fn(&Page) -> Option<T>) -> Result<Option<T>> {
        self.turntable.work.run(self.client.name(), 0, Some(self.deadline), move || look(&page)).await
    }

    /// Of the resources that were searched for.
    async fn ids(&self, page: &Page) -> Result<Vec<String>> {
        let body = page.body.clone();
        let ids = move || {
            let bundle = bundle::split(&body).map_err(|_| Error::new(Code::UpstreamInvalid, "no bundle"))?;
            let is_match = |entry: &&bundle::Entry<'_>| {
                entry.search_mode.as_deref().is_none_or(|mode| mode.eq_ignore_ascii_case("match"))
            };
            let found = bundle.entries.iter().filter(is_match).filter_map(|entry| entry.resource.as_ref());
            let found = found.filter(|resource| resource.resource_type != "OperationOutcome");
            Ok(found.filter_map(|resource| resource.id.as_deref().map(str::to_owned)).collect())
        };
        self.turntable.work.run(self.client.name(), 0, Some(self.deadline), ids).await?
    }

    /// One call more.
    fn spend(&self) -> Result<()> {
        let spent = self.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match spent {
            Ok(_) if Instant::now() < self.deadline => Ok(()),
            _ => Err(Error::new(Code::ScanBudgetExceeded, "the trial of the service has used what it may")),
        }
    }
}

/// The columns of a table that a mapping makes, told apart by their elements: those of every other one, and those of the rest.
fn halves(table: &ServedTable) -> [BTreeSet<ColumnIndex>; 2] {
    let (table, mut halves) = (&table.table, [BTreeSet::new(), BTreeSet::new()]);
    let names: BTreeSet<&String> = table.columns.iter().flat_map(|column| &column.elements).collect();
    let names: Vec<&String> = names.into_iter().collect();
    for column in 0..table.mapped() {
        let first = table.columns[column].elements.first();
        let at = first.and_then(|first| names.iter().position(|name| *name == first)).unwrap_or_default();
        // Of some it may not be known what they are read from: they have no part in it.
        if elements(&BTreeSet::from([column]), table, "").is_some() {
            halves[at % 2].insert(column);
        }
    }
    halves
}

/// The cells of the resources on a page, by their ids. None: there is no telling.
fn rows_by_id(
    page: &Page,
    table: &ServedTable,
    resource_type: &str,
    base: &str,
    columns: &[ColumnIndex],
) -> Option<BTreeMap<String, Vec<Option<String>>>> {
    let bundle = bundle::split(&page.body).ok()?;
    let resources = bundle.entries.iter().filter_map(|entry| entry.resource.as_ref());
    let resources: Vec<_> = resources.filter(|resource| resource.resource_type == resource_type).collect();
    let bodies: Vec<_> =
        resources.iter().map(|resource| Resource { resource_type, body: resource.raw.as_bytes() }).collect();
    let made = map::rows_of(table, &bodies, base, columns).ok()?;
    let mut rows = BTreeMap::new();
    for row in 0..made.rows.len() {
        let id = resources.get(*made.origin.get(row)?)?.id.as_deref()?;
        rows.insert(id.to_owned(), made.rows.row(row).map(|cell| cell.map(str::to_owned)).collect());
    }
    Some(rows)
}

/// What a question that finds nothing where it is heeded tells; nothing where there is nothing to be found anyway.
fn heed(answer: &Answer, is_empty: bool) -> Option<Heed> {
    match answer {
        Answer::Refused | Answer::Found(_, true) => Some(Heed::Refused),
        Answer::Found(..) if is_empty => None,
        Answer::Found(found, _) if found.is_empty() => Some(Heed::Applied),
        Answer::Found(..) => Some(Heed::Ignored),
    }
}

fn templated(asked: &Asked, value: &str) -> String {
    let escaped = escape(value);
    match &asked.template {
        Some(template) => template.replacen("{}", &escaped, 1),
        None => escaped,
    }
}

/// Whether a column's values can be asked for as they stand.
fn asks_text(binding: &Binding) -> bool {
    let ops = |ops: &SearchOps| ops.eq || ops.any_of || ops.starts_with || ops.ge;
    ops(&binding.exact) || ops(&binding.superset)
}

/// A value that no resource has.
fn impossible(kind: SearchKind) -> String {
    match kind {
        SearchKind::Token | SearchKind::String => NOTHING,
        SearchKind::Reference => "Patient/turntable-matches-nothing",
        SearchKind::Date => "1000-01-01",
        SearchKind::Number | SearchKind::Quantity => "-987654321.125",
        SearchKind::Uri => "urn:turntable:nothing",
    }
    .to_owned()
}

/// ASCII letters small where they were large, and large where they were small.
fn in_other_case(text: &str) -> Option<String> {
    let flipped = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    let other: String = text.chars().map(flipped).collect();
    (other != text).then_some(other)
}

fn without_accents(text: &str) -> Option<String> {
    let other = fold(text);
    // Other letters than ASCII's have other rules.
    (other.is_ascii() && !text.is_ascii()).then_some(other)
}

/// A number of one digit behind the point as a whole number that it rounds to.
fn rounded(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.')?;
    let first = fraction.bytes().next().filter(u8::is_ascii_digit)?;
    let is_plain = whole.bytes().all(|b| b.is_ascii_digit()) && fraction.bytes().any(|b| b != b'0');
    (is_plain && !whole.is_empty() && first < b'5').then(|| whole.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings() {
        assert_eq!(in_other_case("MRN-12a").as_deref(), Some("mrn-12A"));
        assert_eq!(in_other_case("12-3"), None);
        assert_eq!(without_accents("Núñez").as_deref(), Some("nunez"));
        assert_eq!((without_accents("Nunez"), without_accents("Ελλάδα")), (None, None));
        let of = |text| rounded(text);
        assert_eq!((of("72.3").as_deref(), of("72.10").as_deref()), (Some("72"), Some("72")));
        assert_eq!(
            (of("72.5"), of("72"), of("72.0"), of("-1.2"), of("1e3"), of(".5")),
            (None, None, None, None, None, None)
        );
    }

    #[test]
    fn what_a_question_tells() {
        let found = |ids: &[&str], refused| Answer::Found(ids.iter().map(|id| (*id).to_owned()).collect(), refused);
        assert_eq!(heed(&found(&[], false), false), Some(Heed::Applied));
        assert_eq!(heed(&found(&["a"], false), false), Some(Heed::Ignored));
        assert_eq!(heed(&found(&["a"], true), false), Some(Heed::Refused));
        assert_eq!(heed(&found(&[], false), true), None);
        assert_eq!(heed(&Answer::Refused, true), Some(Heed::Refused));
    }
}
