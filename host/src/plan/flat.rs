//! A fetch to a plan, and what was read for it to flat rows. Where a page of rows is a page of flat rows, rows are paged and
//! what stands beside them is read for the page alone; else all rows are read first, with what stands beside them, then
//! filtered, ordered and cut here.

use std::sync::Arc;

use super::evaluate::residual::{self, Residual, guid_in};
use super::joined::split;
use super::planner::{Known, plan, touched};
use super::tree::{Place, Read, and};
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Error, Result};
use crate::model::fetch::{Fetch, Flat, Link, Side};
use crate::model::query::{Compare, Expr, Filter, Literal, Order, Query};
use crate::model::result::Expanded;
use crate::model::rows::Rows;
use crate::model::table::{Column, ColumnAccess, ColumnIndex, Kind, Table};

/// What a fetch takes.
#[derive(Clone, Debug, PartialEq)]
pub struct FlatPlan {
    pub query: Query,
    pub read: Read,
    /// None: a page of its rows is a page of flat rows, those left out that lack what an inner link wants.
    pub all: Option<AllRows>,
}

/// What is done with all flat rows.
#[derive(Clone, Debug, PartialEq)]
pub struct AllRows {
    /// The table with what filter, order and `distinct` use of links as columns after its own.
    pub wide: Arc<Table>,
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    /// Of flat rows that are equal in these columns the first stays.
    pub distinct: Option<Vec<ColumnIndex>>,
}

/// For each flat row which row of its own, and which of each link, by the link's number.
type Tuple = Vec<Option<usize>>;

/// Errs for a fetch that has no meaning, alike on every route.
pub fn plan_flat(fetch: &Fetch, table: &Arc<Table>, known: Known<'_>) -> Result<FlatPlan> {
    let own = table.columns.len();
    let wide = Arc::new(widened(fetch, table, known.catalog)?);
    let (now, later) = split(fetch.filter.as_ref(), own);
    let native = touched(&fetch.query, table).iter().all(|name| known.places.get(name) == Some(&Place::Native));
    let mut query = Query { filter: now, ..fetch.query.clone() };
    let mut leaves_out = false;
    for (link, expand) in fetch.links.iter().zip(&fetch.query.expand) {
        let Some(meets) = &link.meets else { continue };
        match &expand.to {
            // Whether all of them lead to a row costs a FHIR service one look at each row there.
            Relation::Lookup { column, .. } if !native && !link.is_conditioned => {
                let leads = Filter::Compare(Compare::Ne, Expr::Column(*column), Expr::Literal(Literal::Null));
                query.filter = Some(and(query.filter.take(), leads));
                leaves_out = true;
            }
            _ if link.is_conditioned || native => query.filter = Some(and(query.filter.take(), meets.clone())),
            _ => {}
        }
    }
    let is_many = fetch.all_links().iter().any(|link| link.many);
    let orders_beside = orders_by(&fetch.order, own);
    let counts = leaves_out && (query.skip > 0 || query.count);
    let takes_all = is_many || later.is_some() || orders_beside || fetch.distinct || counts;
    let all = takes_all.then(|| AllRows {
        filter: later,
        order: fetch.order.clone(),
        distinct: fetch.distinct.then(|| shown_columns(fetch, own)),
        wide: wide.clone(),
    });
    match &all {
        Some(all) => {
            if let Some(filter) = &all.filter {
                Residual::new(filter, &wide)?;
            }
            residual::order(&Rows::default(), &all.order, &wide)?;
            query = Query { skip: 0, count: false, ..query };
        }
        None => query.order = fetch.order.clone(),
    }
    let read = plan(&query, table, known)?;
    Ok(FlatPlan { query, read, all })
}

/// Where what is shown stands among the columns of the wide table.
fn shown_columns(fetch: &Fetch, own: usize) -> Vec<ColumnIndex> {
    let place = |link: usize, column: ColumnIndex| {
        fetch.beside.iter().position(|beside| beside.link == link && beside.column == column)
    };
    let shown = fetch.shown.iter().filter_map(|shown| match shown.link {
        None => Some(shown.column),
        Some(link) => place(link, shown.column).map(|place| own + place),
    });
    shown.collect()
}

