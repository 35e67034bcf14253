//! Pages of an order, cut from ranges (`plan/window.rs`): the first rows by `_sort` say how far the range of the page
//! reaches, all of that range is fetched and sorted here. Where that does not work out, every row is.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use crate::fhir::client::Lesson;
use crate::model::error::{Code, Error, Result};
use crate::model::query::Literal;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::model::value::SortKey;
use crate::plan::evaluate::residual;
use crate::plan::search::query::Search;
use crate::plan::tree::{SearchScan, and};
use crate::plan::window::{Edge, literal};
use crate::router::read::pages::{FHIR_PAGE, Replan, Searching, of_another_kind};
use crate::router::session::Step;
use crate::router::token::{Cursor, From, Trail};

/// Of neighbours among what a service has sorted, one in so many may stand otherwise than here: it may take a resource
/// by another of its values, or a day by its end.
const OUT_OF_ORDER: usize = 10;

/// A search of which the first pages have been read.
struct Underway {
    search: Search,
    link: Option<String>,
    trail: Trail,
    only_page: Option<u32>,
    ended: bool,
    /// The last value, the neighbours looked at, and how many of them stood in another order.
    last: SortKey,
    neighbours: usize,
    wrong: usize,
}

/// What comes after rows that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Nothing,
    /// Rows of values that come later in the order.
    Values,
    /// All rows of values.
    AllValues,
    Nulls,
}

/// Rows from where a page begins on, of which none is missing up to the last of them.
struct Known {
    rows: Rows,
    after: After,
}

