//! A scan of a FHIR service, search by search and page by page: bundles are split, made into rows and filtered in one
//! job each, off the reactor. Rows are given in the service's order until a page is full, or all of them are fetched, to
//! be sorted or counted here.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use turntable_scan::bundle;

use crate::fhir::client::{Client, Page};
use crate::model::error::{Code, Error, Result};
use crate::model::query::Filter;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::plan::evaluate::residual::{self, columns_of_filter};
use crate::plan::search::query::{Lost, Search, verify_self_link};
use crate::plan::tree::{CountPlan, SearchScan};
use crate::router::map::{self, Resource};
use crate::router::session::{Session, Share, Step};
use crate::router::snapshot::ServedTable;
use crate::router::token::Cursor;

/// Resources asked of a FHIR service at once, where rows are filtered here and more may be needed than wanted.
const FHIR_PAGE: u32 = 200;

/// What a page is cut from.
#[derive(Clone, Copy, Debug)]
struct Frame {
    skip: u64,
    /// Rows of this page at most.
    size: usize,
    /// Left of `$top`, this page included.
    left: Option<u64>,
}

/// Rows of a page, how many there are in all if that is asked, and where the next page begins.
pub(super) type Given = (Rows, Option<u64>, Option<Cursor>);

/// A scan under way.
pub(super) struct Searching<'a> {
    session: &'a Session,
    table: &'a Arc<ServedTable>,
    client: &'a Client,
    scan: &'a SearchScan,
    /// What rows are held with.
    columns: Arc<[ColumnIndex]>,
    /// Keys of the rows that have been given.
    given: HashSet<String>,
    /// Of the request's budget.
    share: Share,
    /// The service has been asked for rows: the scan has got somewhere.
    has_asked: bool,
}

impl<'a> Searching<'a> {
    pub(super) fn new(session: &'a Session, table: &'a Arc<ServedTable>, scan: &'a SearchScan) -> Result<Self> {
        let client = session.client(session.snapshot().root(table))?;
        let columns = columns(scan, &table.table);
        let share = session.budget().whole();
        Ok(Self { session, table, client, scan, columns, given: HashSet::new(), share, has_asked: false })
    }

    /// One page. Where it can end early it does when one part in `one_in` of what is left of the budget has gone.
    pub(super) async fn page(mut self, cursor: Cursor, size: usize, left: Option<u64>, one_in: u32) -> Result<Given> {
        let scan = self.scan;
        let mut count = None;
        let begins = matches!(cursor, Cursor::Offset(0));
        if scan.count == CountPlan::Service && begins {
            count = self.count_there().await?;
        }
        let scan_to_count = scan.count != CountPlan::NotAsked && count.is_none() && begins;
        if scan.sort_here || scan_to_count {
            let given = offset(&cursor)?;
            let kept = self.fetched(usize::MAX).await?;
            let total = kept.len() as u64;
            let frame = Frame { skip: scan.skip.saturating_add(given), size, left };
            let (rows, more) = self.sorted(kept, frame).await?;
            let next = more.then_some(Cursor::Offset(given + rows.len() as u64));
            return Ok((rows, (scan.count != CountPlan::NotAsked).then_some(total), next));
        }
        // Rows in the service's own order: a cursor into its pages, an offset only where a count began the answer.
        let (start, skip) = match cursor {
            Cursor::Offset(given) => ((0, None, 0), scan.skip.saturating_add(given)),
            Cursor::Search { search, link, rows, last } => {
                self.given.extend(last);
                ((search, link, rows), 0)
            }
        };
        self.share = self.session.budget().share(one_in);
        let (rows, next) = self.stream(start, skip, size).await?;
        if begins && skip == 0 && size > 0 && next.is_none() {
            // All rows are here: what they come to is surer than what the service says.
            count = count.map(|_| rows.len() as u64);
        }
        Ok((rows, count, next))
    }