fn orders_by(order: &[Order], own: usize) -> bool {
    let mut columns = std::collections::BTreeSet::new();
    order.iter().for_each(|order| residual::columns_of_expr(&order.by, &mut columns));
    columns.last().is_some_and(|column| *column >= own)
}

/// The table with a column for each that stands beside a row's own.
fn widened(fetch: &Fetch, table: &Table, catalog: &Catalog) -> Result<Table> {
    let links = fetch.all_links();
    let mut wide = table.clone();
    for beside in &fetch.beside {
        let gone = || Error::new(Code::Internal, "a column beside a row is gone");
        let link = links.get(beside.link).ok_or_else(gone)?;
        let column = catalog.table(&link.table).and_then(|table| table.columns.get(beside.column)).ok_or_else(gone)?;
        let name = format!("{}.{}", link.alias, column.name);
        wide.columns.push(Column {
            label: name.clone(),
            name,
            description: String::new(),
            kind: match &column.kind {
                Kind::Key | Kind::ConceptKey { .. } => Kind::TOLD_KEY,
                kind => kind.clone(),
            },
            access: ColumnAccess { read: true, create: false, update: false },
            required: false,
            path: String::new(),
            elements: Vec::new(),
        });
    }
    Ok(wide)
}

/// Everything that was read for a fetch.
pub struct Found<'a> {
    pub table: &'a Arc<Table>,
    pub rows: &'a Rows,
    pub expanded: &'a [Expanded],
    pub links: &'a [Link],
    /// Of each link, by its number.
    pub tables: &'a [Arc<Table>],
    /// Flat rows at most: `ScanBudgetExceeded`.
    pub most: usize,
}

