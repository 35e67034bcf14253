//! Runs a [`Query`]: plans it, asks the store or the FHIR service, checks what is left to check, orders, pages and
//! counts. What cannot be answered within the budget is refused by name or answered with a short page and a next link,
//! never with a wrong page.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use turntable_scan::bundle;
use uuid::Uuid;

use crate::fhir::client::{Client, Page as FhirPage};
use crate::model::access::Right;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Filter, Query};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::plan::evaluate::residual::{self, columns_of_filter};
use crate::plan::planner::{CountPlan, NativePlan, Place, Plan, VirtualPlan, plan};
use crate::plan::search::query::{Lost, Search, ServerSearch, hashed_keys, verify_self_link};
use crate::router::map::{self, Resource};
use crate::router::session::{Session, Step};
use crate::router::snapshot::{ServedTable, Snapshot};
use crate::router::token::{Binding, Cursor};
use crate::store::native::{NativeScan, ScanLimits, Scanned};

/// Resources asked of a FHIR service at once, where rows are filtered here and more may be needed than wanted.
const FHIR_PAGE: u32 = 200;

/// One page of an answer.
pub struct Page {
    /// At least the columns asked for.
    pub rows: Rows,
    /// Of all rows that meet the filter.
    pub count: Option<u64>,
    /// `$skiptoken` of the next page.
    pub next: Option<String>,
}

/// A request in the making.
struct Reading<'a> {
    session: &'a Session,
    table: &'a Arc<ServedTable>,
    /// Keys of the rows that a FHIR service has given.
    given: HashSet<String>,
    /// Some search has been asked, so that the read has got somewhere.
    has_asked: bool,
    /// The part of the budget that a page may take which can end early.
    one_in: u32,
}

/// What a page is cut from.
struct Frame {
    skip: u64,
    /// Rows of this page at most.
    size: usize,
    /// Left of `$top`, this page included.
    left: Option<u64>,
}

impl Session {
    /// `binding` is what the page's token is good for: the request without its token.
    pub async fn read(&self, table: &Arc<ServedTable>, query: &Query, binding: &str) -> Result<Page> {
        self.may(Right::Read, &table.table)?;
        let begun = Instant::now();
        let query = Box::pin(self.without_relations(table, query)).await?;
        let plan = self.plan(table, &query).await?;
        let one_in = if query.expand.is_empty() { 1 } else { 2 };
        let mut reading = Reading { session: self, table, given: HashSet::new(), has_asked: false, one_in };
        self.trace().add(Step::Plan, begun.elapsed());
        let binding = Binding { query: binding.to_owned(), generation: generation(self.snapshot(), table) };
        let (cursor, left) = match &query.skip_token {
            Some(token) => self.turntable().tokens.open(token, now_ms(), &binding)?,
            None => (Cursor::Offset(0), query.top),
        };
        let size = self.page_size(&query, left);
        let (rows, count, next) = match plan {
            Plan::Native(native) => {
                let given = offset(&cursor)?;
                let Scanned { rows, more, count, .. } = reading.native(native, given, size).await?;
                let given = given + rows.len() as u64;
                (rows, count, more.then_some(Cursor::Offset(given)))
            }
            Plan::Virtual(plan) => {
                let client = self.client(self.snapshot().root(table))?;
                reading.virtual_page(client, &plan, cursor, size, left).await?
            }
        };
        self.remember(&table.table, &rows);
        let left = left.map(|left| left.saturating_sub(rows.len() as u64));
        let next = match next {
            Some(cursor) if left != Some(0) => {
                let expires = now_ms() + i64::try_from(self.limits().page_token_ms).unwrap_or(i64::MAX);
                Some(self.turntable().tokens.seal(cursor, left, expires, &binding)?)
            }
            _ => None,
        };
        Ok(Page { rows, count, next })
    }

