//! Lists of rows in a FHIR service whose changes are told later.
//!
//! Pages of a search are no ground for that: where a service counts off rows, a row that goes before the next page is asked for
//! moves the others up, and one that has not changed is passed over; nothing would tell of it later. So the list is read slice by
//! slice, each all resources that were changed last within a time. A resource that stays as it is stays in its slice. Each slice
//! is read as it is at one moment: in one page, or, where a service gives no page so large, in several between which the history
//! says that nothing has changed.

use std::sync::Arc;

use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::Query;
use crate::model::result::Found;
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::plan::search::elements::ELEMENTS;
use crate::plan::search::query::Search;
use crate::plan::tree::{Read, Scan};
use crate::router::read::changes::description;
use crate::router::read::history::{Asked, instant};
use crate::router::read::made::Batch;
use crate::router::read::pages::Searching;
use crate::router::read::run::now_ms;
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;
use crate::router::token::{Binding, Cursor, Followed, Place, Sliced, expired};

/// By which a service finds what was changed last when.
const CHANGED: &str = "_lastUpdated";

/// Times that a slice of several pages is read before it is given up.
const TRIES: usize = 3;

/// Milliseconds since 1970: from then on, and before. None: of all times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Option<i64>,
    until: Option<i64>,
}

/// Rows of all resources of a span at one moment.
struct Slice {
    rows: Rows,
    kept: Vec<usize>,
    /// The latest of when a resource was changed last, in microseconds since 1970.
    last: Option<i64>,
}

impl Session {
    /// The resource types of a table whose changes are told, as far as its service has them. `NotSupported` where their
    /// history says too little for that.
    pub(super) async fn followed_types(&self, table: &Arc<ServedTable>) -> Result<Vec<String>> {
        self.may_track(table)?;
        let set = &table.table.entity_set;
        let root = self.snapshot().root(table);
        let refused = |why: String| {
            let message = format!("`Prefer: odata.track-changes` of `{set}` is not supported: {why}");
            let error = Error::new(Code::NotSupported, message).target(set.clone());
            Err(error.hint("read the list anew each time"))
        };
        if self.is_own(root) {
            return refused(
                "its FHIR service is asked with your own token, and what you may see of it can change".into(),
            );
        }
        let client = self.client(root)?;
        let says = client.capabilities(self.deadline()).await?;
        let mut types: Vec<String> = Vec::new();
        for source in &table.table.sources {
            let name = &source.resource_type;
            if !source.fixed_params.is_empty() {
                return refused("only its FHIR service can say which resources are rows of it".into());
            }
            if says.lacks(name) || types.contains(name) {
                continue;
            }
            let needs =
                if has_one_row(&table.table) { &["history-type"][..] } else { &["history-type", "history-instance"] };
            let has = |needed: &&&str| says.resource(name).is_some_and(|resource| resource.allows(needed));
            if let Some(missing) = needs.iter().find(|needed| !has(needed)) {
                let service = client.name();
                return refused(format!("the FHIR service `{service}` does not say that it has `{missing}` of {name}"));
            }
            types.push(name.clone());
        }
        Ok(types)
    }

    /// Where a list begins.
    pub(super) async fn begin_slices(&self, table: &Arc<ServedTable>) -> Result<Sliced> {
        let mut places = Vec::new();
        for resource_type in self.followed_types(table).await? {
            // What has changed before is in the list, unless it comes to light later.
            let asked = Asked { resource_type: &resource_type, id: None, since: Some(now_ms()), back_to: None };
            let clock = self.history(table, asked).await?.clock;
            places.push(Place { since: self.surely_before(clock), told: Vec::new(), resource_type });
        }
        let described = description(&table.table);
        Ok(Sliced { places, search: 0, among: 0, from: None, until: None, after: None, described })
    }

    /// All that could not be seen yet at a time is of later than this.
    pub(super) fn surely_before(&self, clock: i64) -> i64 {
        clock.saturating_sub(i64::try_from(self.limits().history_late_ms).unwrap_or(i64::MAX))
    }