    /// Every row, in the order of the plan; or more than `most`, in any.
    pub(super) async fn all(mut self, most: usize) -> Result<Rows> {
        let rows = self.fetched(most).await?;
        if rows.len() > most || !self.scan.sort_here {
            return Ok(rows);
        }
        Ok(self.sorted(rows, Frame { skip: 0, size: usize::MAX, left: None }).await?.0)
    }

    /// Rows as the service gives them, until the page is full, the share is used up or there are no more.
    async fn stream(
        &mut self,
        (first, mut link, mut given): (usize, Option<String>, u64),
        mut skip: u64,
        size: usize,
    ) -> Result<(Rows, Option<Cursor>)> {
        let scan = self.scan;
        let mut rows = Rows::new(self.columns.to_vec());
        if size == 0 {
            return Ok((rows, None));
        }
        for (index, search) in scan.searches.iter().enumerate().skip(first) {
            loop {
                if self.session.budget().has_spent(self.share) {
                    // A next link to where the page began would lead round and round.
                    if skip > 0 || !self.has_asked {
                        return Err(self.exceeded());
                    }
                    let here = Cursor::Search { search: index, link, rows: given, last: self.last_key(&rows) };
                    return Ok((rows, Some(here)));
                }
                let batch = self.batch(search, link.as_deref(), size - rows.len()).await?;
                for (position, row) in batch.kept.iter().enumerate().skip(usize::try_from(given).unwrap_or(usize::MAX))
                {
                    if !self.is_new(&batch.rows, *row) {
                        continue;
                    }
                    if skip > 0 {
                        skip -= 1;
                        continue;
                    }
                    rows.push(batch.rows.row(*row));
                    if rows.len() == size {
                        let here = position + 1;
                        let more_here = here < batch.kept.len();
                        let (search, link, given) = match (batch.next, more_here) {
                            (_, true) => (index, link, here as u64),
                            (Some(next), false) => (index, Some(next), 0),
                            (None, false) if index + 1 < scan.searches.len() => (index + 1, None, 0),
                            (None, false) => return Ok((rows, None)),
                        };
                        let last = self.last_key(&rows);
                        return Ok((rows, Some(Cursor::Search { search, link, rows: given, last })));
                    }
                }
                // The service may cut its pages otherwise than when the cursor was made.
                given = given.saturating_sub(batch.kept.len() as u64);
                match batch.next {
                    Some(next) => link = Some(next),
                    None => break,
                }
            }
            link = None;
        }
        Ok((rows, None))
    }

    /// Every row that meets the filter, for ordering or counting here; or somewhat more than `most`.
    async fn fetched(&mut self, most: usize) -> Result<Rows> {
        let scan = self.scan;
        let mut all = Rows::new(self.columns.to_vec());
        for search in &scan.searches {
            let mut link: Option<String> = None;
            loop {
                if self.session.budget().has_spent(self.share) {
                    return Err(self.exceeded());
                }
                let batch = self.batch(search, link.as_deref(), usize::MAX).await?;
                for row in &batch.kept {
                    if self.is_new(&batch.rows, *row) {
                        all.push(batch.rows.row(*row));
                    }
                }
                if all.len() > most {
                    return Ok(all);
                }
                match batch.next {
                    Some(next) => link = Some(next),
                    None => break,
                }
            }
        }
        Ok(all)
    }

    /// The rows of a frame, in the order of the plan.
    async fn sorted(&self, rows: Rows, frame: Frame) -> Result<(Rows, bool)> {
        let (table, order) = (self.table.table.clone(), self.scan.order.clone());
        let sorted = self.session.work(move || {
            let begun = Instant::now();
            let order = match order.as_slice() {
                [] => Ok((0..rows.len()).collect()),
                order => residual::order(&rows, order, &table),
            };
            (order.map(|order| page_of(&rows, &order, &frame)), begun.elapsed())
        });
        let (page, took) = sorted.await?;
        self.session.trace().add(Step::Residual, took);
        page
    }