impl Found<'_> {
    /// A page of rows, flat.
    pub fn flat(&self) -> Result<Flat> {
        self.picked(&self.tuples()?)
    }

    /// The flat rows of a page, where it ends, and how many there are in all.
    pub fn cut(&self, fetch: &Fetch, all: &AllRows, begin: u64, size: usize) -> Result<(Flat, usize)> {
        let tuples = self.tuples()?;
        let wide = self.wide(fetch, &tuples)?;
        let kept = residual::filter_rows(all.filter.as_ref(), &all.wide, &wide)?;
        let wide = wide.pick(&kept);
        let mut order = residual::order(&wide, &all.order, &all.wide)?;
        if let Some(columns) = &all.distinct {
            order = residual::first_of_equal(&wide, &order, columns, &all.wide)?;
        }
        let count = order.len();
        let begin = usize::try_from(begin).unwrap_or(usize::MAX).min(count);
        let page: Vec<Tuple> = order.iter().skip(begin).take(size).map(|at| tuples[kept[*at]].clone()).collect();
        Ok((self.picked(&page)?, count))
    }

    fn tuples(&self) -> Result<Vec<Tuple>> {
        let mut tuples = Vec::with_capacity(self.rows.len());
        for row in 0..self.rows.len() {
            for beside in self.beside(self.links, self.expanded, row)? {
                let mut tuple = vec![Some(row)];
                tuple.extend(beside);
                tuples.push(tuple);
            }
            if tuples.len() > self.most {
                return Err(self.too_many());
            }
        }
        Ok(tuples)
    }

    /// What stands beside a row, for each flat row that it becomes.
    fn beside(&self, links: &[Link], expanded: &[Expanded], row: usize) -> Result<Vec<Tuple>> {
        let mut all: Vec<Tuple> = vec![Vec::new()];
        for (position, link) in links.iter().enumerate() {
            let expanded =
                expanded.get(position).ok_or_else(|| Error::new(Code::Internal, "a link has not been read"))?;
            let mut here: Vec<Tuple> = Vec::new();
            for related in expanded.of_parent.get(row).into_iter().flatten() {
                for inside in self.beside(&link.links, &expanded.expanded, *related)? {
                    here.push(std::iter::once(Some(*related)).chain(inside).collect());
                }
            }
            if here.is_empty() {
                if link.inner {
                    return Ok(Vec::new());
                }
                here.push(vec![None; 1 + numbers(&link.links)]);
            }
            if all.len().saturating_mul(here.len()) > self.most {
                return Err(self.too_many());
            }
            all = all.iter().flat_map(|before| here.iter().map(|more| [before.as_slice(), more].concat())).collect();
        }
        Ok(all)
    }

    fn too_many(&self) -> Error {
        let most = self.most;
        let message = format!("more than {most} rows are made of those of `{}` and their links", self.table.entity_set);
        let error = Error::new(Code::ScanBudgetExceeded, message).target(self.table.entity_set.clone());
        error.hint("narrow the filters, or leave a link to many rows out (limit `scan_rows`)")
    }

    /// Flat rows with what filter and order use.
    fn wide(&self, fetch: &Fetch, tuples: &[Tuple]) -> Result<Rows> {
        let own = self.table.columns.len();
        let sides = self.sides();
        let columns = self.rows.columns().iter().copied().chain(own..own + fetch.beside.len());
        let mut wide = Rows::new(columns.collect());
        for tuple in tuples {
            let Some(Some(row)) = tuple.first() else { continue };
            let beside = fetch.beside.iter().map(|beside| {
                let row = tuple.get(beside.link + 1).copied().flatten();
                match (row, sides.get(beside.link)) {
                    (Some(row), Some(side)) => cell(&self.tables[beside.link], side, row, beside.column),
                    _ => Ok(None),
                }
            });
            let beside: Vec<Option<String>> = beside.collect::<Result<_>>()?;
            wide.push(self.rows.row(*row).chain(beside.iter().map(Option::as_deref)));
        }
        Ok(wide)
    }

    /// Rows of each link, by its number.
    fn sides(&self) -> Vec<&Rows> {
        fn add<'r>(links: &[Link], expanded: &'r [Expanded], sides: &mut Vec<&'r Rows>) {
            for (link, expanded) in links.iter().zip(expanded) {
                sides.push(&expanded.rows);
                add(&link.links, &expanded.expanded, sides);
            }
        }
        let mut sides = Vec::new();
        add(self.links, self.expanded, &mut sides);
        sides
    }

    /// Of each table the rows that these flat rows have, each once in a row.
    fn picked(&self, tuples: &[Tuple]) -> Result<Flat> {
        let tables = std::iter::once(self.table).chain(self.tables);
        let rows = std::iter::once(self.rows).chain(self.sides());
        let sides = tables.zip(rows).enumerate().map(|(number, (table, rows))| {
            let (mut picked, mut of, mut last) = (Vec::new(), Vec::with_capacity(tuples.len()), None);
            for tuple in tuples {
                let row = tuple.get(number).copied().flatten();
                if let Some(row) = row
                    && last != Some(row)
                {
                    picked.push(row);
                    last = Some(row);
                }
                of.push(row.map(|_| picked.len() - 1));
            }
            Side { table: table.clone(), rows: rows.pick(&picked), of }
        });
        Ok(Flat { sides: sides.collect(), len: tuples.len() })
    }
}

/// Links inside links, and these.
fn numbers(links: &[Link]) -> usize {
    links.iter().map(|link| 1 + numbers(&link.links)).sum()
}

/// A cell of a row beside another: of a key the GUID, which the row's own table tells.
fn cell(table: &Arc<Table>, rows: &Rows, row: usize, column: ColumnIndex) -> Result<Option<String>> {
    match table.columns.get(column).map(|column| &column.kind) {
        Some(Kind::Key | Kind::ConceptKey { .. }) => {
            Ok(guid_in(table, column, rows, row)?.map(|guid| guid.to_string()))
        }
        _ => Ok(rows.cell(row, column).map(str::to_owned)),
    }
}
