//! What is in force when the server starts: the versions and routes that the store has, the mappings that ship, and the
//! routes of the configuration for tables that never had one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use crate::mapping::component::Mapping;
use crate::mapping::shipped::Shipped;
use crate::model::catalog::nearest;
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Route, root_of};
use crate::router::release::gate::{Report, roots};
use crate::router::release::load::kept;
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::store::control::Act;

/// Who uploaded the mappings inside the binary.
const SHIPPED_BY: &str = "turntable";

/// What the configuration says of a table at its first start.
pub type FirstRoutes = BTreeMap<String, Route>;

impl Turntable {
    /// At start: the shipped mappings are registered, every mapping in force is known by its description, routes are taken
    /// from the store or, the first time, from the configuration. Nothing is compiled. A mapping that is not known takes
    /// down its own tables only.
    pub fn start(&self, shipped: &'static [Shipped], first_routes: &FirstRoutes) -> Result<Vec<Error>> {
        // What is written here is written again by the next start, should the power go meanwhile.
        let (tables, mut failures) = self.store.repeatable(|| self.start_mappings(shipped, first_routes))??;
        for name in first_routes.keys().filter(|name| !tables.iter().any(|t| t.table.name == **name)) {
            let error =
                Error::new(Code::Config, format!("the configuration gives a route to `{name}`, which is no table"));
            let near = nearest(name, tables.iter().map(|t| t.table.name.as_str()));
            failures.push(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        self.publish(Snapshot::new(tables));
        Ok(failures)
    }

    /// Compiles the code of every mapping in force that is not compiled yet, one after the other. Takes seconds, and holds
    /// the thread; `go_on` is asked before each.
    pub fn warm(&self, go_on: impl Fn() -> bool) {
        let live = self.snapshot();
        let mappings: BTreeMap<_, _> = live.tables().map(|t| (t.mapping.digest.clone(), t.mapping.clone())).collect();
        // What is in force may change meanwhile, and nobody is to wait for this moment's end.
        drop(live);
        for mapping in mappings.values() {
            if !go_on() {
                return;
            }
            if let Err(error) = mapping.prepare() {
                tracing::error!(mapping = mapping.name, %error, "cannot be compiled");
            }
        }
    }

    /// The tables of all mappings in force, and what went wrong with others.
    fn start_mappings(
        &self,
        shipped: &'static [Shipped],
        first_routes: &FirstRoutes,
    ) -> Result<(Vec<ServedTable>, Vec<Error>)> {
        let mut failures = Vec::new();
        let mut active = self.store.active()?;
        let lost = self.lost(&active)?;
        let mut mappings = BTreeMap::new();
        for shipped in shipped {
            match self.register_shipped(shipped, &lost, &mut active) {
                Ok(Some(mapping)) => drop(mappings.insert(shipped.digest, mapping)),
                Ok(None) => {}
                Err(error) => failures.push(error),
            }
        }
        let routes = self.store.routes()?;
        let in_force: BTreeSet<&str> = active.values().map(String::as_str).collect();
        let mut families = Vec::new();
        for digest in in_force {
            let mapping = mappings.remove(digest).map_or_else(|| self.known(digest), Ok).map(Arc::new);
            let started =
                mapping.and_then(|mapping| Ok((self.start_mapping(&mapping, &routes, first_routes)?, mapping)));
            match started {
                Ok(family) => families.push(family),
                Err(error) => failures.push(error),
            }
        }
        // Only now: a reader reads the schema anew after each table that was made.
        let mut tables = Vec::new();
        for (family, mapping) in families {
            match self.remake_if_new(&mapping, &family) {
                Ok(()) => tables.extend(family),
                Err(error) => failures.push(error),
            }
        }
        Ok((tables, failures))
    }

    /// What is in force, shipped with another version of this program, and went with it.
    fn lost(&self, active: &BTreeMap<String, String>) -> Result<BTreeSet<String>> {
        let mut lost = BTreeSet::new();
        for digest in active.values().filter(|digest| Shipped::by_digest(digest).is_none()) {
            let shipped = self.store.mapping(digest)?.is_some_and(|mapping| mapping.uploaded_by == SHIPPED_BY);
            if shipped && self.store.component(digest)?.is_none() {
                lost.insert(digest.clone());
            }
        }
        Ok(lost)
    }

    /// Registers a shipped mapping that is new here, by its digest: its bytes stay in the binary. It goes in force where
    /// nothing is, where its older shipped version is, and where one is lost. Gives the mapping if it had to be looked at.
    fn register_shipped(
        &self,
        shipped: &'static Shipped,
        lost: &BTreeSet<String>,
        active: &mut BTreeMap<String, String>,
    ) -> Result<Option<Mapping>> {
        let digest = shipped.digest;
        let is_new = self.store.mapping(digest)?.is_none();
        if !is_new && lost.is_empty() {
            return Ok(None);
        }
        let mapping = self.sandbox.shipped(shipped)?;
        let detail = json!({ "digest": digest, "name": mapping.name, "version": mapping.version });
        let act = Act { actor: SHIPPED_BY, action: "mapping.load", table: None, detail };
        if is_new {
            let tables = mapping.tables.iter().map(|table| table.name.as_str()).collect();
            self.store.put_mapping(&kept(&mapping, tables, &Report::of_the_build()), None, &act)?;
        }
        for root in roots(&mapping) {
            let replaces = match active.get(&root.name) {
                None => is_new,
                Some(in_force) if lost.contains(in_force) => true,
                // One that somebody chose stays in force.
                Some(in_force) => is_new && self.store.mapping(in_force)?.is_none_or(|m| m.uploaded_by == SHIPPED_BY),
            };
            if replaces {
                let act = Act { action: "mapping.activate", table: Some(&root.name), ..act.clone() };
                self.store.activate(&[root.name.as_str()], digest, &act)?;
                active.insert(root.name.clone(), digest.to_owned());
            }
        }
        Ok(Some(mapping))
    }

    fn start_mapping(
        &self,
        mapping: &Arc<Mapping>,
        routes: &BTreeMap<String, Route>,
        first_routes: &FirstRoutes,
    ) -> Result<Vec<ServedTable>> {
        let mut started = Vec::new();
        for root in roots(mapping) {
            let route =
                routes.get(&root.name).or_else(|| first_routes.get(&root.name)).cloned().unwrap_or(Route::Native);
            if !routes.contains_key(&root.name) {
                let detail = json!({ "to": route.to_string() });
                let act = Act { actor: "configuration", action: "route.set", table: Some(&root.name), detail };
                self.store.set_route(&[root.name.as_str()], &route, &act)?;
            }
            let named = |name: &str| mapping.tables.iter().find(|t| t.name == name);
            let family = mapping.tables.iter().filter(|t| root_of(t, named).name == root.name);
            started.extend(family.map(|table| ServedTable {
                table: table.clone(),
                mapping: mapping.clone(),
                route: route.clone(),
            }));
        }
        self.store.ensure_tables(started.iter().map(|started| &*started.table))?;
        Ok(started)
    }
}