impl Searching<'_> {
    /// A page of the order, from the beginning or where a page before ended.
    pub(super) async fn ordered(
        &mut self,
        replan: Replan<'_>,
        cursor: Cursor,
        size: usize,
    ) -> Result<(Rows, Option<Cursor>)> {
        let (from, given) = match cursor {
            Cursor::Ordered { from, given } => (Some(from), given),
            _ => (None, self.scan.skip),
        };
        if size == 0 {
            return Ok((Rows::new(self.columns.to_vec()), None));
        }
        let edge = Edge::of(&self.scan.order).ok_or_else(of_another_kind)?;
        let known = self.known(replan, edge, from.as_ref(), given, size).await?;
        self.cut_from(known, edge, from, given, size).await
    }

    async fn known(
        &mut self,
        replan: Replan<'_>,
        edge: Edge,
        from: Option<&From>,
        given: u64,
        size: usize,
    ) -> Result<Known> {
        let need = usize::try_from(given).unwrap_or(usize::MAX).saturating_add(size);
        let filter = self.scan.filter.clone();
        let never_null = edge.is_never_null(filter.as_ref());
        let nulls = || replan(and(filter.clone(), edge.without()));
        match from {
            None => {
                let (mut rows, complete) = self.head(replan, edge, given, need).await?;
                let after = if complete { After::Nothing } else { After::Values };
                if !complete && !edge.descending && !never_null {
                    let nulls = nulls();
                    let nulls = self.beside(&nulls)?.fetched(usize::MAX).await?;
                    rows.append(&nulls);
                }
                Ok(Known { rows, after })
            }
            Some(From::Nulls) => {
                let rows = self.beside(&nulls())?.fetched(usize::MAX).await?;
                Ok(Known { rows, after: if edge.descending { After::Nothing } else { After::AllValues } })
            }
            Some(from) => {
                let condition = match from {
                    From::Value(cell) => edge.from(self.literal(edge.column, cell)?),
                    _ => edge.with(),
                };
                let scan = replan(and(filter.clone(), condition));
                let (rows, complete) = self.beside(&scan)?.head(replan, edge, given, need).await?;
                let after = match complete {
                    false => After::Values,
                    true if edge.descending && !never_null => After::Nulls,
                    true => After::Nothing,
                };
                Ok(Known { rows, after })
            }
        }
    }

    /// The same table searched otherwise.
    fn beside<'b>(&'b self, scan: &'b SearchScan) -> Result<Searching<'b>> {
        Searching::new(self.session, self.table, scan)
    }

    /// All rows of the scan, or all of them up to a value that is after the first `given`.
    async fn head(&mut self, replan: Replan<'_>, edge: Edge, given: u64, need: usize) -> Result<(Rows, bool)> {
        let scan = self.scan;
        let Some(window) = &scan.window else { return Ok((self.fetched(usize::MAX).await?, true)) };
        let half = self.session.budget().share(2);
        let mut rows = Rows::new(self.columns.to_vec());
        let mut sorted = true;
        let mut underway: Vec<_> =
            scan.searches.iter().zip(&window.sorts).map(|(search, sort)| Underway::new(search, sort)).collect();
        for (one, sort) in underway.iter_mut().zip(&window.sorts) {
            let mut found = 0;
            while !one.ended && found < need && !self.session.budget().has_spent(half) {
                found += self.step(one, edge, &mut rows, need).await?;
            }
            if one.wrong * OUT_OF_ORDER > one.neighbours {
                self.client.learn(&one.search.resource_type, Lesson::Missorts(sort.clone()), 0);
                sorted = false;
            }
        }
        if underway.iter().all(|one| one.ended) {
            return Ok((rows, true));
        }
        if sorted && let Some(window) = self.range(replan, edge, &rows, given, need).await? {
            return Ok((window, false));
        }
        for one in &mut underway {
            while !one.ended {
                if self.session.budget().has_spent(self.share) {
                    return Err(self.exceeded());
                }
                self.step(one, edge, &mut rows, usize::MAX).await?;
            }
        }
        Ok((rows, true))
    }

    /// The next page of a search; how many of its rows have a value.
    async fn step(&mut self, one: &mut Underway, edge: Edge, rows: &mut Rows, need: usize) -> Result<usize> {
        let wanted = need.max(FHIR_PAGE as usize);
        std::mem::swap(&mut self.trail, &mut one.trail);
        std::mem::swap(&mut self.only_page, &mut one.only_page);
        let batch = self.batch(&one.search, one.link.as_deref(), wanted).await?;
        let mut found = 0;
        for row in 0..batch.rows.len() {
            one.look_at(self.key_of(edge.column, &batch.rows, row)?, edge.descending);
        }
        for row in &batch.kept {
            if self.is_new(&batch.rows, *row) {
                found += usize::from(batch.rows.cell(*row, edge.column).is_some());
                rows.push_row(&batch.rows, *row);
            }
        }
        one.link = batch.next;
        if one.link.is_none() {
            self.ended(&one.search).await?;
            one.ended = true;
        }
        std::mem::swap(&mut self.trail, &mut one.trail);
        std::mem::swap(&mut self.only_page, &mut one.only_page);
        Ok(found)
    }

    /// All rows up to the value of the last that is needed, by those that have been seen. None: they do not tell, or the
    /// range does not hold them.
    async fn range(
        &self,
        replan: Replan<'_>,
        edge: Edge,
        seen: &Rows,
        given: u64,
        need: usize,
    ) -> Result<Option<Rows>> {
        let mut values = Vec::with_capacity(seen.len());
        for row in 0..seen.len() {
            match self.key_of(edge.column, seen, row)? {
                SortKey::Null => {}
                key => values.push((key, row)),
            }
        }
        values.sort_by(|(a, _), (b, _)| if edge.descending { b.cmp(a) } else { a.cmp(b) });
        let Some((last, row)) = values.get(need.min(values.len()).wrapping_sub(1)) else { return Ok(None) };
        if values.len() as u64 <= given {
            return Ok(None);
        }
        let Some(cell) = seen.cell(*row, edge.column) else { return Ok(None) };
        let scan = replan(and(self.scan.filter.clone(), edge.until(self.literal(edge.column, cell)?)));
        let rows = self.beside(&scan)?.fetched(usize::MAX).await?;
        let key = self.table.table.key;
        let there: HashSet<_> = (0..rows.len()).filter_map(|row| rows.cell(row, key)).collect();
        let is_within = |value: &SortKey| if edge.descending { value >= last } else { value <= last };
        let within = values.iter().filter(|(value, _)| is_within(value));
        let whole = within.filter_map(|(_, row)| seen.cell(*row, key)).all(|key| there.contains(key));
        Ok(whole.then_some(rows))
    }

    /// A page of what is known, and where the next begins.
    async fn cut_from(
        &self,
        known: Known,
        edge: Edge,
        from: Option<From>,
        given: u64,
        size: usize,
    ) -> Result<(Rows, Option<Cursor>)> {
        let (table, order) = (self.table.table.clone(), self.scan.order.clone());
        let bytes = self.session.limits().page_bytes;
        let cut = self.session.work_on(known.rows.len(), &self.table.table, move || {
            let begun = Instant::now();
            let sorted = residual::order(&known.rows, &order, &table);
            let cut = sorted.and_then(|sorted| cut(&known, &sorted, &table, edge, from.as_ref(), given, size, bytes));
            (cut, begun.elapsed())
        });
        let (cut, took) = cut.await?;
        self.session.trace().add(Step::Residual, took);
        cut
    }

    fn key_of(&self, column: ColumnIndex, rows: &Rows, row: usize) -> Result<SortKey> {
        SortKey::of(&self.table.table.columns[column].kind, rows.cell(row, column))
    }

    fn literal(&self, column: ColumnIndex, cell: &str) -> Result<Literal> {
        literal(&self.table.table.columns[column].kind, cell)
            .ok_or_else(|| Error::new(Code::Internal, "a cell is no value of its column"))
    }
}

