//! A scan of a FHIR service, search by search and page by page: bundles are split, made into rows and filtered in one
//! job each, off the reactor. Rows are given in the service's order until a page is full, or all of them are fetched, to
//! be sorted or counted here.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::fhir::client::{Client, Lesson, Page, Searched};
use crate::model::error::{Code, Error, Result};
use crate::model::query::Filter;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::plan::evaluate::aggregate::Folding;
use crate::plan::evaluate::residual::{self, columns_of_filter};
use crate::plan::search::elements::ELEMENTS;
use crate::plan::search::query::{Lost, Search, verify_self_link, without_related};
use crate::plan::tree::{CountPlan, SearchScan};
use crate::router::read::made::{Batch, Making, split};
use crate::router::samples::Sample;
use crate::router::session::{Session, Share, Step};
use crate::router::snapshot::ServedTable;
use crate::router::token::{self, Cursor, Trail};

/// A service's own count is taken where it is larger than this: fewer are counted here, by the rows themselves.
const COUNTED_HERE: u64 = 1_000;

/// Sizes of pages that are tried where a service refuses the one wanted.
const SMALLER_PAGES: [u32; 4] = [100, 50, 20, 10];

/// An id that no resource has.
const NOBODY: &str = "turntable-asks-for-nobody";

/// Resources asked of a FHIR service at once, where rows are filtered here and more may be needed than wanted.
pub(super) const FHIR_PAGE: u32 = 200;

/// The same where the service has looked at related rows itself.
const CHAINED_PAGE: u32 = 50;

/// Resources that a service is asked for at once, at most.
const LARGEST_PAGE: u32 = 1_000;

/// Rows that are looked at on a thread of the reactor: it takes less than a tenth of a millisecond.
pub(super) const AT_ONCE: usize = 200;

/// What a page is cut from.
#[derive(Clone, Copy, Debug)]
struct Frame {
    skip: u64,
    /// Rows of this page at most, and bytes of their cells.
    size: usize,
    bytes: usize,
    /// Left of `$top`, this page included.
    left: Option<u64>,
}

/// Rows of a page, how many there are in all if that is asked, and where the next page begins.
pub(super) type Given = (Rows, Option<u64>, Option<Cursor>);

/// The scan with another filter.
pub(super) type Replan<'a> = &'a (dyn Fn(Filter) -> SearchScan + Sync);

/// A scan under way.
pub(super) struct Searching<'a> {
    pub(super) session: &'a Session,
    pub(super) table: &'a Arc<ServedTable>,
    pub(super) client: &'a Client,
    pub(super) scan: &'a SearchScan,
    /// What rows are held with.
    pub(super) columns: Arc<[ColumnIndex]>,
    /// Keys of the rows that have been given.
    given: HashSet<String>,
    /// Of the search under way.
    pub(super) trail: Trail,
    /// What it was when the request began.
    before: Trail,
    /// All rows must be here before the first is given out.
    pub(super) sort_here: bool,
    /// It is wanted when the resources were changed last.
    pub(super) is_timed: bool,
    /// Of the request's budget.
    pub(super) share: Share,
    /// The service has been asked for rows: the scan has got somewhere.
    pub(super) has_asked: bool,
    /// For each condition that is looked at later: of the keys of related rows that have been met, whether these rows meet it.
    pub(super) related: Vec<HashMap<Uuid, bool>>,
    /// Of the search under way: the size of the first page that was asked for, until a next link is followed.
    pub(super) only_page: Option<u32>,
}

/// A page on its way.
#[derive(Default)]
struct Filling {
    rows: Rows,
    /// Rows that are passed over before its first.
    skip: u64,
    /// Rows that it has at most, and bytes of their cells.
    size: usize,
    bytes: usize,
}

