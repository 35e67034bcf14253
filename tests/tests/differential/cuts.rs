//! Rows that `$apply` cuts and does not group: `orderby`, `skip`, `top`, `topcount` and `bottomcount`.

use crate::naive::{self, nulls_first};
use crate::query::{Expr, Maker, Query};
use crate::schema::{Kind, Row, Table, Tables};
use crate::value::{Unknown, Value};

/// One transformation of rows that are not grouped.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    Order(Vec<(Expr, bool)>),
    Skip(usize),
    Top(usize),
    /// Whether the largest, and how many.
    Best(bool, usize, Expr),
}

impl Cut {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Order(order) => {
                let item = |(by, down): &(Expr, bool)| format!("{}{}", by.text(""), if *down { " desc" } else { "" });
                format!("orderby({})", order.iter().map(item).collect::<Vec<_>>().join(","))
            }
            Self::Skip(count) => format!("skip({count})"),
            Self::Top(count) => format!("top({count})"),
            Self::Best(largest, count, by) => {
                format!("{}count({count},{})", if *largest { "top" } else { "bottom" }, by.text(""))
            }
        }
    }
}

/// Which of the rows, that are in the order of their keys, stay, as far as it is settled: all that may, how many of them are
/// passed over, how many are shown at most, and whether their order is settled.
pub(crate) fn cut<'t>(
    cuts: &[Cut],
    table: &Table,
    mut rows: Vec<&'t Row>,
    tables: &Tables,
) -> Result<(Vec<&'t Row>, usize, usize, bool), Unknown> {
    let (mut skip, mut top, mut is_ordered) = (0_usize, usize::MAX, false);
    for cut in cuts {
        match cut {
            Cut::Skip(count) => {
                skip += count;
                top = if top == usize::MAX { top } else { top.saturating_sub(*count) };
            }
            Cut::Top(count) => top = top.min(*count),
            Cut::Order(order) => {
                is_ordered = true;
                rows = sorted(order, table, rows, tables, false)?;
            }
            Cut::Best(largest, count, by) => {
                is_ordered = true;
                rows = sorted(&[(by.clone(), *largest)], table, rows, tables, true)?;
                top = top.min(*count);
            }
        }
    }
    Ok((rows, skip, top, is_ordered))
}

fn sorted<'t>(
    order: &[(Expr, bool)],
    table: &Table,
    rows: Vec<&'t Row>,
    tables: &Tables,
    only_with_value: bool,
) -> Result<Vec<&'t Row>, Unknown> {
    let mut keyed = Vec::with_capacity(rows.len());
    for row in rows {
        let by = order.iter().map(|(by, _)| naive::value(by, table, Some(row), tables)?.comparable());
        let by: Vec<Value> = by.collect::<Result<_, _>>()?;
        if !only_with_value || !by.contains(&Value::Null) {
            keyed.push((by, row));
        }
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let each = a.iter().zip(b).zip(order).map(|((a, b), (_, down))| {
            let order = nulls_first(a, b);
            if *down { order.reverse() } else { order }
        });
        each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    Ok(keyed.into_iter().map(|(_, row)| row).collect())
}

impl Maker<'_> {
    /// Turns a request into one that cuts rows by `$apply`.
    pub(crate) fn cut(&mut self, query: &mut Query, table: &Table) {
        let mut cuts = Vec::new();
        if self.random.chance(55) {
            let value = self.random.chance(15).then(|| self.joined(table)).flatten();
            let value = value.filter(|(_, kind)| *kind != Kind::Key);
            let has_others = table.columns.iter().any(|(_, kind)| *kind != Kind::Key);
            let (by, _) = value.unwrap_or_else(|| match self.random.chance(30) || !has_others {
                true => self.value(table),
                false => {
                    let (column, kind) = self.column(table, |kind| kind != Kind::Key);
                    (Expr::Column(column), kind)
                }
            });
            cuts.push(Cut::Best(self.random.chance(50), 1 + self.random.below(7), by));
        } else if self.random.chance(75) {
            let order = (0..1 + self.random.below(2)).map(|_| (self.ordered(table), self.random.chance(50)));
            cuts.push(Cut::Order(order.collect()));
        }
        while cuts.len() < 4 && self.random.chance(if cuts.is_empty() { 100 } else { 45 }) {
            cuts.push(match self.random.chance(50) {
                true => Cut::Skip(self.random.below(5)),
                false => Cut::Top(self.random.below(12)),
            });
        }
        query.cut = cuts;
        let options = &mut query.options;
        (options.search, options.top, options.skip, options.count) = (None, None, 0, false);
        options.order.clear();
        query.expand.clear();
    }
}
