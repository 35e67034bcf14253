//! Lists whose changes are told later: which may be asked for, and what has changed since one.

use std::sync::Arc;

use super::{Reader, Request, may, unsupported};
use crate::model::error::{Error, Result};
use crate::model::query::{Filter, Query};
use crate::model::table::Table;
use crate::model::value::Instant;
use crate::odata::expression::Context;
use crate::odata::options::both;

/// The preference by its name.
const TRACK: &str = "Prefer: odata.track-changes";

/// Options of which no row by itself tells whether it is still what they ask for.
const ODD: [&str; 7] = ["orderby", "top", "skip", "count", "expand", "apply", "compute"];

impl Reader<'_> {
    /// `contacts?$deltatoken=…`, a delta link.
    pub(super) fn changes(&self, table: &Arc<Table>, extra: Option<Filter>) -> Result<Request> {
        may(table, table.access.read, "read")?;
        self.options.only(&["select", "filter", "search", "deltatoken"], "changes of rows")?;
        if self.options.explain()? {
            return Err(unsupported("a plan of changes").target("$explain"));
        }
        let mut query = self.options.query(table, self.context)?;
        query.filter = both(extra, query.filter.take());
        let token = self.options.get("deltatoken").unwrap_or_default().to_owned();
        Ok(Request::Changes { table: table.clone(), query, token })
    }

    /// Refuses to track a list of which a row may come or go without a change of it.
    pub(super) fn may_track(&self, table: &Arc<Table>, query: &Query) -> Result<()> {
        let refused = |what: &str, target: &str| -> Error {
            unsupported(&format!("`{TRACK}` beside {what}")).target(target).hint(
                "ask with `$select`, and with a `$filter` of columns of the row itself; leave the preference out for a list \
                 that is read once",
            )
        };
        if let Some(odd) = ODD.into_iter().find(|name| self.options.get(name).is_some()) {
            return Err(refused(&format!("`${odd}`"), &format!("${odd}")));
        }
        if !query.joined.is_empty() || query.filter.as_ref().is_some_and(has_related) {
            return Err(refused("a condition on related rows", "$filter"));
        }
        // Read at another time it must ask the same.
        let other = Context { now: Instant::from(jiff::Timestamp::UNIX_EPOCH), ..self.context };
        let fixed = |now| self.options.query(table, now).map(|query| query.filter).ok();
        if fixed(other) != fixed(self.context) {
            return Err(refused("a condition that goes by the time", "$filter"));
        }
        Ok(())
    }
}

fn has_related(filter: &Filter) -> bool {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => has_related(a) || has_related(b),
        Filter::Not(inner) => has_related(inner),
        Filter::Related { .. } | Filter::Among(_) => true,
        Filter::Compare(..) | Filter::In(..) | Filter::Text(..) | Filter::Is(_) => false,
    }
}
