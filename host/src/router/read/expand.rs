//! What hangs on the rows of a page: for each navigation property the related rows of all of them, read many at once and
//! told apart by their keys.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;

use uuid::Uuid;

use crate::model::error::{Error, Result};
use crate::model::key;
use crate::model::query::Filter;
use crate::model::result::Expanded;
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::plan::tree::{Expansion, RelatedRows, and};
use crate::router::read::join::{guids, hashed};
use crate::router::session::Session;
use crate::telemetry::context::{self, Step};

/// Keys in one read of related rows; more are asked for in several.
const KEYS_AT_ONCE: usize = 100;

/// Leaves out rows that no parent shows, so that nothing is read for them.
fn only_shown(expanded: &mut Expanded) {
    let shown: BTreeSet<usize> = expanded.of_parent.iter().flatten().copied().collect();
    if shown.len() == expanded.rows.len() {
        return;
    }
    let shown: Vec<usize> = shown.into_iter().collect();
    expanded.rows = expanded.rows.pick(&shown);
    for row in expanded.of_parent.iter_mut().flatten() {
        *row = shown.partition_point(|other| other < row);
    }
}

type Expanding<'a> = Pin<Box<dyn Future<Output = Result<Vec<Expanded>>> + Send + 'a>>;

impl Session {
    /// Follows each expansion, in their order. Related rows may be expanded too, so the future is on the heap.
    pub(super) fn expanded<'a>(
        &'a self,
        table: &'a Table,
        rows: &'a Rows,
        expansions: &'a [Expansion],
    ) -> Expanding<'a> {
        Box::pin(async move {
            let mut expanded = Vec::with_capacity(expansions.len());
            for expansion in expansions {
                expanded.push(match expansion {
                    Expansion::Concept => Expanded::default(),
                    Expansion::Rows(related) => {
                        let step = || Step::internal(format!("expand {}", table.name));
                        let failed = |error: &Error| format!("{:?}", error.code());
                        let found = Box::pin(self.related(table, rows, related));
                        context::step(step, found, |found, _| found.as_ref().err().map(failed)).await?
                    }
                });
            }
            Ok(expanded)
        })
    }

    pub(super) async fn related(&self, table: &Table, rows: &Rows, of: &RelatedRows) -> Result<Expanded> {
        let other = &*of.read.table;
        let wanted: Vec<Uuid> = guids(table, rows, of.own, other).into_iter().collect();
        let mut found: HashMap<Uuid, Vec<usize>> = HashMap::new();
        let mut all: Option<Rows> = None;
        if !wanted.is_empty() {
            let (filter, mut ids) = self.joined(&of.read).await?;
            ids.extend(hashed(table, rows, of.own).map(|(guid, text)| (guid, text.to_owned())));
            for keys in wanted.chunks(KEYS_AT_ONCE) {
                let most = match of.many {
                    true => usize::try_from(self.limits().scan_rows).unwrap_or(usize::MAX),
                    false => keys.len() * 2,
                };
                let filter = and(filter.clone(), Filter::one_of(other, of.theirs, table, keys.iter().copied()));
                let page = self.all(&of.read, Some(filter), &ids, most).await?;
                let before = all.as_ref().map_or(0, Rows::len);
                for row in 0..page.len() {
                    if let Some(guid) =
                        page.cell(row, of.theirs).and_then(|text| key::led_to(other, of.theirs, text, table))
                    {
                        found.entry(guid).or_default().push(before + row);
                    }
                }
                match &mut all {
                    Some(all) => all.append(&page),
                    None => all = Some(page),
                }
            }
        }
        let mut expanded = Expanded { rows: all.unwrap_or_default(), ..Expanded::default() };
        self.remember(&of.read.table, &expanded.rows);
        for row in 0..rows.len() {
            let guid = rows.cell(row, of.own).and_then(|text| key::led_to(table, of.own, text, other));
            let own = guid.and_then(|guid| found.get(&guid)).map(Vec::as_slice).unwrap_or_default();
            if of.count {
                expanded.counts.push(own.len() as u64);
            }
            let skip = usize::try_from(of.skip).unwrap_or(usize::MAX);
            let top = of.top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
            expanded.of_parent.push(own.iter().skip(skip).take(top).copied().collect());
        }
        only_shown(&mut expanded);
        expanded.expanded = self.expanded(&of.read.table, &expanded.rows, &of.read.expand).await?;
        Ok(expanded)
    }
}
