//! What the history of a FHIR service says: versions of the resources of a type, or of one resource, deletions among them, from a
//! moment on. It is read to its end before anything of it is used, and one that may lack a version is refused. Nothing depends on
//! the order in which it comes but the reading of one resource's that ends early.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use turntable_scan::bundle;

use crate::fhir::client::{Client, Page, Searched, is_part};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::router::read::made::{Meta, micros, split, tells_of_an_error};
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::token::Trail;

/// Versions that a service is asked for at once.
const PAGE: u32 = 250;

/// Where a service refuses so many, or they are too large, it is asked for a quarter, down to this.
const SMALLEST_PAGE: u32 = 10;

/// A version of a resource.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) id: String,
    /// Microseconds since 1970.
    pub(super) time: i64,
    pub(super) name: String,
    /// It made the resource: there is none before.
    pub(super) is_first: bool,
    /// None: the resource was deleted.
    pub(super) body: Option<Bytes>,
}

impl Version {
    /// Whether it came after another of the same resource.
    fn is_after(&self, other: &Self) -> bool {
        let numbers = (self.name.parse::<u64>(), other.name.parse::<u64>());
        // Several of one moment are told apart by their numbers; where they have none, the first of a list is the newest.
        match (self.time.cmp(&other.time), numbers) {
            (std::cmp::Ordering::Equal, (Ok(own), Ok(others))) => own > others,
            (order, _) => order.is_gt(),
        }
    }
}

/// Versions since a moment.
pub(super) struct History {
    pub(super) versions: Vec<Version>,
    /// What the time was, in milliseconds since 1970, when it was asked for: by the earlier of the service's clock and ours.
    pub(super) clock: i64,
}

impl History {
    /// The newest version of each resource, in the order of their times and ids.
    pub(super) fn newest(self) -> Vec<Version> {
        let mut newest: HashMap<String, Version> = HashMap::new();
        for version in self.versions {
            match newest.get(&version.id) {
                Some(other) if !version.is_after(other) => {}
                _ => drop(newest.insert(version.id.clone(), version)),
            }
        }
        let mut newest: Vec<_> = newest.into_values().collect();
        newest.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        newest
    }
}

/// Whose history, from when on.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) resource_type: &'a str,
    /// One resource of the type.
    pub(super) id: Option<&'a str>,
    /// Milliseconds since 1970.
    pub(super) since: Option<i64>,
    /// The newest versions first, up to the first of before this time (milliseconds since 1970).
    pub(super) back_to: Option<i64>,
}

impl Session {
    /// `ScanBudgetExceeded` where there is more of it than the request may look at.
    pub(super) async fn history(&self, table: &Arc<ServedTable>, asked: Asked<'_>) -> Result<History> {
        let client = self.client(self.snapshot().root(table))?;
        let now = jiff::Timestamp::now().as_millisecond();
        let mut reading =
            Reading { session: self, table, client, asked, trail: Trail::default(), versions: Vec::new() };
        let (page, clock, count) = reading.first().await?;
        let clock = clock.map_or(now, |clock| now.min(clock.as_millisecond()));
        let mut cut = reading.take(page).await?;
        let is_one_page = cut.next.is_none();
        while let Some(next) = cut.next.take().filter(|_| !reading.is_far_enough()) {
            let page = reading.follow(&next).await?;
            cut = reading.take(page).await?;
        }
        if !reading.is_far_enough() {
            reading.ended(cut.total, is_one_page.then_some(count)).await?;
        }
        Ok(History { versions: reading.versions, clock })
    }
}

struct Reading<'a> {
    session: &'a Session,
    table: &'a Arc<ServedTable>,
    client: &'a Client,
    asked: Asked<'a>,
    trail: Trail,
    versions: Vec<Version>,
}

/// A page, taken apart.
struct Cut {
    versions: Vec<Version>,
    entries: u64,
    next: Option<String>,
    total: Option<u64>,
}