    /// One page of a search: fetched, made into rows, checked.
    async fn batch(&mut self, search: &Search, link: Option<&str>, wanted: usize) -> Result<Batch> {
        let session = self.session;
        let begun = Instant::now();
        session.budget().call();
        self.has_asked = true;
        let page = match link {
            Some(link) => self.client.next(&search.resource_type, link, session.deadline()).await?,
            None => {
                let count = page_count(self.scan, search, wanted, session.budget().rows_left(self.share));
                self.client.search(&search.resource_type, &search.params, Some(count), session.deadline()).await?
            }
        };
        session.trace().add(Step::Upstream, begun.elapsed());
        let making = Making {
            table: self.table.clone(),
            base: self.client.base(),
            columns: self.columns.clone(),
            resource_type: search.resource_type.clone(),
            filter: search.filter.clone(),
        };
        let made = session.work(move || making.rows_of(&page)).await??;
        session.budget().look_at(made.looked_at as u64);
        session.trace().add(Step::Mapping, made.mapping);
        session.trace().add(Step::Residual, made.filtering);
        if link.is_none() {
            let lost = self.lost(search, &made.self_link)?;
            if lost.sort && !self.scan.sort_here {
                return Err(self.ignores(&["_sort".to_owned()], "orders"));
            }
        }
        made.batch
    }

    /// None: the service does not say, or cannot be relied on.
    async fn count_there(&mut self) -> Result<Option<u64>> {
        let (session, scan) = (self.session, self.scan);
        let mut total = 0;
        for search in &scan.searches {
            if session.budget().has_spent(self.share) {
                return Err(self.exceeded());
            }
            let params: Vec<_> = search
                .params
                .iter()
                .filter(|(name, _)| name != "_sort")
                .cloned()
                .chain([("_summary".to_owned(), "count".to_owned())])
                .collect();
            let begun = Instant::now();
            session.budget().call();
            let page = self.client.search(&search.resource_type, &params, None, session.deadline()).await?;
            session.trace().add(Step::Upstream, begun.elapsed());
            let downgraded = page.downgraded;
            let table = self.table.clone();
            let said = session.work(move || {
                split(&table, &page).map(|bundle| (bundle.total, bundle.link("self").unwrap_or_default().to_owned()))
            });
            let (found, self_link) = said.await??;
            let lost = self.lost(search, &self_link)?;
            let trusted = lost.filters.is_empty() && !downgraded;
            match found {
                Some(found) if trusted => total += found,
                _ => return Ok(None),
            }
        }
        Ok(Some(total))
    }

    /// The parameters that the service does not say it applied; an error if rows cannot do without one of them.
    fn lost(&self, search: &Search, self_link: &str) -> Result<Lost> {
        let lost = verify_self_link(search, self_link);
        if lost.fixed.is_empty() { Ok(lost) } else { Err(self.ignores(&lost.fixed, "tells")) }
    }

    fn ignores(&self, params: &[String], what_for: &str) -> Error {
        Error::new(
            Code::UpstreamInvalid,
            format!(
                "the FHIR service ignores `{}`, which {what_for} the rows of `{}`",
                params.join("`, `"),
                self.table.table.name
            ),
        )
    }

    fn last_key(&self, rows: &Rows) -> Option<String> {
        rows.cell(rows.len().checked_sub(1)?, self.table.table.key).map(str::to_owned)
    }

    /// Whether this is a row that the request has not given yet: a service may repeat one on a later page.
    fn is_new(&mut self, rows: &Rows, row: usize) -> bool {
        rows.cell(row, self.table.table.key).is_none_or(|key| self.given.insert(key.to_owned()))
    }

    fn exceeded(&self) -> Error {
        self.session.budget().exceeded(&self.table.table, self.scan.not_pushed())
    }
}

/// Rows given so far.
pub(super) fn offset(cursor: &Cursor) -> Result<u64> {
    match cursor {
        Cursor::Offset(given) => Ok(*given),
        Cursor::Search { .. } => Err(Error::new(Code::PageTokenExpired, "the next link is of another kind of answer")),
    }
}

