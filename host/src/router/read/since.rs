//! What has changed in a list of rows in a FHIR service since a delta link was given: told by the history of its resources.
//!
//! A link says from when on the history is to be read. That lies before the moment in which the link was given, by the time
//! that a change may take to come to light (`history_late_ms`), so one that is made late is not lost; what is found once more is told
//! apart by its version, as far as the link has room to remember. Nothing is kept here: where that does not tell what an app has,
//! it is told more than it needs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Filter, Query};
use crate::model::result::{Changes, Gone};
use crate::model::rows::Rows;
use crate::model::table::ColumnIndex;
use crate::plan::evaluate::residual;
use crate::plan::tree::Scan;
use crate::router::map::{self, Resource};
use crate::router::read::history::{Asked, Version};
use crate::router::read::pages::Searching;
use crate::router::read::run::now_ms;
use crate::router::read::slices::has_one_row;
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::token::{self, Binding, Followed, Place, Run, expired_delta};

/// Versions that a link remembers to have been told, of each resource type. More are told again.
const REMEMBERED: usize = 100;

/// What is told of some resources.
struct Told {
    rows: Rows,
    gone: Vec<(Uuid, Gone)>,
}

impl Session {
    /// See [`changes`](Self::changes).
    pub(super) async fn changes_elsewhere(
        &self,
        table: &Arc<ServedTable>,
        query: &Query,
        token: &str,
        binding: &Binding,
    ) -> Result<Changes> {
        let Followed { mut places, given, mut at, mut run } = self.turntable().tokens.open_delta(token, binding)?;
        let types = self.followed_types(table).await?;
        if places.iter().map(|place| &place.resource_type).ne(&types) {
            return Err(expired_delta("the FHIR service has other resource types by now"));
        }
        let life = self.limits().delta_link_ms;
        if now_ms().saturating_sub(given) > i64::try_from(life).unwrap_or(i64::MAX) {
            return Err(expired_delta("it is too old for the history of a FHIR service (`delta_link_ms`)"));
        }
        let read = self.planned(table, query).await?;
        let Scan::Search(scan) = read.scan_for(read.query.filter.clone(), &read.ids) else {
            return Err(Error::new(Code::Internal, "changes in a FHIR service are not read from there"));
        };
        let columns = Searching::new(self, table, &scan)?.columns;
        let telling = Telling { session: self, table, columns, filter: scan.filter.clone() };
        let most = self.page_size(query, None);
        let half = self.budget().share(2);
        let mut all = telling.nothing();
        let begun_at = at;
        while let Some(place) = places.get(at) {
            let told = all.rows.len() + all.gone.len();
            if (told > 0 || at > begun_at) && (told >= most || self.budget().has_spent(half)) {
                break;
            }
            let (after, fresh) = run.take().map_or((None, None), |run| (Some(run.after), Some(run.fresh)));
            let newest = self.newest(table, place, after.as_ref()).await?;
            let mut fresh = fresh.unwrap_or(newest.fresh);
            let is_new = |version: &&Version| {
                let comes_after = after.as_ref().is_none_or(|(time, id)| (version.time, &version.id) > (*time, id));
                comes_after && !place.told.contains(&digest(version))
            };
            let pending: Vec<&Version> = newest.versions.iter().filter(is_new).collect();
            let (some, count) = telling.some(place, &pending, most.saturating_sub(told).max(1)).await?;
            all.rows.append(&some.rows);
            all.gone.extend(some.gone);
            // What an app has by now. Nothing that it is to be told yet: another read may not show that.
            let before = newest.versions.iter().filter(|version| place.told.contains(&digest(version)));
            fresh.remember(before.chain(pending[..count].iter().copied()));
            match pending.get(count.wrapping_sub(1)).filter(|_| count < pending.len()) {
                Some(last) => {
                    run = Some(Run { fresh, after: (last.time, last.id.clone()) });
                    break;
                }
                None => {
                    places[at] = fresh;
                    at += 1;
                }
            }
        }
        let more = at < places.len();
        let (given, at) = if more { (given, at) } else { (now_ms(), 0) };
        self.changes_told(table, all, Followed { places, given, at, run }, more, binding)
    }

