//! Runs a [`Query`]: plans it whole, then walks the plan: related rows first, then the store or the FHIR service, then
//! what hangs on the page. What cannot be answered within the budget is refused by name or answered with a short page
//! and a next link, never with a wrong page.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::fhir::capabilities::Capabilities;
use crate::fhir::client::Overrides;
use crate::model::access::Right;
use crate::model::catalog::Catalog;
use crate::model::error::{Error, Result};
use crate::model::query::{Expand, Filter, Query};
use crate::model::result::{Expanded, Found};
use crate::model::rows::Rows;
use crate::model::scopes::Act;
use crate::model::table::{Kind, Route, Table};
use crate::plan::explain;
use crate::plan::planner::{self, Known, keys_in, touched};
use crate::plan::search::query::ServerSearch;
use crate::plan::tree::{Gather, NativeScan, Place, Read, Scan, SearchScan};
use crate::router::read::join::{hashed, too_many};
use crate::router::read::native::left_over;
use crate::router::read::pages::{AT_ONCE, Searching, offset};
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::token::{Binding, Cursor};
use crate::store::facade::Store;
use crate::telemetry::context as traced;
use crate::telemetry::spans::Attribute;

impl Session {
    /// A page of rows, and what hangs on each. `binding` is what the page's token is good for: the request without its
    /// token.
    pub async fn read(&self, table: &Arc<ServedTable>, query: &Query, binding: &str) -> Result<Found> {
        let read = self.planned(table, query).await?;
        let binding = self.binding(table, binding);
        let (cursor, left) = self.begin(query.skip_token.as_deref(), query.top, &binding)?;
        let sliced = match &cursor {
            Cursor::Sliced(sliced) => Some(sliced.clone()),
            _ if query.tracks && query.skip_token.is_none() && self.is_elsewhere(table) => {
                Some(self.begin_slices(table).await?)
            }
            _ => None,
        };
        if let Some(sliced) = sliced {
            return Box::pin(self.page_of_slices(table, &read, query, sliced, &binding)).await;
        }
        let tracked = match &cursor {
            Cursor::Tracked(tracked) => Some(tracked.clone()),
            _ if query.tracks && query.skip_token.is_none() => Some(self.begin_tracking(table).await?),
            _ => None,
        };
        if let Some(tracked) = tracked {
            return self.page_of_tracked(table, &read, query, tracked, &binding).await;
        }
        let size = self.page_size(query, left);
        self.make_room(&read.table, size).await?;
        let (rows, count, next) = self.page_of(table, &read, cursor, size, left).await?;
        let rows = self.remember_page(&read.table, rows).await?;
        let next = self.next_token(next, left.map(|left| left.saturating_sub(rows.len() as u64)), &binding)?;
        let expanded = self.expanded(&read.table, &rows, &read.expand).await?;
        let (rows, expanded) = (self.veil(&read.table, rows), self.veil_expanded(&query.expand, expanded));
        Ok(Found { rows, expanded, count, next, delta: None })
    }

    /// What the next links of an answer are good for.
    pub(super) fn binding(&self, table: &Arc<ServedTable>, request: &str) -> Binding {
        Binding { query: request.to_owned(), generation: self.generation(table) }
    }

    /// What the next links of a table depend on: whoever sees other rows or columns has other links.
    pub(super) fn generation(&self, table: &Arc<ServedTable>) -> String {
        let of = format!("{:?} {}", self.snapshot().root(table).route, table.mapping.digest);
        // Of a service that gives each their own answers a link is good for who got it.
        let own = self.is_own(self.snapshot().root(table)).then(|| self.caller().name());
        match (self.seen_as(), own) {
            (None, None) => of,
            (seen, own) => {
                let who = format!("{seen:?} {own:?} {:?} {:?}", self.caller().claims(), self.caller().scopes());
                let digest: [u8; 32] = Sha256::digest(who).into();
                let half = u128::from_be_bytes(digest[..16].try_into().unwrap_or_default());
                format!("{of} {half:032x}")
            }
        }
    }

    /// Where a page begins, and how many rows are left of `$top`.
    pub(super) fn begin(
        &self,
        token: Option<&str>,
        top: Option<u64>,
        binding: &Binding,
    ) -> Result<(Cursor, Option<u64>)> {
        match token {
            Some(token) => self.turntable().tokens.open(token, now_ms(), binding),
            None => Ok((Cursor::Offset(0), top)),
        }
    }

    /// `$skiptoken` of the page that begins where this one ended, if one does.
    pub(super) fn next_token(
        &self,
        next: Option<Cursor>,
        left: Option<u64>,
        binding: &Binding,
    ) -> Result<Option<String>> {
        match next {
            Some(cursor) if left != Some(0) => {
                let expires = now_ms() + i64::try_from(self.limits().page_token_ms).unwrap_or(i64::MAX);
                Ok(Some(self.turntable().tokens.seal(cursor, left, expires, binding)?))
            }
            _ => Ok(None),
        }
    }

