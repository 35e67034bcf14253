//! Which requests for rows leave an entry in the audit trail, and as what.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::model::access::Right;
use crate::model::catalog::Relation;
use crate::model::query::{Change, Expand, Operation};
use crate::model::table::Table;
use crate::odata::request::{Call, Request};
use crate::router::noted::About;

/// None: it is about no rows.
pub(super) fn about(call: &Call) -> Option<About> {
    let of =
        |action, right, table: &Arc<Table>, key| About { table: Some(table.clone()), key, ..About::new(action, right) };
    let reads = |action, table, key: Option<Uuid>| Some(of(action, Right::Read, table, key));
    match &call.request {
        // The plan alone is shown.
        Request::Read { .. } | Request::Count { .. } | Request::Fetch { .. } | Request::Aggregate { .. }
            if call.preferences.explain =>
        {
            None
        }
        Request::Read { table, query } => {
            let action = if call.export.is_some() { "rows.export" } else { "rows.read" };
            let with = expanded(&query.expand);
            reads(action, table, None).map(|about| About { with, ..about })
        }
        Request::Changes { table, query, .. } => {
            reads("rows.changes", table, None).map(|about| About { with: expanded(&query.expand), ..about })
        }
        Request::Fetch { table, fetch } => {
            let with = expanded(&fetch.query.expand);
            reads("rows.read", table, None).map(|about| About { with, ..about })
        }
        Request::Aggregate { table, .. } => reads("rows.group", table, None),
        Request::Count { table, .. } => reads("rows.count", table, None),
        Request::ReadOne { table, key, query, .. } => {
            reads("row.read", table, Some(*key)).map(|about| About { with: expanded(&query.expand), ..about })
        }
        Request::Property { table, key, .. } | Request::Reference { table, key, .. } => {
            reads("row.read", table, Some(*key))
        }
        Request::Follow { table, key, to, query, .. } => {
            let mut with = expanded(&query.expand);
            with.extend(led_to(to));
            reads("row.read", table, Some(*key)).map(|about| About { with, ..about })
        }
        Request::Write { table, change, .. } => {
            let (action, right, key) = written(change);
            Some(of(action, right, table, key))
        }
        Request::Multiple { table, changes, .. } => {
            let (action, right) = match changes.first().map(|change| &change.operation) {
                Some(Operation::Update { .. }) => ("rows.update", Right::Update),
                Some(Operation::Upsert { .. }) => ("rows.upsert", Right::Upsert),
                Some(Operation::Delete { .. }) => ("rows.delete", Right::Delete),
                Some(Operation::Create { .. }) | None => ("rows.create", Right::Create),
            };
            Some(of(action, right, table, None))
        }
        Request::ChangeUserView { .. } => Some(About::new("view.change", Right::Update)),
        Request::UpsertBundle { .. } => Some(About::new("bundle.write", Right::Upsert)),
        Request::RetrieveBundle { .. } => Some(About::new("resource.read", Right::Read)),
        Request::ServiceDocument
        | Request::Metadata(_)
        | Request::Definitions(_)
        | Request::Opening { .. }
        | Request::Described { .. } => None,
    }
}

/// Action, right and key of a change of one row.
pub(super) fn written(change: &Change) -> (&'static str, Right, Option<Uuid>) {
    match &change.operation {
        Operation::Create { key } => ("row.create", Right::Create, *key),
        Operation::Update { key } => ("row.update", Right::Update, Some(*key)),
        Operation::Upsert { key } => ("row.upsert", Right::Upsert, Some(*key)),
        Operation::Delete { key } => ("row.delete", Right::Delete, Some(*key)),
    }
}

/// Tables whose rows hang on those that are asked for.
fn expanded(expand: &[Expand]) -> BTreeSet<String> {
    expand.iter().flat_map(|one| led_to(&one.to).into_iter().chain(expanded(&one.query.expand))).collect()
}

fn led_to(to: &Relation) -> Option<String> {
    match to {
        Relation::Lookup { table, .. } | Relation::Collection { table, .. } => Some(table.clone()),
        Relation::Concept { .. } => None,
    }
}