    fn changes_told(
        &self,
        table: &Arc<ServedTable>,
        all: Told,
        followed: Followed,
        more: bool,
        binding: &Binding,
    ) -> Result<Changes> {
        self.remember(&table.table, &all.rows);
        let token = self.turntable().tokens.seal_delta(&followed, binding)?;
        Ok(Changes { rows: self.veil(&table.table, all.rows), gone: all.gone, token, more })
    }

    /// The newest versions of what has changed since a place, and what is its place afterwards.
    async fn newest(&self, table: &Arc<ServedTable>, place: &Place, after: Option<&(i64, String)>) -> Result<Newest> {
        let since = after.map_or(place.since, |(time, _)| place.since.max(time.div_euclid(1_000)));
        let asked = Asked { resource_type: &place.resource_type, id: None, since: Some(since), back_to: None };
        let history = self.history(table, asked).await.map_err(too_much)?;
        let fresh = Place {
            resource_type: place.resource_type.clone(),
            since: self.surely_before(history.clock),
            told: Vec::new(),
        };
        Ok(Newest { versions: history.newest(), fresh })
    }
}

impl Place {
    /// Remembers versions that have been told, as far as they are found once more and there is room.
    fn remember<'v>(&mut self, versions: impl Iterator<Item = &'v Version>) {
        for version in versions.filter(|version| version.time.div_euclid(1_000) >= self.since) {
            let digest = digest(version);
            if self.told.len() < REMEMBERED && !self.told.contains(&digest) {
                self.told.push(digest);
            }
        }
    }
}

fn digest(version: &Version) -> u64 {
    token::version(&version.id, &version.name)
}

struct Newest {
    versions: Vec<Version>,
    fresh: Place,
}

struct Telling<'a> {
    session: &'a Session,
    table: &'a Arc<ServedTable>,
    columns: Arc<[ColumnIndex]>,
    filter: Option<Filter>,
}

impl Telling<'_> {
    fn nothing(&self) -> Told {
        Told { rows: Rows::new(self.columns.to_vec()), gone: Vec::new() }
    }

    /// Of the first of these resources, so many that no more is told than there is room for, but of one in any case; and how
    /// many these are.
    async fn some(&self, place: &Place, pending: &[&Version], room: usize) -> Result<(Told, usize)> {
        let mut count = pending.len().min(room);
        loop {
            let (told, done) = self.of(place, &pending[..count]).await?;
            let is_too_much =
                told.rows.len() + told.gone.len() > room || told.rows.bytes() > self.session.limits().page_bytes;
            if !is_too_much || done <= 1 {
                return Ok((told, done));
            }
            count = done / 2;
        }
    }

    /// Of these resources, or of the first of them where the budget does not reach for the rows that they had before.
    async fn of(&self, place: &Place, versions: &[&Version]) -> Result<(Told, usize)> {
        let table = &self.table.table;
        let mut before: Vec<Vec<Bytes>> = Vec::new();
        let mut count = versions.len();
        if !has_one_row(table) {
            let half = self.session.budget().share(2);
            for (at, version) in versions.iter().enumerate() {
                if at > 0 && self.session.budget().has_spent(half) {
                    count = at;
                    break;
                }
                before.push(self.before(place, version).await?);
            }
        }
        let bodies: Vec<Option<Bytes>> = versions[..count].iter().map(|version| version.body.clone()).collect();
        let ids: Vec<String> = versions[..count].iter().map(|version| version.id.clone()).collect();
        let making = Making {
            table: self.table.clone(),
            base: self.session.client(self.session.snapshot().root(self.table))?.base(),
            columns: self.columns.clone(),
            filter: self.filter.clone(),
            resource_type: place.resource_type.clone(),
            bodies,
            ids,
            before,
        };
        let begun = Instant::now();
        let told = self.session.work_on(count, table, move || making.told()).await?;
        self.session.trace().add(Step::Mapping, begun.elapsed());
        Ok((told?, count))
    }

    /// What a resource was before, as far as an app may have rows of it: as it was when the link was given, and since.
    async fn before(&self, place: &Place, newest: &Version) -> Result<Vec<Bytes>> {
        if newest.is_first {
            return Ok(Vec::new());
        }
        let Place { resource_type, since, .. } = place;
        let asked = Asked { resource_type, id: Some(&newest.id), since: None, back_to: Some(*since) };
        let history = self.session.history(self.table, asked).await.map_err(|error| match error.code() {
            Code::NotSupported | Code::NotFound => lost(),
            _ => too_much(error),
        })?;
        let mut versions = history.versions;
        versions.sort_by_key(|version| std::cmp::Reverse(version.time));
        let is_older = |version: &Version| version.time.div_euclid(1_000) < *since;
        let within = versions.iter().position(is_older).map_or(versions.len(), |older| older + 1);
        // Of the moment of the oldest there may be several.
        let oldest = within.checked_sub(1).map(|at| versions[at].time);
        let is_whole = versions.iter().any(|version| is_older(version) || version.is_first);
        if !is_whole {
            return Err(lost());
        }
        let wanted = versions.into_iter().filter(|version| oldest.is_none_or(|oldest| version.time >= oldest));
        Ok(wanted.filter(|version| version.name != newest.name).filter_map(|version| version.body).collect())
    }
}