impl Filling {
    /// Takes the rows of a page of the service that have not been `given`, from one on. How many have been looked at when
    /// this one is full, if it is.
    fn take(
        &mut self,
        batch: &Batch,
        from: usize,
        key: ColumnIndex,
        before: &Trail,
        (given, trail): (&mut HashSet<String>, &mut Trail),
    ) -> Option<usize> {
        for (position, row) in batch.kept.iter().enumerate().skip(from) {
            if let Some(key) = batch.rows.cell(*row, key) {
                if !is_new(key, before, given) {
                    continue;
                }
                trail.give(key);
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.rows.push_row(&batch.rows, *row);
            if self.rows.len() == self.size || self.rows.bytes() >= self.bytes {
                return Some(position + 1);
            }
        }
        None
    }
}

impl<'a> Searching<'a> {
    pub(super) fn new(session: &'a Session, table: &'a Arc<ServedTable>, scan: &'a SearchScan) -> Result<Self> {
        let client = session.client(session.snapshot().root(table))?;
        let columns = columns(scan, &table.table);
        let share = session.budget().whole();
        let (given, trail, sort_here) = (HashSet::new(), Trail::default(), scan.sort_here);
        let before = Trail::default();
        let (has_asked, related, only_page) = (false, Vec::new(), None);
        Ok(Self {
            session,
            table,
            client,
            scan,
            columns,
            given,
            trail,
            before,
            sort_here,
            is_timed: false,
            share,
            has_asked,
            related,
            only_page,
        })
    }

    /// One page. Where it can end early it does when one part in `one_in` of what is left of the budget has gone.
    /// `replan`: the scan with another filter.
    pub(super) async fn page(
        mut self,
        replan: Replan<'_>,
        cursor: Cursor,
        size: usize,
        left: Option<u64>,
        one_in: u32,
    ) -> Result<Given> {
        let begins = matches!(cursor, Cursor::Offset(0));
        let sorted_there = !self.sort_here;
        match self.cut(replan, cursor, size, left, one_in).await {
            // The service does not keep the order: that has come to light before a row was given out.
            Err(_) if begins && sorted_there && self.sort_here => {
                self.given.clear();
                self.cut(replan, Cursor::Offset(0), size, left, one_in).await
            }
            given => given,
        }
    }