impl Underway {
    fn new(search: &Search, sort: &str) -> Self {
        let mut search = search.clone();
        search.params.push(("_sort".to_owned(), sort.to_owned()));
        let (trail, last) = (Trail::default(), SortKey::Null);
        Self { search, link: None, trail, only_page: None, ended: false, last, neighbours: 0, wrong: 0 }
    }

    /// Rows without a value may stand anywhere.
    fn look_at(&mut self, value: SortKey, descending: bool) {
        if value == SortKey::Null {
            return;
        }
        if self.last != SortKey::Null {
            self.neighbours += 1;
            let is_wrong = if descending { self.last < value } else { self.last > value };
            self.wrong += usize::from(is_wrong);
        }
        self.last = value;
    }
}

/// The rows that are known, sorted, from the first that has not been given.
#[expect(clippy::too_many_arguments, reason = "one step of a page")]
fn cut(
    known: &Known,
    sorted: &[usize],
    table: &Arc<Table>,
    edge: Edge,
    from: Option<&From>,
    given: u64,
    size: usize,
    bytes: usize,
) -> Result<(Rows, Option<Cursor>)> {
    let kind = &table.columns[edge.column].kind;
    let key = |at: usize| SortKey::of(kind, known.rows.cell(sorted[at], edge.column));
    // Of rows of one value no more are passed over than there are.
    let ties = |at: usize| -> Result<usize> {
        let value = key(at)?;
        let mut count = 0;
        for other in 0..sorted.len() {
            count += usize::from(key(other)? == value);
        }
        Ok(count)
    };
    let mut skip = usize::try_from(given).unwrap_or(usize::MAX).min(sorted.len());
    if let Some(From::Value(cell)) = from {
        let begins = !sorted.is_empty() && key(0)? == SortKey::of(kind, Some(cell))?;
        skip = if begins { skip.min(ties(0)?) } else { 0 };
    }
    let end = skip.saturating_add(size).min(sorted.len());
    let rows = known.rows.pick_within(&sorted[skip..end], bytes);
    let end = skip + rows.len();
    let next = if end < sorted.len() || known.after == After::Values {
        match end {
            0 => None,
            _ => {
                let value = key(end - 1)?;
                let mut given = 0;
                for at in (0..end).rev() {
                    if key(at)? != value {
                        break;
                    }
                    given += 1;
                }
                let from = match known.rows.cell(sorted[end - 1], edge.column) {
                    Some(cell) if value != SortKey::Null => From::Value(cell.to_owned()),
                    _ => From::Nulls,
                };
                Some(Cursor::Ordered { from, given })
            }
        }
    } else {
        match known.after {
            After::AllValues => Some(Cursor::Ordered { from: From::Values, given: 0 }),
            After::Nulls => Some(Cursor::Ordered { from: From::Nulls, given: 0 }),
            After::Nothing | After::Values => None,
        }
    };
    Ok((rows, next))
}