    pub(super) async fn page_of(
        &self,
        table: &Arc<ServedTable>,
        read: &Read,
        cursor: Cursor,
        size: usize,
        left: Option<u64>,
    ) -> Result<Page> {
        let page = Box::pin(async {
            match &read.gather {
                Some(gather) => self.page_of_gathered(read, gather, &cursor, size).await,
                None => self.page_of_scan(table, read, cursor, size, left).await,
            }
        });
        let step = || {
            let route = match &read.scan {
                Scan::Native(_) => "native",
                Scan::Search(_) => "virtual",
            };
            let name = if read.gather.is_some() { "gather" } else { "scan" };
            traced::Step::internal(format!("{name} {}", read.table.name))
                .with(Attribute::text("turntable.route", route))
        };
        let told = |page: &Result<Page>, attributes: &mut Vec<Attribute>| match page {
            Ok((rows, ..)) => {
                attributes.push(Attribute::number("turntable.rows", rows.len()));
                None
            }
            Err(error) => Some(format!("{:?}", error.code())),
        };
        traced::step(step, page, told).await
    }

    async fn page_of_scan(
        &self,
        table: &Arc<ServedTable>,
        read: &Read,
        cursor: Cursor,
        size: usize,
        left: Option<u64>,
    ) -> Result<Page> {
        let (scan, ids) = self.with_joins(read, true).await?;
        match &*scan {
            Scan::Native(scan) => self.page_of_store(read, scan, &cursor, size).await,
            Scan::Search(scan) => {
                let page = self.page_of_search(table, read, scan, &ids, cursor.clone(), size, left).await;
                if page.is_err() && self.has_lost_a_chain(read, scan)? {
                    let (scan, ids) = self.with_joins(read, false).await?;
                    return match &*scan {
                        Scan::Search(scan) => self.page_of_search(table, read, scan, &ids, cursor, size, left).await,
                        Scan::Native(_) => page,
                    };
                }
                page
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a page of one scan")]
    async fn page_of_search(
        &self,
        table: &Arc<ServedTable>,
        read: &Read,
        scan: &SearchScan,
        ids: &HashMap<Uuid, String>,
        cursor: Cursor,
        size: usize,
        left: Option<u64>,
    ) -> Result<Page> {
        // A page that can end early leaves half of the budget to what hangs on its rows.
        let one_in = if read.expand.is_empty() { 1 } else { 2 };
        let replan = |filter| replanned(read, scan, filter, ids);
        Searching::new(self, table, scan)?.page(&replan, cursor, size, left, one_in).await
    }

    async fn page_of_store(&self, read: &Read, scan: &NativeScan, cursor: &Cursor, size: usize) -> Result<Page> {
        let given = offset(cursor)?;
        let scanned = self.scan_native(&read.table, scan, given, size, self.limits().page_bytes).await?;
        let given = given + scanned.rows.len() as u64;
        Ok((scanned.rows, scanned.count, scanned.more.then_some(Cursor::Offset(given))))
    }

    async fn page_of_gathered(&self, read: &Read, gather: &Gather, cursor: &Cursor, size: usize) -> Result<Page> {
        if let Some(scan) = self.scan_beside(read).await? {
            return self.page_of_store(read, &scan, cursor, size).await;
        }
        let (filter, ids) = self.joined(read).await?;
        let rows = self.gathered(read, gather, filter, &ids).await?;
        let (all, given) = (rows.len(), offset(cursor)?);
        let begin = usize::try_from(read.query.skip.saturating_add(given)).unwrap_or(usize::MAX).min(all);
        let end = begin.saturating_add(size).min(all);
        let shown: Vec<usize> = (begin..end).collect();
        let own = rows.columns().iter().copied().filter(|column| *column < read.table.columns.len());
        let page = rows.pick_within(&shown, self.limits().page_bytes).project(&own.collect::<Vec<_>>());
        let more = begin + page.len() < all;
        let next = more.then_some(Cursor::Offset(given + page.len() as u64));
        Ok((page, read.query.count.then_some(all as u64), next))
    }

    /// What hangs on rows of a table, for each navigation property in their order.
    pub async fn expand(&self, table: &Arc<ServedTable>, rows: &Rows, expands: &[Expand]) -> Result<Vec<Expanded>> {
        if expands.is_empty() {
            return Ok(Vec::new());
        }
        let query = Query { expand: expands.to_vec(), ..Query::default() };
        let known = self.known(table, &query, Asking::Services).await?;
        let planned = planner::expansions(expands, &table.table, known.of(&self.snapshot().catalog))?;
        Ok(self.veil_expanded(expands, self.expanded(&table.table, rows, &planned).await?))
    }

    /// What would be asked of whom. No FHIR service is asked for it: what one can do is taken as far as it is known.
    pub async fn explain(&self, table: &Arc<ServedTable>, query: &Query) -> Result<serde_json::Value> {
        let known = self.known(table, query, Asking::Nobody).await?;
        let read = planner::plan(query, &table.table, known.of(&self.snapshot().catalog))?;
        Ok(explain::explain(&read, &left_over))
    }

    /// Every row of a planned read, in its order, with a filter in place of its own. More than `most` are refused.
    pub(super) async fn all(
        &self,
        read: &Read,
        filter: Option<Filter>,
        ids: &HashMap<Uuid, String>,
        most: usize,
    ) -> Result<Rows> {
        let Some(gather) = &read.gather else {
            return self.scanned(read, filter, ids, most).await;
        };
        let rows = self.gathered(read, gather, filter, ids).await?;
        if rows.len() > most { Err(too_many(read, most)) } else { Ok(rows) }
    }

    /// The same of its scan alone.
    pub(super) async fn scanned(
        &self,
        read: &Read,
        filter: Option<Filter>,
        ids: &HashMap<Uuid, String>,
        most: usize,
    ) -> Result<Rows> {
        let too_many = || too_many(read, most);
        match read.scan_for(filter, ids) {
            Scan::Native(scan) => {
                let left = usize::try_from(self.budget().rows_left(self.budget().whole())).unwrap_or(usize::MAX);
                let scanned = self.scan_native(&read.table, &scan, 0, most.min(left), usize::MAX).await?;
                if scanned.looked_at == 0 {
                    // The database gave just these; they are looked at all the same.
                    self.budget().look_at(scanned.rows.len() as u64);
                }
                match scanned.more {
                    true if left < most => Err(self.budget().exceeded(&read.table, Vec::new())),
                    true => Err(too_many()),
                    false => Ok(scanned.rows),
                }
            }
            Scan::Search(scan) => {
                let table = self.snapshot().table(&read.table.name)?;
                let rows = Searching::new(self, table, &scan)?.all(most).await?;
                if rows.len() > most { Err(too_many()) } else { Ok(rows) }
            }
        }
    }

    /// Keeps the way back from GUIDs that hash what they stand for: of rows, and of rows that these point to.
    pub(in crate::router) fn remember(&self, table: &Table, rows: &Rows) {
        remember(self.store(), table, rows);
    }

    /// The same of a page, which may be large.
    async fn remember_page(&self, table: &Arc<Table>, rows: Rows) -> Result<Rows> {
        if rows.len() <= AT_ONCE {
            self.remember(table, &rows);
            return Ok(rows);
        }
        let (store, own, count) = (self.store().clone(), table.clone(), rows.len());
        let remembering = move || {
            remember(&store, &own, &rows);
            rows
        };
        self.work_on(count, table, remembering).await
    }

    pub(super) async fn planned(&self, table: &Arc<ServedTable>, query: &Query) -> Result<Read> {
        let known = self.known(table, query, Asking::Services).await?;
        let begun = Instant::now();
        let read = planner::plan(query, &table.table, known.of(&self.snapshot().catalog));
        self.trace().add(Step::Plan, begun.elapsed());
        read
    }

    /// The scan of a read, once its joins have been made, and the texts behind its keys. `chained`: a FHIR service may look at
    /// related rows itself, see [`Later`](crate::plan::tree::Later).
    pub(super) async fn with_joins<'r>(
        &self,
        read: &'r Read,
        chained: bool,
    ) -> Result<(Cow<'r, Scan>, Cow<'r, HashMap<Uuid, String>>)> {
        if read.joins.is_empty() {
            return Ok((Cow::Borrowed(&read.scan), Cow::Borrowed(&*read.ids)));
        }
        let mut within = read.within(&left_over);
        let (later, further) = match chained && read.gather.is_none() {
            true => self.chained(read, &mut within).await?,
            false => (Vec::new(), HashMap::new()),
        };
        let step = || traced::Step::internal(format!("join {}", read.table.name));
        let failed = |error: &Error| format!("{:?}", error.code());
        let joined =
            traced::step(step, Box::pin(self.joined_by(read, within)), |joined, _| joined.as_ref().err().map(failed));
        let (filter, mut ids) = joined.await?;
        ids.extend(further);
        let mut scan = read.scan_for(filter, &ids);
        if let Scan::Search(scan) = &mut scan {
            scan.look_later(later);
        }
        Ok((Cow::Owned(scan), Cow::Owned(ids)))
    }

    /// What planning must know of the tables that a query touches, each of which the caller must be allowed to read: where
    /// they are, what their services can search, the ids behind the query's keys, and what their rows must meet to be there for
    /// the caller. `Forbidden` where it compares what the caller may not see.
    pub(super) async fn known(&self, table: &Arc<ServedTable>, query: &Query, asking: Asking) -> Result<Knowing> {
        let names = touched(query, &table.table);
        for name in &names {
            self.may(Right::Read, &self.snapshot().table(name)?.table)?;
        }
        if let Some(sight) = self.sight() {
            sight.check(&table.table, query)?;
        }
        let (mut all, mut keys, mut rules) = (names.clone(), keys_in(query), BTreeMap::new());
        for name in names {
            let table = &self.snapshot().table(&name)?.table;
            if let Some(rule) = self.rule(table, Act::Read) {
                let asked = Query { filter: Some(rule.clone()), ..Query::default() };
                all.extend(touched(&asked, table));
                keys.extend(keys_in(&asked));
                rules.insert(name, rule);
            }
        }
        let mut places = BTreeMap::new();
        for name in all {
            let place = self.place_of(self.snapshot().table(&name)?, asking).await?;
            places.insert(name, place);
        }
        let texts = self.store().texts_of(keys.into_iter().collect()).await?;
        let ids = texts.into_iter().map(|(guid, text)| (guid, text.to_string())).collect();
        Ok(Knowing { places, ids: Arc::new(ids), rules })
    }

    async fn place_of(&self, table: &Arc<ServedTable>, asking: Asking) -> Result<Place> {
        let root = self.snapshot().root(table);
        if root.route == Route::Native {
            return Ok(Place::Native);
        }
        let client = self.client(root)?;
        let says = match asking {
            Asking::Services => client.capabilities(self.deadline()).await.ok(),
            Asking::Nobody => client.known_capabilities(),
        };
        says.as_deref().map_or(Ok(()), |says| client.check_version(says))?;
        let (ignored, long_s) = (client.not_done(), client.long_s());
        let same = match asking {
            Asking::Services => self.same_cells(table).await,
            Asking::Nobody => table.same.get().cloned().unwrap_or_default(),
        };
        let Overrides { force, never } = client.overrides().clone();
        let declared = declared(says.as_deref(), &table.table);
        let service = client.name().to_owned();
        let (subsets, negates) = client.probed().map(|probed| (probed.subsets(), probed.negates())).unwrap_or_default();
        let search = ServerSearch { service, declared, force, never, ignored, long_s, subsets, negates, same };
        Ok(Place::Virtual(Arc::new(search)))
    }

    pub(super) fn page_size(&self, query: &Query, left: Option<u64>) -> usize {
        let limits = self.limits();
        let most = query.max_page_size.unwrap_or(limits.page_rows).clamp(1, limits.page_rows_max);
        left.map_or(most as usize, |left| usize::try_from(left).unwrap_or(usize::MAX).min(most as usize))
    }
}

/// A scan with another filter, looking at related rows as it did.
pub(super) fn replanned(read: &Read, scan: &SearchScan, filter: Filter, ids: &HashMap<Uuid, String>) -> SearchScan {
    match read.scan_for(Some(filter), ids) {
        Scan::Search(mut other) => {
            other.look_later(scan.later.clone());
            other
        }
        Scan::Native(_) => scan.clone(),
    }
}

/// What planning must know of the moment.
pub(super) struct Knowing {
    places: BTreeMap<String, Place>,
    ids: Arc<HashMap<Uuid, String>>,
    rules: BTreeMap<String, Filter>,
}

impl Knowing {
    pub(super) fn of<'a>(&'a self, catalog: &'a Catalog) -> Known<'a> {
        Known { catalog, places: &self.places, ids: &self.ids, rules: &self.rules }
    }
}

/// Rows of a page, how many there are in all if that was asked, and where the page ended if more follow.
pub(super) type Page = (Rows, Option<u64>, Option<Cursor>);

/// Who may be asked what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Services,
    Nobody,
}

/// What the service says it can search a table's resources by. If it does not say, everything is tried and checked.
fn declared(says: Option<&Capabilities>, table: &Table) -> Option<BTreeMap<String, BTreeSet<String>>> {
    says.map(|says| {
        let declared = table
            .sources
            .iter()
            .filter_map(|source| Some((&source.resource_type, says.resource(&source.resource_type)?)));
        declared
            .map(|(resource_type, resource)| (resource_type.clone(), resource.search_params.keys().cloned().collect()))
            .collect()
    })
}

pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Keeps the way back from the keys in rows of a table.
fn remember(store: &Store, table: &Table, rows: &Rows) {
    for column in rows.columns() {
        // What is joined to a row is none of its own.
        if table.columns.get(*column).is_some_and(|column| matches!(column.kind, Kind::Key | Kind::Lookup(_))) {
            store.remember_keys(hashed(table, rows, *column));
        }
    }
}