    /// A page of a list.
    pub(super) async fn page_of_slices(
        &self,
        table: &Arc<ServedTable>,
        read: &Read,
        query: &Query,
        mut at: Sliced,
        binding: &Binding,
    ) -> Result<Found> {
        self.followed_types(table).await?;
        if at.described != description(&table.table) {
            return Err(expired("the table is described in another way since"));
        }
        let Scan::Search(scan) = read.scan_for(read.query.filter.clone(), &read.ids) else {
            return Err(Error::new(Code::Internal, "a list of a FHIR service is not read from there"));
        };
        let size = self.page_size(query, None);
        self.make_room(&read.table, size).await?;
        let mut slicing = Slicing { searching: Searching::new(self, table, &scan)?, table, session: self };
        slicing.searching.is_timed = true;
        // That it is sorted there is a help, and nothing depends on it.
        slicing.searching.sort_here = true;
        let mut rows = Rows::new(slicing.searching.columns.to_vec());
        let half = self.budget().share(2);
        while let Some(search) = scan.searches.get(at.search) {
            let among = slicing.searching.among(at.search);
            if (at.from, at.until, at.after) != (None, None, None) && at.among != among {
                return Err(expired("the FHIR service is asked in another way by now"));
            }
            at.among = among;
            let is_full = rows.len() >= size || rows.bytes() >= self.limits().page_bytes;
            if is_full || (self.budget().has_spent(half) && slicing.searching.has_asked) {
                let next = self.next_token(Some(Cursor::Sliced(at)), None, binding)?;
                return self.page_found(&read.table, rows, next, None);
            }
            let room = size - rows.len();
            let (mut span, slice) = slicing.slice(search, Span { from: at.from, until: at.until }, room).await?;
            let bytes = self.limits().page_bytes.saturating_sub(rows.bytes());
            let (page, last) = slice.page(&read.table, at.after, room, bytes);
            rows.append(&page);
            match last {
                Some(last) => {
                    // Others come behind its last resource from now on.
                    span.until = span.until.or(slice.last.map(|last| last.div_euclid(1_000) + 1));
                    (at.from, at.until, at.after) = (span.from, span.until, Some(last.into_bytes()));
                }
                None => match span.until {
                    Some(until) => (at.from, at.until, at.after) = (Some(until), None, None),
                    None => (at.search, at.from, at.until, at.after) = (at.search + 1, None, None, None),
                },
            }
        }
        let followed = Followed { places: at.places, given: now_ms(), at: 0, run: None };
        let token = self.turntable().tokens.seal_delta(&followed, &self.binding_of_changes(table, binding))?;
        self.page_found(&read.table, rows, None, Some(token))
    }

    fn page_found(&self, table: &Table, rows: Rows, next: Option<String>, delta: Option<String>) -> Result<Found> {
        self.remember(table, &rows);
        Ok(Found { rows: self.veil(table, rows), next, delta, ..Found::default() })
    }
}

/// Whether a resource has one row at most, whose key is made of its id.
pub(super) fn has_one_row(table: &Table) -> bool {
    table.parent.is_none() && table.one_row_per_resource
}

impl Slice {
    /// Its rows in the order of their keys, from behind one on: as many as there is room for, at least one; and the key of the
    /// last where there are more.
    fn page(&self, table: &Table, after: Option<[u8; 16]>, room: usize, bytes: usize) -> (Rows, Option<Uuid>) {
        let key_of = |row: &usize| Some((key::of_row(table, self.rows.cell(*row, table.key)?), *row));
        let mut rows: Vec<(Uuid, usize)> = self.kept.iter().filter_map(key_of).collect();
        rows.retain(|(key, _)| after.is_none_or(|after| *key > Uuid::from_bytes(after)));
        rows.sort_unstable();
        // A service may repeat one on its next page.
        rows.dedup_by_key(|(key, _)| *key);
        let shown: Vec<usize> = rows.iter().take(room).map(|(_, row)| *row).collect();
        let page = self.rows.pick_within(&shown, bytes.max(1));
        let last = if page.len() < rows.len() { page.len().checked_sub(1).map(|at| rows[at].0) } else { None };
        (page, last)
    }
}

struct Slicing<'a> {
    session: &'a Session,
    table: &'a Arc<ServedTable>,
    searching: Searching<'a>,
}

