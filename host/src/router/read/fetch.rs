//! Runs a [`Fetch`]: pages of rows with what stands beside them, made flat; or all rows, where flat rows are filtered, ordered
//! or counted by what stands beside them. A page that a client asks for by its number is never short: it says where the
//! next begins.

use std::sync::Arc;
use std::time::Instant;

use crate::model::error::{Code, Error, Result};
use crate::model::fetch::{Fetch, Flat, Side};
use crate::model::query::{Filter, Query};
use crate::model::result::{Expanded, Names};
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::plan::explain;
use crate::plan::flat::{AllRows, FlatPlan, Found, plan_flat};
use crate::router::read::native::left_over;
use crate::router::read::pages::offset;
use crate::router::read::run::{Asking, now_ms};
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::token::{Binding, Cursor};

/// A page of flat rows.
#[derive(Debug, Default)]
pub struct Fetched {
    pub flat: Flat,
    /// Of all flat rows, if it was asked and is known on this page.
    pub count: Option<u64>,
    /// What opens the next page.
    pub next: Option<String>,
}

impl Session {
    /// `binding` is what the page's token is good for, beside what the fetch itself says.
    pub async fn fetch(&self, table: &Arc<ServedTable>, fetch: &Fetch, binding: &str) -> Result<Fetched> {
        let plan = self.planned_fetch(table, fetch, Asking::Services).await?;
        let (skip, count, way) =
            (fetch.query.skip, fetch.query.count, if plan.all.is_some() { "all" } else { "pages" });
        let binding = format!("{binding} {way} skip={skip} count={count} {}", fetch.binding);
        let fetched = match &plan.all {
            Some(all) => self.page_of_all(table, fetch, &plan, all, binding).await?,
            None => self.pages_of_rows(table, fetch, &plan, &binding).await?,
        };
        let next = fetched.next.filter(|_| !fetch.page.is_top);
        let Flat { sides, len } = fetched.flat;
        let veil = |Side { table, rows, of }: Side| {
            let rows = self.veil(&table, rows);
            Side { table: self.seen(&table).clone(), rows, of }
        };
        let flat = Flat { sides: sides.into_iter().map(veil).collect(), len };
        Ok(Fetched { flat, next, ..fetched })
    }

    /// What would be asked of whom.
    pub async fn explain_fetch(&self, table: &Arc<ServedTable>, fetch: &Fetch) -> Result<serde_json::Value> {
        let plan = self.planned_fetch(table, fetch, Asking::Nobody).await?;
        Ok(explain::explain_flat(&plan, &left_over))
    }

    /// What the rows are called that lookups of flat rows point to.
    pub async fn names_of_flat(&self, flat: &Flat, shown: &[Vec<usize>]) -> Names {
        let mut names = Names::default();
        for (side, columns) in flat.sides.iter().zip(shown) {
            let query = Query { select: Some(columns.clone()), ..Query::default() };
            names.extend(self.names(self.seen(&side.table), &side.rows, &query, &[]).await);
        }
        names
    }

    async fn planned_fetch(&self, table: &Arc<ServedTable>, fetch: &Fetch, asking: Asking) -> Result<FlatPlan> {
        // All that links ask of their rows stands in one of these.
        let meets = fetch.all_links().into_iter().filter_map(|link| link.meets.clone());
        let filter = fetch.filter.iter().cloned().chain(meets).reduce(Filter::both);
        let touching = Query { filter, ..fetch.query.clone() };
        let known = self.known(table, &touching, asking).await?;
        if let Some(sight) = self.sight() {
            fetch.order.iter().try_for_each(|order| sight.check_expression(&table.table, &order.by))?;
            // What stands beside a row is there to be compared, ordered or told apart.
            let links = fetch.all_links();
            for beside in &fetch.beside {
                if let Some(other) = links.get(beside.link).and_then(|link| self.snapshot().catalog.table(&link.table))
                {
                    sight.check_column(other, beside.column)?;
                }
            }
            let own = fetch.shown.iter().filter(|shown| fetch.distinct && shown.link.is_none());
            own.into_iter().try_for_each(|shown| sight.check_column(&table.table, shown.column))?;
        }
        let begun = Instant::now();
        let plan = plan_flat(fetch, &table.table, known.of(&self.snapshot().catalog));
        self.trace().add(Step::Plan, begun.elapsed());
        plan
    }