    async fn cut(
        &mut self,
        replan: Replan<'_>,
        cursor: Cursor,
        size: usize,
        left: Option<u64>,
        one_in: u32,
    ) -> Result<Given> {
        let scan = self.scan;
        let mut count = None;
        let begins = matches!(cursor, Cursor::Offset(0));
        if scan.count == CountPlan::Service && begins {
            count = self.count_there().await?;
        }
        let scan_to_count = scan.count != CountPlan::NotAsked && count.is_none() && begins;
        let is_cut = begins && self.sort_here && !scan_to_count && scan.window.is_some();
        if is_cut || matches!(cursor, Cursor::Ordered { .. }) {
            let (rows, next) = self.ordered(replan, cursor, size).await?;
            return Ok((rows, count, next));
        }
        if self.sort_here || scan_to_count {
            let given = offset(&cursor)?;
            let kept = self.fetched(usize::MAX).await?;
            let total = kept.len() as u64;
            let bytes = self.session.limits().page_bytes;
            let frame = Frame { skip: scan.skip.saturating_add(given), size, bytes, left };
            let (rows, more) = self.sorted(kept, frame).await?;
            let next = more.then_some(Cursor::Offset(given + rows.len() as u64));
            return Ok((rows, (scan.count != CountPlan::NotAsked).then_some(total), next));
        }
        // Rows in the service's own order: a cursor into its pages, an offset only where a count began the answer.
        let (start, skip) = match cursor {
            Cursor::Offset(given) => ((0, None, 0), scan.skip.saturating_add(given)),
            Cursor::Search { search, among, link, rows, trail } => {
                if among != self.among(search) {
                    return Err(Error::new(Code::PageTokenExpired, "the FHIR service is asked in another way by now")
                        .hint("read the list from its beginning"));
                }
                // Where a page is asked for once more, the rows that it gave are passed over by their number.
                (self.before, self.trail) = (trail.clone(), trail);
                ((search, link, rows), 0)
            }
            Cursor::Ordered { .. } | Cursor::Tracked(_) | Cursor::Sliced(_) => return Err(of_another_kind()),
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
        if rows.len() > most || !self.sort_here {
            return Ok(rows);
        }
        Ok(self.sorted(rows, Frame { skip: 0, size: usize::MAX, bytes: usize::MAX, left: None }).await?.0)
    }

    /// Rows as the service gives them, until the page is full, the share is used up or there are no more.
    async fn stream(
        &mut self,
        (first, mut link, mut given): (usize, Option<String>, u64),
        skip: u64,
        size: usize,
    ) -> Result<(Rows, Option<Cursor>)> {
        let scan = self.scan;
        let bytes = self.session.limits().page_bytes;
        let mut page = Filling { rows: Rows::new(self.columns.to_vec()), skip, size, bytes };
        if size == 0 {
            return Ok((page.rows, None));
        }
        for (index, search) in scan.searches.iter().enumerate().skip(first) {
            loop {
                if self.session.budget().has_spent(self.share) {
                    // A next link to where the page began would lead round and round.
                    if page.skip > 0 || !self.has_asked {
                        return Err(self.exceeded());
                    }
                    let (search, among, trail) = (index, self.among(index), self.trail.clone());
                    let here = Cursor::Search { search, among, link, rows: given, trail };
                    return Ok((page.rows, Some(here)));
                }
                let before = self.trail.clone();
                let batch = self.batch(search, link.as_deref(), size - page.rows.len()).await?;
                let (filled, batch) = self.fill(&mut page, batch, usize::try_from(given).unwrap_or(usize::MAX)).await?;
                if let Some(here) = filled {
                    let more_here = here < batch.kept.len();
                    let after = self.trail.clone();
                    let (search, link, given, trail) = match (batch.next, more_here) {
                        // The page is asked for once more, and its first rows are passed over.
                        (_, true) => (index, link, here as u64, before.with_rows_of(&after)),
                        (Some(next), false) => (index, Some(next), 0, after),
                        (None, false) => {
                            self.ended(search).await?;
                            if index + 1 == scan.searches.len() {
                                return Ok((page.rows, None));
                            }
                            (index + 1, None, 0, self.trail.clone())
                        }
                    };
                    let among = self.among(search);
                    return Ok((page.rows, Some(Cursor::Search { search, among, link, rows: given, trail })));
                }
                // The service may cut its pages otherwise than when the cursor was made.
                given = given.saturating_sub(batch.kept.len() as u64);
                match batch.next {
                    Some(next) => link = Some(next),
                    None => break,
                }
            }
            self.ended(search).await?;
            link = None;
        }
        Ok((page.rows, None))
    }

    /// Puts rows of a page of the service, from one on, onto a page, and gives the page back. How many of them have been looked
    /// at, where the page is full by then.
    async fn fill(&mut self, page: &mut Filling, batch: Batch, from: usize) -> Result<(Option<usize>, Batch)> {
        let key = self.table.table.key;
        if batch.kept.len() <= AT_ONCE {
            let filled = page.take(&batch, from, key, &self.before, (&mut self.given, &mut self.trail));
            return Ok((filled, batch));
        }
        let mut taken = std::mem::take(page);
        let (mut given, mut trail) = (std::mem::take(&mut self.given), std::mem::take(&mut self.trail));
        let before = self.before.clone();
        let taking = self.session.work_on(batch.kept.len(), &self.table.table, move || {
            let filled = taken.take(&batch, from, key, &before, (&mut given, &mut trail));
            (taken, given, trail, filled, batch)
        });
        let (filled, batch);
        (*page, self.given, self.trail, filled, batch) = taking.await?;
        Ok((filled, batch))
    }

    /// Every row that meets the filter, for ordering or counting here; or somewhat more than `most`.
    pub(super) async fn fetched(&mut self, most: usize) -> Result<Rows> {
        let mut all = Rows::new(self.columns.to_vec());
        let mut place = (0, None);
        while let Some(rows) = self.further(&mut place).await? {
            all.append(&rows);
            if all.len() > most {
                break;
            }
        }
        Ok(all)
    }

    /// Groups of every row that meets the filter; no rows are held but those of one page.
    pub(super) async fn folded(mut self, mut folding: Folding) -> Result<Rows> {
        let mut place = (0, None);
        while let Some(rows) = self.further(&mut place).await? {
            let begun = Instant::now();
            let added = self.session.work(&self.table.table, move || {
                folding.add(&rows)?;
                Ok(folding)
            });
            let added: Result<Folding> = added.await?;
            folding = added?;
            self.session.trace().add(Step::Residual, begun.elapsed());
        }
        self.session.work(&self.table.table, move || folding.done()).await?
    }

    /// The rows of one more page that meet the filter, where every row is wanted. None: there are no more. `place`: of the
    /// searches, and the page of it; at first those at the beginning.
    async fn further(&mut self, place: &mut (usize, Option<String>)) -> Result<Option<Rows>> {
        let scan = self.scan;
        let Some(search) = scan.searches.get(place.0) else { return Ok(None) };
        if self.session.budget().has_spent(self.share) {
            return Err(self.exceeded());
        }
        let batch = self.batch(search, place.1.as_deref(), usize::MAX).await?;
        let mut rows = Rows::new(self.columns.to_vec());
        for row in &batch.kept {
            if self.is_new(&batch.rows, *row) {
                rows.push_row(&batch.rows, *row);
            }
        }
        match batch.next {
            Some(next) => place.1 = Some(next),
            None => {
                self.ended(search).await?;
                *place = (place.0 + 1, None);
            }
        }
        Ok(Some(rows))
    }

    /// The rows of a frame, in the order of the plan.
    async fn sorted(&self, rows: Rows, frame: Frame) -> Result<(Rows, bool)> {
        let (table, order) = (self.table.table.clone(), self.scan.order.clone());
        let sorted = self.session.work_on(rows.len(), &self.table.table, move || {
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
    pub(super) async fn batch(&mut self, search: &Search, link: Option<&str>, wanted: usize) -> Result<Batch> {
        let session = self.session;
        let page = match link {
            Some(link) => self.follow(search, link).await?,
            None => match self.first(search, wanted).await? {
                Some(page) => page,
                None => return Ok(Batch::none(&self.columns)),
            },
        };
        let given_to = session.given_to(&self.table.table);
        let base = self.client.base();
        let making = Making {
            table: self.table.clone(),
            source: self.client.name().to_owned(),
            base: base.clone(),
            columns: self.columns.clone(),
            resource_type: search.resource_type.clone(),
            filter: self.first_filter(search),
            takes_parts: search.asks_for_parts(),
            trail: self.trail.clone(),
            is_sample: given_to.is_some(),
            is_timed: self.is_timed,
        };
        let page_bytes = page.body.len();
        // That is how many a large page has, or fewer.
        let resources = wanted.min(LARGEST_PAGE as usize);
        let made = session.work_on(resources, &self.table.table, move || making.rows_of(&page)).await??;
        session.budget().look_at(made.looked_at as u64);
        session.trace().add(Step::Mapping, made.mapping);
        session.trace().add(Step::Residual, made.filtering);
        if let Some(candidate) = given_to {
            let asked = search.params.iter().find(|(name, _)| name == ELEMENTS).map(|(_, elements)| elements.clone());
            let sample = |room| Sample {
                candidate: candidate.clone(),
                table: Some(self.table.table.name.clone()),
                resource_type: search.resource_type.clone(),
                bodies: made.bodies,
                base,
                elements: asked,
                room,
            };
            session.compare(page_bytes, sample, candidate);
        }
        self.trail = made.trail;
        if link.is_none() {
            let lost = self.lost(search, &made.self_link)?;
            if self.forget_chains(search, |name| lost.filters.iter().any(|lost| lost == name)) {
                return Err(self.ignores(&lost.filters, "finds"));
            }
            if lost.sort && !self.sort_here {
                let order = search.params.iter().find(|(name, _)| name == "_sort");
                let order = order.map(|(_, value)| value.clone()).unwrap_or_default();
                self.client.learn(&search.resource_type, Lesson::Missorts(order), 0);
                self.sort_here = true;
                return Err(self.ignores(&["_sort".to_owned()], "orders"));
            }
        }
        let batch = made.batch?;
        if self.scan.later.is_empty() { Ok(batch) } else { self.checked(search, batch).await }
    }

    /// The filter, as far as it can be checked before related rows are looked at.
    fn first_filter(&self, search: &Search) -> Option<Filter> {
        match &search.filter {
            Some(filter) if !self.scan.later.is_empty() => without_related(filter),
            filter => filter.clone(),
        }
    }

    /// The page behind a link.
    async fn follow(&mut self, search: &Search, link: &str) -> Result<Page> {
        if !self.trail.follow(link) {
            return Err(self.unsound("gives a next link that leads back to a page of before"));
        }
        self.only_page = None;
        let mut link = Cow::Borrowed(link);
        loop {
            let begun = Instant::now();
            self.session.budget().call();
            self.has_asked = true;
            let answer = self.client.next(&search.resource_type, &link, self.session.wait(FHIR_PAGE.into())).await?;
            self.session.trace().add(Step::Upstream, begun.elapsed());
            let error = match answer {
                Searched::Page(page) => return Ok(page),
                Searched::TooLarge(error) | Searched::Refused(error) | Searched::Unknown(error) => error,
            };
            let (smaller, count) = with_smaller_count(&link).ok_or(error)?;
            self.client.learn(&search.resource_type, Lesson::PageOf, count);
            link = Cow::Owned(smaller);
        }
    }

    /// The first page of a search. None: the service does not have the resource type, and so no such rows.
    async fn first(&mut self, search: &Search, wanted: usize) -> Result<Option<Page>> {
        self.trail = self.trail.of_next_search();
        self.only_page = None;
        let resource_type = &search.resource_type;
        let lacks = self.client.known_capabilities().is_some_and(|says| says.lacks(resource_type));
        if lacks && self.client.learned(resource_type, Lesson::Unknown).is_some() {
            return Ok(None);
        }
        let mut count = page_count(self.scan, search, wanted, self.session.budget().rows_left(self.share));
        count = count.min(self.client.learned(resource_type, Lesson::PageOf).unwrap_or(count));
        loop {
            match self.ask(search, &search.params, Some(count)).await? {
                Searched::Page(page) => {
                    self.only_page = Some(count);
                    return Ok(Some(page));
                }
                Searched::Unknown(_) if lacks => {
                    self.client.learn(resource_type, Lesson::Unknown, 0);
                    return Ok(None);
                }
                Searched::TooLarge(_) if count > 1 => {
                    count = (count / 4).max(1);
                    self.client.learn(resource_type, Lesson::PageOf, count);
                }
                Searched::Refused(error) if self.forget_chains(search, |_| true) => return Err(error),
                Searched::Refused(error) => return self.less(search, count, error).await.map(Some),
                Searched::Unknown(error) | Searched::TooLarge(error) => return Err(error),
            }
        }
    }

    /// The first page of as much of a refused search as the service does. What is left out is done here, on every row,
    /// and remembered, so that it is not asked for again.
    async fn less(&mut self, search: &Search, wanted: u32, refusal: Error) -> Result<Page> {
        let resource_type = &search.resource_type;
        let (fixed, others) = search.params.split_at(search.fixed);
        let mut kept = fixed.to_vec();
        let mut count = wanted;
        let mut page = None;
        for size in [wanted].into_iter().chain(SMALLER_PAGES.into_iter().filter(|size| *size < wanted)) {
            if let Searched::Page(found) = self.ask(search, &kept, Some(size)).await? {
                (page, count) = (Some(found), size);
                break;
            }
        }
        // Not even what makes the rows of the table: there is nothing to leave out.
        let Some(mut page) = page else { return Err(refusal) };
        self.only_page = Some(count);
        if count < wanted {
            self.client.learn(resource_type, Lesson::PageOf, count);
        }
        for param in others {
            let tried: Vec<_> = kept.iter().chain([param]).cloned().collect();
            match self.ask(search, &tried, Some(count)).await? {
                Searched::Page(found) => (page, kept) = (found, tried),
                _ => {
                    let several = param.1.contains(',') && !matches!(param.0.as_str(), "_sort" | ELEMENTS);
                    let name = if several { format!("{},", param.0) } else { param.0.clone() };
                    self.client.learn(resource_type, Lesson::Refuses(name), 0);
                }
            }
        }
        Ok(page)
    }

    async fn ask(&mut self, search: &Search, params: &[(String, String)], count: Option<u32>) -> Result<Searched> {
        if self.session.budget().has_spent(self.share) && self.has_asked {
            return Err(self.exceeded());
        }
        let begun = Instant::now();
        let params = self.without_narrow(search, params).await;
        let wait = self.session.wait(count.unwrap_or(FHIR_PAGE).into());
        self.session.budget().call();
        self.has_asked = true;
        let answer = self.client.search(&search.resource_type, &params, count, wait).await;
        self.session.trace().add(Step::Upstream, begun.elapsed());
        answer
    }

    /// The links of a search have come to their end. If the service says that there is more, some of it is missing, unless
    /// what it says is wrong; if it says nothing, a full page without a next link may be the first of several.
    pub(super) async fn ended(&mut self, search: &Search) -> Result<()> {
        let (seen, total) = (self.trail.seen, self.trail.total);
        let resource_type = &search.resource_type;
        self.trail = self.trail.of_next_search();
        let missing = total.map(|total| total.saturating_sub(seen));
        match missing {
            Some(0) => return Ok(()),
            Some(_) => {}
            None => return self.gave_all(search, seen).await,
        }
        let excess = self.client.learned(resource_type, Lesson::WrongTotal);
        if excess.is_some_and(|excess| missing <= Some(excess.into())) {
            return Ok(());
        }
        // Rows may have gone since the first page.
        if let Some((total, _)) = self.summary(search).await?
            && total <= seen
        {
            return Ok(());
        }
        let nobody = [("_id".to_owned(), NOBODY.to_owned())];
        if let Searched::Page(page) = self.ask(search, &nobody, Some(1)).await? {
            let table = self.table.clone();
            let of_nobody = self.session.work(&self.table.table, move || {
                split(&table, &page).map(|bundle| bundle.total.filter(|_| bundle.entries.is_empty()))
            });
            // What it counts there, it counts everywhere.
            let excess = of_nobody.await??.filter(|excess| *excess > 0);
            if let Some(excess) = excess.filter(|excess| missing <= Some(*excess)) {
                self.client.learn(resource_type, Lesson::WrongTotal, u32::try_from(excess).unwrap_or(u32::MAX));
                return Ok(());
            }
        }
        Err(self.unsound("says that it found more than it gives, and has no further page"))
    }

    /// Of a search without a total: asked for more at once, the service gives no more.
    async fn gave_all(&mut self, search: &Search, seen: u64) -> Result<()> {
        let Some(count) = self.only_page.filter(|count| seen >= u64::from(*count) && *count > 0) else { return Ok(()) };
        let params = search.params.clone();
        let Searched::Page(page) = self.ask(search, &params, Some(count.saturating_mul(2))).await? else {
            return Ok(());
        };
        let table = self.table.clone();
        let given = self
            .session
            .work(&self.table.table, move || split(&table, &page).map(|bundle| bundle.entries.len() as u64))
            .await??;
        if given > seen {
            return Err(self.unsound("has no next link on a page that is not its last"));
        }
        Ok(())
    }

    /// What the service says a search finds, and whether it did just that. None: it does not say.
    async fn summary(&mut self, search: &Search) -> Result<Option<(u64, bool)>> {
        let resource_type = &search.resource_type;
        if self.client.learned(resource_type, Lesson::RefusesCount).is_some() {
            return Ok(None);
        }
        let params: Vec<_> = search
            .params
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "_sort" | ELEMENTS))
            .cloned()
            .chain([("_summary".to_owned(), "count".to_owned())])
            .collect();
        let page = match self.ask(search, &params, None).await? {
            Searched::Page(page) => page,
            Searched::Refused(_) | Searched::TooLarge(_) => {
                self.client.learn(resource_type, Lesson::RefusesCount, 0);
                return Ok(None);
            }
            // The search itself will tell.
            Searched::Unknown(_) => return Ok(None),
        };
        let downgraded = page.downgraded;
        let table = self.table.clone();
        let said = self.session.work(&self.table.table, move || {
            split(&table, &page).map(|bundle| (bundle.total, bundle.link("self").unwrap_or_default().to_owned()))
        });
        let (found, self_link) = said.await??;
        let lost = self.lost(search, &self_link)?;
        Ok(found.map(|found| (found, lost.filters.is_empty() && !downgraded)))
    }

    /// None: the service does not say, cannot be relied on, or finds so few that they are better counted here.
    async fn count_there(&mut self) -> Result<Option<u64>> {
        let scan = self.scan;
        let mut counted = 0;
        for search in &scan.searches {
            if self.client.learned(&search.resource_type, Lesson::WrongTotal).is_some() {
                return Ok(None);
            }
            match self.summary(search).await? {
                Some((found, true)) => counted += found,
                _ => return Ok(None),
            }
        }
        if counted <= COUNTED_HERE {
            return Ok(None);
        }
        for search in scan.searches.iter().filter(|search| search.filter.is_some()) {
            let batch = self.batch(search, None, FHIR_PAGE as usize).await?;
            if batch.kept.len() < batch.rows.len() {
                return Ok(None);
            }
        }
        self.trail = Trail::default();
        Ok(Some(counted))
    }

    pub(super) fn unsound(&self, what: &str) -> Error {
        Error::new(Code::UpstreamInvalid, format!("the FHIR service behind `{}` {what}", self.table.table.name))
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

    /// Whether this is a row that the request has not given yet: a service may repeat one on a later page.
    pub(super) fn is_new(&mut self, rows: &Rows, row: usize) -> bool {
        rows.cell(row, self.table.table.key).is_none_or(|key| is_new(key, &self.before, &mut self.given))
    }

    /// For a cursor into this search.
    pub(super) fn among(&self, search: usize) -> u64 {
        match self.scan.searches.as_slice() {
            [_] => 0,
            all => token::searches(all.iter().take(search + 1).flat_map(Search::looks_for)),
        }
    }

    pub(super) fn exceeded(&self) -> Error {
        self.session.budget().exceeded(&self.table.table, self.scan.not_pushed())
    }
}

/// Whether a row of this key has not been given, neither by the page before nor by this request. From now on it has.
fn is_new(key: &str, before: &Trail, given: &mut HashSet<String>) -> bool {
    !before.has_given(key) && given.insert(key.to_owned())
}

/// Rows given so far.
pub(super) fn offset(cursor: &Cursor) -> Result<u64> {
    match cursor {
        Cursor::Offset(given) => Ok(*given),
        Cursor::Search { .. } | Cursor::Ordered { .. } | Cursor::Tracked(_) | Cursor::Sliced(_) => {
            Err(of_another_kind())
        }
    }
}

pub(super) fn of_another_kind() -> Error {
    Error::new(Code::PageTokenExpired, "the next link is of another kind of answer")
}

/// The rows of a frame, and whether more follow.
fn page_of(rows: &Rows, order: &[usize], frame: &Frame) -> (Rows, bool) {
    let skip = usize::try_from(frame.skip).unwrap_or(usize::MAX).min(order.len());
    let end = skip.saturating_add(frame.size).min(order.len());
    let page = rows.pick_within(order.get(skip..end).unwrap_or_default(), frame.bytes);
    let more = skip + page.len() < order.len() && frame.left.is_none_or(|left| left > page.len() as u64);
    (page, more)
}

/// A link that asks for a quarter of the page, and how many that is. None: it does not say how many it asks for, or one.
fn with_smaller_count(link: &str) -> Option<(String, u32)> {
    let at = ["?_count=", "&_count="].iter().find_map(|name| Some(link.find(name)? + name.len()))?;
    let digits = link[at..].bytes().take_while(u8::is_ascii_digit).count();
    let count: u32 = link[at..at + digits].parse().ok().filter(|count| *count > 1)?;
    let smaller = (count / 4).max(1);
    Some((format!("{}{smaller}{}", &link[..at], &link[at + digits..]), smaller))
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
    let most = u32::try_from(most).unwrap_or(u32::MAX).clamp(1, LARGEST_PAGE);
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    match scan.limit_pushed.filter(|_| wanted < u32::MAX) {
        Some(limit) => u32::try_from(limit).unwrap_or(u32::MAX).min(wanted).clamp(1, most),
        None if search.residual.is_none() && scan.skip == 0 => wanted.clamp(1, most),
        // Most of what is found by a chain is meant.
        None if !scan.later.is_empty() => wanted.max(CHAINED_PAGE).min(most),
        None => wanted.max(FHIR_PAGE).min(most),
    }
}