impl Slicing<'_> {
    /// The slice of this span, or of the first part of it that holds about so many rows, and what its span is.
    async fn slice(&mut self, search: &Search, span: Span, wanted: usize) -> Result<(Span, Slice)> {
        if span.until.is_some() {
            let (batch, within) = self.read(search, span, false, wanted).await?;
            return Ok((span, self.whole(&within, span, batch).await?));
        }
        // Sorted by the service, these tell how far so many rows reach.
        let (batch, within) = self.read(search, span, true, wanted).await?;
        if batch.next.is_none() {
            return Ok((span, self.whole(&within, span, batch).await?));
        }
        let mut until = cut(&batch.times, span, wanted);
        loop {
            let part = Span { until: Some(until), ..span };
            let (batch, within) = self.read(search, part, false, wanted).await?;
            let narrower = batch.next.as_ref().and_then(|_| halved(&batch.times, part));
            match narrower {
                Some(narrower) => until = narrower,
                None => return Ok((part, self.whole(&within, part, batch).await?)),
            }
        }
    }

    /// The first page of a span.
    async fn read(&mut self, search: &Search, span: Span, sorts: bool, wanted: usize) -> Result<(Batch, Search)> {
        let mut within = search.clone();
        within.params.retain(|(name, _)| name != ELEMENTS && name != "_sort");
        let bounds = [
            span.from.map(|from| format!("ge{}", instant(from))),
            span.until.map(|until| format!("lt{}", instant(until))),
        ];
        within.params.extend(bounds.into_iter().flatten().map(|bound| (CHANGED.to_owned(), bound)));
        if sorts {
            within.params.push(("_sort".to_owned(), CHANGED.to_owned()));
        }
        let batch = self.searching.batch(&within, None, wanted.saturating_add(1)).await?;
        self.check(&batch, span)?;
        Ok((batch, within))
    }

    /// All rows of a span of which the first page is here.
    async fn whole(&mut self, within: &Search, span: Span, first: Batch) -> Result<Slice> {
        let mut slice = Slice::default_of(&self.searching);
        if first.next.is_none() {
            slice.take(&first);
            self.searching.ended(within).await?;
            return Ok(slice);
        }
        let since = self.session.surely_before(now_ms());
        for _ in 0..TRIES {
            let before = self.versions(within, since).await?;
            let mut slice = Slice::default_of(&self.searching);
            let mut batch = self.searching.batch(within, None, usize::MAX).await?;
            loop {
                self.check(&batch, span)?;
                slice.take(&batch);
                match batch.next.take() {
                    Some(next) => batch = self.searching.batch(within, Some(&next), usize::MAX).await?,
                    None => break,
                }
            }
            self.searching.ended(within).await?;
            if self.versions(within, since).await? == before {
                return Ok(slice);
            }
        }
        let message = format!("rows of `{}` change faster than they can be read", self.table.table.entity_set);
        Err(Error::new(Code::Busy, message).hint("try again").retry_after(1))
    }

    /// What has changed in the resource type of a search since a time.
    async fn versions(&self, within: &Search, since: i64) -> Result<Vec<(String, String)>> {
        let asked = Asked { resource_type: &within.resource_type, id: None, since: Some(since), back_to: None };
        let history = self.session.history(self.table, asked).await?;
        let mut versions: Vec<_> = history.versions.into_iter().map(|version| (version.id, version.name)).collect();
        versions.sort_unstable();
        versions.dedup();
        Ok(versions)
    }

    fn check(&self, batch: &Batch, span: Span) -> Result<()> {
        let is_within = |time: &i64| {
            let at = time.div_euclid(1_000);
            span.from.is_none_or(|from| at >= from) && span.until.is_none_or(|until| at < until)
        };
        if batch.times.iter().all(is_within) {
            return Ok(());
        }
        Err(self
            .searching
            .unsound("does not find by `_lastUpdated` what was changed last when, and so its changes cannot be told"))
    }
}

impl Slice {
    fn default_of(searching: &Searching<'_>) -> Self {
        Self { rows: Rows::new(searching.columns.to_vec()), kept: Vec::new(), last: None }
    }

    fn take(&mut self, batch: &Batch) {
        for row in &batch.kept {
            self.kept.push(self.rows.len());
            self.rows.push_row(&batch.rows, *row);
        }
        self.last = self.last.max(batch.times.iter().copied().max());
    }
}

/// Where the first part of a span ends, by times of resources of it: in milliseconds, after its beginning.
fn cut(times: &[i64], span: Span, wanted: usize) -> i64 {
    let mut times: Vec<i64> = times.iter().map(|time| time.div_euclid(1_000)).collect();
    times.sort_unstable();
    let first = times.first().copied().unwrap_or_default().max(span.from.unwrap_or(i64::MIN));
    let at = times.get(wanted.max(1).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    if at > first { at } else { first + 1 }
}

/// An earlier end of a span, by times of some of its resources. None: it has none.
fn halved(times: &[i64], span: Span) -> Option<i64> {
    let mut times: Vec<i64> = times.iter().map(|time| time.div_euclid(1_000)).collect();
    times.sort_unstable();
    let begins = span.from.unwrap_or(i64::MIN);
    let first = *times.first()?;
    let ends = span.until?;
    [times[times.len() / 2], first + 1].into_iter().find(|at| *at > begins && *at < ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_become_smaller_until_they_are_of_one_moment() {
        let span = |from, until| Span { from, until };
        assert_eq!(cut(&[1_000, 2_500, 2_900, 9_000], span(None, None), 2), 2);
        assert_eq!(cut(&[1_000, 1_200, 1_900], span(Some(1), None), 2), 2, "of one millisecond");
        assert_eq!(cut(&[5_000, 6_000], span(Some(5), None), 1), 6);
        assert_eq!(halved(&[1_000, 2_000, 3_000], span(None, Some(9))), Some(2));
        assert_eq!(halved(&[3_000, 3_100], span(Some(3), Some(9))), Some(4));
        assert_eq!(halved(&[3_000, 3_100], span(Some(1), Some(4))), Some(3), "what may be before");
        assert_eq!(halved(&[3_000, 3_100], span(Some(3), Some(4))), None);
    }
}