/// The rows of a frame, and whether more follow.
fn page_of(rows: &Rows, order: &[usize], frame: &Frame) -> (Rows, bool) {
    let skip = usize::try_from(frame.skip).unwrap_or(usize::MAX).min(order.len());
    let end = skip.saturating_add(frame.size).min(order.len());
    let more = end < order.len() && frame.left.is_none_or(|left| left > frame.size as u64);
    (rows.pick(order.get(skip..end).unwrap_or_default()), more)
}

struct Batch {
    rows: Rows,
    /// Rows that meet the filter, ascending.
    kept: Vec<usize>,
    next: Option<String>,
}

/// What making rows of a page of a search takes.
struct Making {
    table: Arc<ServedTable>,
    /// Of the service.
    base: String,
    columns: Arc<[ColumnIndex]>,
    resource_type: String,
    filter: Option<Filter>,
}

/// What a page was made into, and what that took.
struct Made {
    looked_at: usize,
    mapping: Duration,
    filtering: Duration,
    self_link: String,
    /// Looked at once the `self` link has been.
    batch: Result<Batch>,
}

impl Making {
    /// Splits a bundle, makes its rows and filters them, in one go.
    fn rows_of(&self, page: &Page) -> Result<Made> {
        let begun = Instant::now();
        let bundle = split(&self.table, page)?;
        let resource_type = self.resource_type.as_str();
        let resources: Vec<Resource<'_>> = bundle
            .entries
            .iter()
            .filter(|entry| entry.search_mode.as_deref().is_none_or(|mode| mode == "match"))
            .filter_map(|entry| entry.resource.as_ref())
            .filter(|resource| resource.resource_type == resource_type)
            .map(|resource| Resource { resource_type, body: resource.raw.as_bytes() })
            .collect();
        let rows = map::rows_of(&self.table, &resources, &self.base, &self.columns).map(|mapped| mapped.rows);
        let (mapping, begun) = (begun.elapsed(), Instant::now());
        // All of it, exact conditions too: that costs little, and a service may say that it applied what it ignored.
        let batch = rows.and_then(|rows| {
            let kept = residual::filter_rows(self.filter.as_ref(), &self.table.table, &rows)?;
            Ok(Batch { kept, rows, next: bundle.link("next").map(str::to_owned) })
        });
        let self_link = bundle.link("self").unwrap_or_default().to_owned();
        Ok(Made { looked_at: resources.len(), mapping, filtering: begun.elapsed(), self_link, batch })
    }
}

/// The columns that rows are held with: those of the plan, and the keys of the concepts among them.
fn columns(scan: &SearchScan, table: &Table) -> Arc<[ColumnIndex]> {
    let mut columns: BTreeSet<ColumnIndex> = scan.columns.iter().copied().collect();
    if let Some(filter) = &scan.filter {
        columns_of_filter(filter, &mut columns);
    }
    for index in table.mapped()..table.columns.len() {
        if table.concept_of(index).is_some_and(|c| columns.contains(&c.code) && columns.contains(&c.system)) {
            columns.insert(index);
        }
    }
    columns.into_iter().collect()
}

/// Resources a page: as many as rows are wanted where each gives one, more where some will be dropped; never more than
/// `most`, which may be looked at.
fn page_count(scan: &SearchScan, search: &Search, wanted: usize, most: u64) -> u32 {
    let most = u32::try_from(most).unwrap_or(u32::MAX).clamp(1, 1_000);
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    match scan.limit_pushed {
        Some(limit) => u32::try_from(limit).unwrap_or(u32::MAX).min(wanted).clamp(1, most),
        None if search.residual.is_none() && scan.skip == 0 => wanted.clamp(1, most),
        None => wanted.max(FHIR_PAGE).min(most),
    }
}

fn split<'p>(table: &ServedTable, page: &'p Page) -> Result<bundle::Bundle<'p>> {
    bundle::split(&page.body).map_err(|error| {
        Error::new(
            Code::UpstreamInvalid,
            format!("the FHIR service behind `{}` answered no well-formed Bundle", table.table.name),
        )
        .internal(error.to_string())
    })
}