    /// Pages of rows, until the page of flat rows is full.
    async fn pages_of_rows(
        &self,
        table: &Arc<ServedTable>,
        fetch: &Fetch,
        plan: &FlatPlan,
        binding: &str,
    ) -> Result<Fetched> {
        let mut fetched = Fetched { next: fetch.page.token.clone(), ..Fetched::default() };
        let mut count = plan.query.count;
        loop {
            let left = u32::try_from((fetch.page.size as usize).saturating_sub(fetched.flat.len)).unwrap_or(u32::MAX);
            let query =
                Query { max_page_size: Some(left), skip_token: fetched.next.take(), count, ..plan.query.clone() };
            let found = self.read(table, &query, binding).await?;
            let flat = self.made_flat(&table.table, fetch, found.rows, found.expanded).await?;
            fetched.flat.append(flat);
            fetched.count = fetched.count.or(found.count);
            fetched.next = found.next;
            count = false;
            let is_full = fetched.flat.len >= fetch.page.size as usize;
            if is_full || fetched.next.is_none() || !fetch.page.is_clients {
                return Ok(fetched);
            }
            if fetched.flat.bytes() > self.limits().page_bytes {
                return Err(too_large(&table.table, self.limits().page_bytes));
            }
        }
    }

    async fn made_flat(&self, of: &Arc<Table>, fetch: &Fetch, rows: Rows, expanded: Vec<Expanded>) -> Result<Flat> {
        let (table, links, tables) = (of.clone(), fetch.links.clone(), self.tables_of_links(fetch)?);
        let most = usize::try_from(self.limits().scan_rows).unwrap_or(usize::MAX);
        let flat = self.work(of, move || {
            let (rows, expanded) = (&rows, expanded.as_slice());
            Found { table: &table, rows, expanded, links: &links, tables: &tables, most }.flat()
        });
        flat.await?
    }

    /// A page cut from all flat rows.
    async fn page_of_all(
        &self,
        table: &Arc<ServedTable>,
        fetch: &Fetch,
        plan: &FlatPlan,
        all: &AllRows,
        binding: String,
    ) -> Result<Fetched> {
        let binding = Binding { query: binding, generation: self.generation(table) };
        let cursor = match &fetch.page.token {
            Some(token) => self.turntable().tokens.open(token, now_ms(), &binding)?.0,
            None => Cursor::Offset(0),
        };
        let (given, size) = (offset(&cursor)?, fetch.page.size as usize);
        let (filter, ids) = self.joined(&plan.read).await?;
        let rows = self.all(&plan.read, filter, &ids, usize::MAX).await?;
        self.remember(&table.table, &rows);
        let expanded = self.expanded(&table.table, &rows, &plan.read.expand).await?;
        let most = usize::try_from(self.limits().scan_rows).unwrap_or(usize::MAX);
        let (tables, all, fetch) = (self.tables_of_links(fetch)?, all.clone(), fetch.clone());
        let begin = fetch.query.skip.saturating_add(given);
        let counts = fetch.query.count;
        let own = table.table.clone();
        let begun = Instant::now();
        let cut = self.work(&table.table, move || {
            let (rows, expanded, links) = (&rows, expanded.as_slice(), fetch.links.as_slice());
            Found { table: &own, rows, expanded, links, tables: &tables, most }.cut(&fetch, &all, begin, size)
        });
        let cut = cut.await?;
        self.trace().add(Step::Residual, begun.elapsed());
        let (flat, count) = cut?;
        if flat.bytes() > self.limits().expand_bytes {
            return Err(too_large(&table.table, self.limits().expand_bytes));
        }
        let count = count as u64;
        let given = given.saturating_add(flat.len as u64);
        let more = begin.saturating_add(flat.len as u64) < count;
        let next = match more {
            true => {
                let expires = now_ms() + i64::try_from(self.limits().page_token_ms).unwrap_or(i64::MAX);
                Some(self.turntable().tokens.seal(Cursor::Offset(given), None, expires, &binding)?)
            }
            false => None,
        };
        Ok(Fetched { flat, count: counts.then_some(count), next })
    }

    fn tables_of_links(&self, fetch: &Fetch) -> Result<Vec<Arc<Table>>> {
        fetch.all_links().into_iter().map(|link| Ok(self.snapshot().table(&link.table)?.table.clone())).collect()
    }
}

fn too_large(table: &Table, most: usize) -> Error {
    let message = format!("the page has more than {most} bytes");
    let error = Error::new(Code::ScanBudgetExceeded, message).target(table.entity_set.clone());
    error.hint("ask for fewer rows by `count` or `top`, or for fewer columns")
}