/// What telling of some resources takes.
struct Making {
    table: Arc<ServedTable>,
    base: String,
    columns: Arc<[ColumnIndex]>,
    filter: Option<Filter>,
    resource_type: String,
    /// Of each resource; None: it is deleted.
    bodies: Vec<Option<Bytes>>,
    ids: Vec<String>,
    /// For each what it was before; of a table of one row a resource nothing.
    before: Vec<Vec<Bytes>>,
}

impl Making {
    fn told(self) -> Result<Told> {
        let table = &self.table.table;
        let resource_type = self.resource_type.as_str();
        let (there, bodies): (Vec<usize>, Vec<Resource<'_>>) = (self.bodies.iter().enumerate())
            .filter_map(|(at, body)| Some((at, Resource { resource_type, body: body.as_deref()? })))
            .unzip();
        let mapped = map::rows_of(&self.table, &bodies, &self.base, &self.columns)?;
        let kept = residual::filter_rows(self.filter.as_ref(), table, &mapped.rows)?;
        let rows = mapped.rows.pick(&kept);
        let mut told = Told { rows, gone: Vec::new() };
        let kept: BTreeSet<usize> = kept.into_iter().collect();
        let mut now = BTreeSet::new();
        let mut has_rows = vec![false; self.bodies.len()];
        for row in 0..mapped.rows.len() {
            let Some(text) = mapped.rows.cell(row, table.key) else { continue };
            let key = key::of_row(table, text);
            now.insert(key);
            if let Some(resource) = mapped.origin.get(row).and_then(|origin| there.get(*origin)) {
                has_rows[*resource] = true;
            }
            if !kept.contains(&row) {
                told.gone.push((key, Gone::Changed));
            }
        }
        if self.before.is_empty() {
            let without = self.ids.iter().zip(&has_rows).filter(|(_, has_rows)| !**has_rows);
            let key_of = |id: &String| key::of_row(table, &format!("{resource_type}/{id}"));
            told.gone.extend(without.map(|(id, _)| (key_of(id), Gone::Deleted)));
            return Ok(told);
        }
        let before: Vec<Resource<'_>> =
            self.before.iter().flatten().map(|body| Resource { resource_type, body }).collect();
        // A version of before that cannot be read may have had rows of which nothing is known.
        let before = map::rows_of(&self.table, &before, &self.base, &[table.key]).map_err(|_| lost())?.rows;
        let keys = (0..before.len()).filter_map(|row| Some(key::of_row(table, before.cell(row, table.key)?)));
        let vanished: BTreeSet<Uuid> = keys.filter(|key| !now.contains(key)).collect();
        told.gone.extend(vanished.into_iter().map(|key| (key, Gone::Deleted)));
        Ok(told)
    }
}

fn lost() -> Error {
    expired_delta("the FHIR service does not show what a resource was before")
}

fn too_much(error: Error) -> Error {
    match error.code() {
        Code::ScanBudgetExceeded => {
            expired_delta("more has changed since than one request may look at (`scan_rows`, `upstream_calls`)")
        }
        _ => error,
    }
}
