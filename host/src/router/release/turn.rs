//! Turns the route of a table to another place.

use std::sync::Arc;

use serde_json::json;

use crate::model::catalog::nearest;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::fault::reached;
use crate::router::release::actor::Actor;
use crate::router::release::load::apart;
use crate::router::snapshot::{Snapshot, Turntable};
use crate::store::control::{Act, Decision};

/// What turning a route answers.
pub struct Turned {
    pub dry_run: bool,
    pub changes: Vec<RouteChange>,
}

pub struct RouteChange {
    pub table: String,
    pub from: String,
    pub to: String,
    /// Rows in the native store, which stay there.
    pub native_rows: u64,
}

impl Turntable {
    /// Turns a root table and everything cut from its resources; in force at the next request. Begun, it is done, whether or
    /// not anybody still waits.
    pub async fn turn(self: &Arc<Self>, table: &str, route: Route, dry_run: bool, actor: Actor) -> Result<Turned> {
        let (this, table) = (Arc::clone(self), table.to_owned());
        // Who waits for it holds no thread.
        let control = self.control.clone().lock_owned().await;
        apart(async move || {
            let _control = control;
            this.turn_now(&table, route, dry_run, actor).await
        })
        .await
    }

    async fn turn_now(&self, table: &str, route: Route, dry_run: bool, actor: Actor) -> Result<Turned> {
        let live = self.snapshot();
        let chosen = live.table(table).map_err(|error| self.with_nearest(&live, table, error))?;
        let root = &live.root(chosen).table.name;
        if root != table {
            return Err(Error::new(
                Code::BadRequest,
                format!("`{table}` is cut from the resources of `{root}` and follows its route"),
            )
            .hint(format!("turn `{root}`")));
        }
        if let Route::Virtual { source } = &route
            && !self.sources.contains_key(source)
        {
            let known: Vec<_> = self.sources.keys().map(String::as_str).collect();
            let error = Error::new(Code::BadRequest, format!("there is no FHIR service `{source}`")).target("source");
            return Err(error.hint(match known.as_slice() {
                [] => "configure one under [sources.NAME]".to_owned(),
                known => format!("there is {}", known.join(", ")),
            }));
        }
        if !dry_run && route == Route::Native {
            self.no_canary_of(&live, table)?;
        }
        let mut changes = Vec::new();
        let mut next = Vec::new();
        for live_table in live.tables() {
            let mut turned = live_table.again();
            if live.root(live_table).table.name == table && live_table.route != route {
                changes.push(RouteChange {
                    table: live_table.table.name.clone(),
                    from: live_table.route.to_string(),
                    to: route.to_string(),
                    native_rows: self.store.count_rows(live_table.table.clone()).await?,
                });
                turned.route = route.clone();
            }
            next.push(turned);
        }
        if !dry_run && !changes.is_empty() {
            let from = changes.first().map(|c| c.from.clone());
            let detail = json!({ "from": from, "to": route.to_string() });
            let act = Act { actor: actor.0, action: "route.set", table: Some(table.to_owned()), detail };
            let turn = Decision::Turn { tables: vec![table.to_owned()], route };
            reached("turn.begun");
            self.store.decide(vec![(turn, act)]).await?;
            reached("turn.stored");
            self.publish(Snapshot::new(next, live.catalog.withdrawn().clone()));
        }
        Ok(Turned { dry_run, changes })
    }

    fn with_nearest(&self, live: &Snapshot, table: &str, error: Error) -> Error {
        match nearest(table, live.tables().map(|t| t.table.name.as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    }
}