    /// What would be asked of whom, without asking.
    pub async fn explain(&self, table: &Arc<ServedTable>, query: &Query) -> Result<serde_json::Value> {
        self.may(Right::Read, &table.table)?;
        let query = Box::pin(self.without_relations(table, query)).await?;
        let plan = self.plan(table, &query).await?;
        Ok(crate::plan::planner::explain(&plan, &table.table))
    }

    /// Every row that meets the query, as far as the budget of the request goes.
    pub async fn read_all(&self, table: &Arc<ServedTable>, query: &Query, most: usize) -> Result<Rows> {
        let mut query = Query { max_page_size: Some(self.limits().page_rows_max), ..query.clone() };
        let mut all: Option<Rows> = None;
        loop {
            let page = Box::pin(self.read(table, &query, "")).await?;
            if self.budget().is_spent() && page.next.is_some() {
                return Err(self.budget().exceeded(&table.table, Vec::new()));
            }
            match &mut all {
                Some(all) => all.append(&page.rows),
                None => all = Some(page.rows),
            }
            if all.as_ref().is_some_and(|all| all.len() > most) {
                return Err(Error::new(
                    Code::ScanBudgetExceeded,
                    format!("more than {most} rows of `{}` are needed to answer this", table.table.entity_set),
                )
                .target(table.table.entity_set.clone())
                .hint("narrow the condition on the related table"));
            }
            match page.next {
                Some(next) => query.skip_token = Some(next),
                None => return Ok(all.unwrap_or_default()),
            }
        }
    }

    /// Keeps the way back from GUIDs that hash what they stand for: of rows, and of rows that these point to.
    pub(in crate::router) fn remember(&self, table: &Table, rows: &Rows) {
        for (position, column) in rows.columns().iter().enumerate() {
            if matches!(table.columns[*column].kind, Kind::Key | Kind::Lookup(_)) {
                let cells = (0..rows.len()).filter_map(|row| rows.at(row, position));
                let hashed = cells.filter(|text| key::needs_map(text)).map(|text| (key::guid(text), text));
                self.store().remember_keys(hashed);
            }
        }
    }

    async fn plan(&self, table: &Arc<ServedTable>, query: &Query) -> Result<Plan> {
        let root = self.snapshot().root(table);
        if root.route == crate::model::table::Route::Native {
            return plan(query, &table.table, Place::Native);
        }
        let server = server_search(self.client(root)?, &table.table, self.deadline()).await;
        let hashed: Vec<Uuid> = query.filter.as_ref().map(hashed_keys).unwrap_or_default().into_iter().collect();
        let texts = self.store().texts_of(hashed).await?;
        let ids: HashMap<_, _> = texts.into_iter().map(|(guid, text)| (guid, text.to_string())).collect();
        plan(query, &table.table, Place::Virtual { server: &server, ids: &ids })
    }

    fn page_size(&self, query: &Query, left: Option<u64>) -> usize {
        let most = query.max_page_size.unwrap_or(self.limits().page_rows).clamp(1, self.limits().page_rows_max);
        left.map_or(most as usize, |left| usize::try_from(left).unwrap_or(usize::MAX).min(most as usize))
    }
}