impl Reading<'_> {
    async fn first(&mut self) -> Result<(Page, Option<jiff::Timestamp>, u32)> {
        let mut count = PAGE;
        loop {
            match self.ask(count).await? {
                (Searched::Page(page), clock) => return Ok((page, clock, count)),
                (Searched::TooLarge(_) | Searched::Refused(_), _) if count > SMALLEST_PAGE => {
                    count = (count / 4).max(SMALLEST_PAGE);
                }
                (Searched::TooLarge(error) | Searched::Refused(error) | Searched::Unknown(error), _) => {
                    return Err(error);
                }
            }
        }
    }

    async fn ask(&mut self, count: u32) -> Result<(Searched, Option<jiff::Timestamp>)> {
        self.spend()?;
        let Asked { resource_type, id, since, .. } = self.asked;
        let since = since.map(instant);
        let begun = Instant::now();
        let wait = self.session.wait(count.into());
        let answer = self.client.history(resource_type, id, since.as_deref(), count, wait).await;
        self.session.trace().add(Step::Upstream, begun.elapsed());
        answer
    }

    async fn follow(&mut self, link: &str) -> Result<Page> {
        if !self.trail.follow(link) {
            return Err(self.unsound("gives a next link of a history that leads back to a page of before"));
        }
        self.spend()?;
        let begun = Instant::now();
        let answer = self.client.next_of_history(self.asked.resource_type, link, self.session.wait(PAGE.into())).await;
        self.session.trace().add(Step::Upstream, begun.elapsed());
        match answer {
            Ok(Searched::Page(page)) => Ok(page),
            Ok(Searched::TooLarge(error) | Searched::Refused(error) | Searched::Unknown(error)) => Err(error),
            Err(error) if error.code() == Code::PageTokenExpired => {
                Err(self.unsound("does not keep a history for as long as it takes to read it"))
            }
            Err(error) => Err(error),
        }
    }

    fn spend(&self) -> Result<()> {
        let budget = self.session.budget();
        if budget.has_spent(budget.whole()) {
            return Err(budget.exceeded(&self.table.table, Vec::new()));
        }
        budget.call();
        Ok(())
    }

    async fn take(&mut self, page: Page) -> Result<Cut> {
        let cutting = Cutting {
            table: self.table.clone(),
            source: self.client.name().to_owned(),
            resource_type: self.asked.resource_type.to_owned(),
            id: self.asked.id.map(str::to_owned),
        };
        let begun = Instant::now();
        let mut cut = self.session.work_on(PAGE as usize, &self.table.table, move || cutting.cut(&page)).await??;
        self.session.trace().add(Step::Mapping, begun.elapsed());
        self.session.budget().look_at(cut.entries);
        let names = cut.versions.iter().flat_map(|version| [version.id.as_str(), &version.name]);
        if !self.trail.turn(names, cut.entries, cut.total) {
            return Err(self.unsound("gives a page of a history once more"));
        }
        self.versions.append(&mut cut.versions);
        Ok(cut)
    }

    /// No version further back is wanted. In another order than from the newest on all of them are.
    fn is_far_enough(&self) -> bool {
        let before = |back_to: i64| self.versions.iter().any(|version| version.time.div_euclid(1_000) < back_to);
        self.asked.back_to.is_some_and(before) && self.versions.is_sorted_by(|a, b| a.time >= b.time)
    }

    /// The links have come to their end. If the service says that there is more, some of it is missing; if it says nothing, one
    /// full page may be the first of several. `count`: what was asked for, where there was one page.
    async fn ended(&mut self, total: Option<u64>, count: Option<u32>) -> Result<()> {
        let seen = self.trail.seen;
        let lacks = match (total, count) {
            (Some(total), _) => total > seen,
            (None, Some(count)) if seen >= count.into() => {
                let (Searched::Page(page), _) = self.ask(count.saturating_mul(2)).await? else { return Ok(()) };
                let table = self.table.clone();
                let work = move || split(&table, &page).map(|bundle| bundle.entries.len() as u64);
                self.session.work(&self.table.table, work).await?? > seen
            }
            (None, _) => false,
        };
        if lacks { Err(self.unsound("has more in a history than it gives, and no further page")) } else { Ok(()) }
    }

    fn unsound(&self, what: &str) -> Error {
        unsound(self.client.name(), &self.table.table.entity_set, what)
    }
}

/// What taking a page apart takes.
struct Cutting {
    table: Arc<ServedTable>,
    source: String,
    resource_type: String,
    /// Of one resource.
    id: Option<String>,
}

impl Cutting {
    fn cut(&self, page: &Page) -> Result<Cut> {
        let bundle = split(&self.table, page)?;
        if bundle.kind != "history" {
            return Err(self.unsound("answers for a history with a Bundle of another type"));
        }
        let next = match bundle.link("next") {
            Some(link) => {
                let what = "gives a next link of a history that is none";
                Some(page.resolved(link).ok_or_else(|| self.unsound(what))?)
            }
            None => None,
        };
        let versions = bundle.entries.iter().filter_map(|entry| self.version(page, entry).transpose());
        let versions = versions.collect::<Result<_>>()?;
        Ok(Cut { versions, entries: bundle.entries.len() as u64, next, total: bundle.total })
    }

    /// None: it is a word of the service's own.
    fn version(&self, page: &Page, entry: &bundle::Entry<'_>) -> Result<Option<Version>> {
        let request = entry.request.as_ref();
        let is_deleted = request.is_some_and(|request| request.method.eq_ignore_ascii_case("DELETE"));
        let resource = entry.resource.as_ref().filter(|_| !is_deleted);
        if let Some(other) = resource.filter(|resource| resource.resource_type != self.resource_type) {
            if other.resource_type != "OperationOutcome" {
                return Err(self.unsound("has resources of another type in a history"));
            }
            return match tells_of_an_error(other.raw) {
                true => Err(self.unsound("reports an error beside a history")),
                false => Ok(None),
            };
        }
        if resource.is_some_and(|resource| is_part(resource.raw)) {
            return Err(self.unsound("gives parts of resources (SUBSETTED) in a history"));
        }
        if resource.is_none() && !is_deleted {
            return Err(self.unsound("has an entry in a history that is neither a resource nor a deletion"));
        }
        let meta = resource.map(|resource| Meta::of(resource.raw.as_bytes())).unwrap_or_default();
        let id = resource.and_then(|resource| resource.id.as_deref());
        let id = id.or_else(|| self.id_in(&request?.url)).or_else(|| self.id_in(entry.full_url.as_deref()?));
        let of_another = |id: &str| self.id.as_ref().is_some_and(|own| own != id);
        let Some(id) = id.filter(|id| key::is_id(id) && !of_another(id)) else {
            return Err(self.unsound("does not say of which resource a version in a history is"));
        };
        let response = entry.response.as_ref();
        let said = response.and_then(|response| micros(response.last_modified.as_deref()?));
        let Some(time) = said.or_else(|| meta.time()) else {
            return Err(self.unsound("does not say of when a version in a history is"));
        };
        let etag = response.and_then(|response| response.etag.as_deref());
        let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        let name = meta.version_id.or(etag).filter(|name| !name.is_empty()).unwrap_or_else(|| time.to_string());
        let is_made = response.is_some_and(|response| response.status.trim_start().starts_with("201"));
        Ok(Some(Version {
            id: id.to_owned(),
            time,
            is_first: !is_deleted && (name == "1" || is_made),
            name,
            body: resource.map(|resource| page.body.slice_ref(resource.raw.as_bytes())),
        }))
    }

    /// The id in an address of a resource of the type.
    fn id_in<'u>(&self, url: &'u str) -> Option<&'u str> {
        let reference = key::reference(url)?;
        (reference.resource_type == self.resource_type).then_some(reference.id)
    }

    fn unsound(&self, what: &str) -> Error {
        unsound(&self.source, &self.table.table.entity_set, what)
    }
}

/// Milliseconds since 1970 as a FHIR instant.
pub(super) fn instant(millis: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn unsound(source: &str, set: &str, what: &str) -> Error {
    Error::new(Code::UpstreamInvalid, format!("the FHIR service `{source}` {what}")).target(set)
}