impl Reading<'_> {
    /// One page of a native table.
    async fn native(&mut self, plan: NativePlan, given: u64, size: usize) -> Result<Scanned> {
        let NativePlan { filter, order, columns, skip, count, .. } = plan;
        let (table, top) = (self.table.table.clone(), Some(size as u64));
        let scan = NativeScan { table, columns, filter, order, skip: skip + given, top, count };
        let (session, budget) = (self.session, self.session.budget());
        let limits = ScanLimits { rows: budget.rows_left(), deadline: session.deadline() };
        let scanned = session.store().scan(scan, limits).await.inspect_err(|error| {
            if error.code() == Code::ScanBudgetExceeded {
                budget.look_at(limits.rows);
            }
        })?;
        budget.look_at(scanned.looked_at);
        session.trace().add(Step::Residual, scanned.residual);
        Ok(scanned)
    }

    async fn virtual_page(
        &mut self,
        client: &Client,
        plan: &VirtualPlan,
        cursor: Cursor,
        size: usize,
        left: Option<u64>,
    ) -> Result<(Rows, Option<u64>, Option<Cursor>)> {
        let mut count = None;
        let begins = matches!(cursor, Cursor::Offset(0));
        if plan.count == CountPlan::Service && begins {
            count = self.service_count(client, plan).await?;
        }
        let scan_to_count = plan.count != CountPlan::NotAsked && count.is_none() && begins;
        if plan.sort_here || scan_to_count {
            let given = offset(&cursor)?;
            let kept = self.virtual_scan(client, plan).await?;
            let table = &self.table.table;
            let (table, order) = (table.clone(), plan.order.clone());
            let (total, frame) = (kept.len() as u64, Frame { skip: plan.skip + given, size, left });
            let sorted = self.session.work(move || {
                let order = match order.as_slice() {
                    [] => (0..kept.len()).collect(),
                    order => residual::order(&kept, order, &table)?,
                };
                Ok::<_, Error>(page_of(&kept, &order, &frame))
            });
            let begun = Instant::now();
            let (rows, more) = sorted.await??;
            self.session.trace().add(Step::Residual, begun.elapsed());
            let next = more.then_some(Cursor::Offset(given + rows.len() as u64));
            return Ok((rows, (plan.count != CountPlan::NotAsked).then_some(total), next));
        }
        // Rows in the service's own order: a cursor into its pages, an offset only where a count began the answer.
        let (start, skip) = match cursor {
            Cursor::Offset(given) => ((0, None, 0), plan.skip + given),
            Cursor::Search { search, link, rows, last } => {
                self.given.extend(last);
                ((search, link, rows), 0)
            }
        };
        let (rows, next) = self.virtual_stream(client, plan, start, skip, size).await?;
        if begins && skip == 0 && size > 0 && next.is_none() {
            // All rows are here: what they come to is surer than what the service says.
            count = count.map(|_| rows.len() as u64);
        }
        Ok((rows, count, next))
    }

    /// Rows as the service gives them, until the page is full, the budget is used up or there are no more.
    async fn virtual_stream(
        &mut self,
        client: &Client,
        plan: &VirtualPlan,
        (first, mut link, mut given): (usize, Option<String>, u64),
        mut skip: u64,
        size: usize,
    ) -> Result<(Rows, Option<Cursor>)> {
        let mut rows = Rows::new(plan_columns(plan, &self.table.table));
        if size == 0 {
            return Ok((rows, None));
        }
        for (index, search) in plan.searches.iter().enumerate().skip(first) {
            loop {
                if self.session.budget().has_spent(self.one_in) && self.has_asked || self.session.budget().is_spent() {
                    let here = Cursor::Search { search: index, link, rows: given, last: self.last_key(&rows) };
                    let is_somewhere = skip == 0 && self.has_asked;
                    return if is_somewhere { Ok((rows, Some(here))) } else { Err(self.exceeded(plan)) };
                }
                let wanted = size - rows.len();
                let batch = self.batch(client, plan, search, link.as_deref(), wanted).await?;
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
                            (None, false) if index + 1 < plan.searches.len() => (index + 1, None, 0),
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

    /// Every row that meets the filter, for ordering or counting here.
    async fn virtual_scan(&mut self, client: &Client, plan: &VirtualPlan) -> Result<Rows> {
        let mut all = Rows::new(plan_columns(plan, &self.table.table));
        for search in &plan.searches {
            let mut link: Option<String> = None;
            loop {
                if self.session.budget().is_spent() {
                    return Err(self.exceeded(plan));
                }
                let batch = self.batch(client, plan, search, link.as_deref(), usize::MAX).await?;
                for row in &batch.kept {
                    if self.is_new(&batch.rows, *row) {
                        all.push(batch.rows.row(*row));
                    }
                }
                match batch.next {
                    Some(next) => link = Some(next),
                    None => break,
                }
            }
        }
        Ok(all)
    }

    /// One page of a search: fetched, cut into rows, checked.
    async fn batch(
        &mut self,
        client: &Client,
        plan: &VirtualPlan,
        search: &Search,
        link: Option<&str>,
        wanted: usize,
    ) -> Result<Batch> {
        let session = self.session;
        let begun = Instant::now();
        session.budget().call();
        self.has_asked = true;
        let page = match link {
            Some(link) => client.next(&search.resource_type, link, session.deadline()).await?,
            None => {
                let count = page_count(plan, search, wanted, session.limits().scan_rows);
                client.search(&search.resource_type, &search.params, Some(count), session.deadline()).await?
            }
        };
        session.trace().add(Step::Upstream, begun.elapsed());
        let (table, base) = (self.table.clone(), client.base());
        let columns = plan_columns(plan, &self.table.table);
        let (resource_type, filter) = (search.resource_type.clone(), search.filter.clone());
        let made = session.work(move || made_of(&table, &page, &resource_type, &base, &columns, filter.as_ref()));
        let made = made.await??;
        session.budget().look_at(made.looked_at as u64);
        session.trace().add(Step::Mapping, made.mapping);
        session.trace().add(Step::Residual, made.filtering);
        if link.is_none() {
            let lost = self.lost(search, &made.self_link)?;
            if lost.sort && !plan.sort_here {
                return Err(self.ignores(&["_sort".to_owned()], "orders"));
            }
        }
        made.batch
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

    /// None: the service does not say, or cannot be relied on.
    async fn service_count(&mut self, client: &Client, plan: &VirtualPlan) -> Result<Option<u64>> {
        let mut total = 0;
        for search in &plan.searches {
            let params: Vec<_> = search
                .params
                .iter()
                .filter(|(name, _)| name != "_sort")
                .cloned()
                .chain([("_summary".to_owned(), "count".to_owned())])
                .collect();
            let begun = Instant::now();
            self.session.budget().call();
            let page = client.search(&search.resource_type, &params, None, self.session.deadline()).await?;
            self.session.trace().add(Step::Upstream, begun.elapsed());
            let bundle = split(self.table, &page)?;
            let lost = self.lost(search, bundle.link("self").unwrap_or_default())?;
            let trusted = lost.filters.is_empty() && !page.downgraded;
            match bundle.total {
                Some(found) if trusted => total += found,
                _ => return Ok(None),
            }
        }
        Ok(Some(total))
    }

    fn exceeded(&self, plan: &VirtualPlan) -> Error {
        self.session.budget().exceeded(&self.table.table, plan.not_pushed())
    }
}

/// What a page of a search was made into, and what that took.
struct Made {
    looked_at: usize,
    mapping: Duration,
    filtering: Duration,
    self_link: String,
    batch: Result<Batch>,
}

/// Splits a bundle, makes its rows and filters them, in one go.
fn made_of(
    table: &ServedTable,
    page: &FhirPage,
    resource_type: &str,
    base: &str,
    columns: &[ColumnIndex],
    filter: Option<&Filter>,
) -> Result<Made> {
    let begun = Instant::now();
    let bundle = split(table, page)?;
    let resources: Vec<Resource<'_>> = bundle
        .entries
        .iter()
        .filter(|entry| entry.search_mode.as_deref().is_none_or(|mode| mode == "match"))
        .filter_map(|entry| entry.resource.as_ref())
        .filter(|resource| resource.resource_type == resource_type)
        .map(|resource| Resource { resource_type, body: resource.raw.as_bytes() })
        .collect();
    let rows = map::rows_of(table, &resources, base, columns).map(|mapped| mapped.rows);
    let (mapping, begun) = (begun.elapsed(), Instant::now());
    // All of it, exact conditions too: that costs little, and a service may say that it applied what it ignored.
    let batch = rows.and_then(|rows| {
        let kept = residual::filter_rows(filter, &table.table, &rows)?;
        Ok(Batch { kept, rows, next: bundle.link("next").map(str::to_owned) })
    });
    let self_link = bundle.link("self").unwrap_or_default().to_owned();
    Ok(Made { looked_at: resources.len(), mapping, filtering: begun.elapsed(), self_link, batch })
}

struct Batch {
    rows: Rows,
    /// Rows that meet the filter, ascending.
    kept: Vec<usize>,
    next: Option<String>,
}

/// The columns that rows are held with: those of the plan, and the keys of the concepts among them.
fn plan_columns(plan: &VirtualPlan, table: &Table) -> Vec<ColumnIndex> {
    let mut columns: BTreeSet<ColumnIndex> = plan.columns.iter().copied().collect();
    if let Some(filter) = &plan.filter {
        columns_of_filter(filter, &mut columns);
    }
    for index in table.mapped()..table.columns.len() {
        if table.concept_of(index).is_some_and(|c| columns.contains(&c.code) && columns.contains(&c.system)) {
            columns.insert(index);
        }
    }
    columns.into_iter().collect()
}

/// Resources a page: as many as rows are wanted where each gives one, more where some will be dropped.
fn page_count(plan: &VirtualPlan, search: &Search, wanted: usize, most: u64) -> u32 {
    let most = u32::try_from(most).unwrap_or(u32::MAX).min(1_000);
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    match plan.limit_pushed {
        Some(limit) => u32::try_from(limit).unwrap_or(u32::MAX).min(wanted).clamp(1, most),
        None if search.residual.is_none() && plan.skip == 0 => wanted.clamp(1, most),
        None => wanted.max(FHIR_PAGE).min(most),
    }
}

fn page_of(rows: &Rows, order: &[usize], window: &Frame) -> (Rows, bool) {
    let skip = usize::try_from(window.skip).unwrap_or(usize::MAX).min(order.len());
    let end = skip.saturating_add(window.size).min(order.len());
    let more = end < order.len() && window.left.is_none_or(|left| left > window.size as u64);
    (rows.pick(order.get(skip..end).unwrap_or_default()), more)
}

fn split<'p>(table: &ServedTable, page: &'p FhirPage) -> Result<bundle::Bundle<'p>> {
    bundle::split(&page.body).map_err(|error| {
        Error::new(
            Code::UpstreamInvalid,
            format!("the FHIR service behind `{}` answered no well-formed Bundle", table.table.name),
        )
        .internal(error.to_string())
    })
}

/// What the service says it can search a table's resources by. If it does not say, everything is tried and checked.
async fn server_search(client: &Client, table: &Table, deadline: Instant) -> ServerSearch {
    let Ok(capabilities) = client.capabilities(deadline).await else { return ServerSearch::default() };
    let declared = table
        .sources
        .iter()
        .filter_map(|source| Some((&source.resource_type, capabilities.resource(&source.resource_type)?)))
        .map(|(resource_type, resource)| (resource_type.clone(), resource.search_params.keys().cloned().collect()))
        .collect();
    ServerSearch { declared: Some(declared), ..ServerSearch::default() }
}

/// What the next links of a table depend on.
fn generation(snapshot: &Snapshot, table: &Arc<ServedTable>) -> String {
    format!("{:?} {}", snapshot.root(table).route, table.mapping.digest)
}

fn offset(cursor: &Cursor) -> Result<u64> {
    match cursor {
        Cursor::Offset(given) => Ok(*given),
        Cursor::Search { .. } => Err(Error::new(Code::PageTokenExpired, "the next link is of another kind of answer")),
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// For `in` lists.
pub(super) fn guids(rows: &Rows, column: ColumnIndex) -> BTreeSet<Uuid> {
    (0..rows.len()).filter_map(|row| rows.cell(row, column)).map(key::guid).collect()
}

/// A filter that adds a condition to another.
pub(super) fn and(filter: Option<Filter>, condition: Filter) -> Filter {
    match filter {
        Some(filter) => Filter::And(Box::new(filter), Box::new(condition)),
        None => condition,
    }
}
