//! What is in force when the server starts: the versions and routes that the store has, the mappings that ship, and the
//! routes of the configuration for tables that never had one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use crate::mapping::component::Mapping;
use crate::mapping::shipped::Shipped;
use crate::model::catalog::{Withdrawn, nearest};
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Route, root_of};
use crate::router::release::activate::Behind;
use crate::router::release::actor::SHIPPED_BY;
use crate::router::release::gate::{Report, roots};
use crate::router::release::load::kept;
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::store::control::{self, Act, Decision};

/// Resources that a table may be behind with when its rows have to be made at a start. One whose mapping fails on more is not
/// served.
const BEHIND_MOST: usize = 100;

/// What the configuration says of a table at its first start.
pub type FirstRoutes = BTreeMap<String, Route>;

/// What is stored, each with its audit event.
type Decisions = Vec<(Decision, Act)>;

impl Turntable {
    /// At start: the shipped mappings are registered, every mapping in force is known by its description, routes are taken
    /// from the store or, the first time, from the configuration. Nothing is compiled. A mapping that is not known takes
    /// down its own tables only.
    pub async fn start(&self, shipped: &'static [Shipped], first_routes: &FirstRoutes) -> Result<Vec<Error>> {
        let (tables, mut failures) = self.start_mappings(shipped, first_routes).await?;
        let withdrawn = self.withdrawn().await?;
        let is_known = |name: &str| withdrawn.contains_key(name) || tables.iter().any(|t| t.table.name == name);
        for name in first_routes.keys().filter(|name| !is_known(name)) {
            let error = Error::new(
                Code::UnknownTable,
                format!("the configuration gives a route to `{name}`, which is no table"),
            )
            .target(format!("tables.{name}"));
            let near = nearest(name, tables.iter().map(|t| t.table.name.as_str()));
            failures.push(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        for child in tables.iter().filter(|t| t.table.parent.is_some() && first_routes.contains_key(&t.table.name)) {
            let table = &child.table;
            let root = root_of(table, |name| tables.iter().find(|t| t.table.name == name).map(|t| &t.table));
            let what =
                format!("the configuration gives a route to `{}`, whose rows are parts of `{}`", table.name, root.name);
            let error = Error::new(Code::Config, what).target(format!("tables.{}", table.name));
            failures.push(error.hint(format!("child tables go where their root is: write [tables.{}]", root.name)));
        }
        let snapshot = Snapshot::new(tables, withdrawn);
        // Nobody writes yet; from the first on, every write makes these rows.
        self.store.keep_only(snapshot.root_sets()).await?;
        self.publish(snapshot);
        self.drop_sets().await?;
        failures.extend(self.try_again_on_trial().await?);
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

    /// The tables of what was deactivated, by their names and entity sets. A mapping that cannot be read any more has none to
    /// be named.
    async fn withdrawn(&self) -> Result<Withdrawn> {
        let mut withdrawn = Withdrawn::new();
        for digest in self.store.withdrawn().await?.into_values() {
            let Ok(mapping) = self.known(&digest).await else { continue };
            let names = mapping.tables.iter().flat_map(|table| [&table.name, &table.entity_set]);
            withdrawn.extend(names.map(|table| (table.clone(), mapping.name.clone())));
        }
        Ok(withdrawn)
    }

    /// The tables of all mappings in force, and what went wrong with others. What is decided on the way is stored at once.
    async fn start_mappings(
        &self,
        shipped: &'static [Shipped],
        first_routes: &FirstRoutes,
    ) -> Result<(Vec<ServedTable>, Vec<Error>)> {
        let mut failures = Vec::new();
        let mut active = self.store.active().await?;
        let kept: BTreeMap<_, _> = self.store.mappings().await?.into_iter().map(|m| (m.digest.clone(), m)).collect();
        let lost = self.lost(&active, &kept).await?;
        let withdrawn = self.store.withdrawn().await?;
        let (mut mappings, mut decisions) = (BTreeMap::new(), Vec::new());
        for shipped in shipped {
            match self.register_shipped(shipped, (&kept, &withdrawn), &lost, &mut active) {
                Ok(Some((mapping, decided))) => {
                    mappings.insert(shipped.digest, mapping);
                    decisions.extend(decided);
                }
                Ok(None) => {}
                Err(error) => failures.push(error),
            }
        }
        let routes = self.store.routes().await?;
        let in_force: BTreeSet<&str> = active.values().map(String::as_str).collect();
        let mut families = Vec::new();
        for digest in in_force {
            let mapping = match mappings.remove(digest) {
                Some(mapping) => Ok(mapping),
                None => self.known(digest).await,
            };
            match mapping {
                Ok(mapping) => {
                    let (family, turned) = start_mapping(&Arc::new(mapping), &routes, first_routes);
                    families.push(family);
                    decisions.extend(turned);
                }
                Err(error) => failures.push(error),
            }
        }
        self.store.decide(decisions).await?;
        let mut tables = Vec::new();
        // Rows are made of tables that know of each other, also of those that fail below.
        let all = Snapshot::new(families.iter().flatten().map(|t| t.again()), Withdrawn::new());
        for family in families {
            let family: Vec<_> = family.iter().filter_map(|t| all.table(&t.table.name).ok().cloned()).collect();
            match self.make_rows(&family, Behind::AtMost(BEHIND_MOST)).await {
                Ok(_) => tables.extend(family.iter().map(|t| t.again())),
                Err(error) => failures.push(error),
            }
        }
        Ok((tables, failures))
    }

    /// What is in force, shipped with another version of this program, and went with it.
    async fn lost(
        &self,
        active: &BTreeMap<String, String>,
        kept: &BTreeMap<String, control::Mapping>,
    ) -> Result<BTreeSet<String>> {
        let mut lost = BTreeSet::new();
        for digest in active.values().filter(|digest| Shipped::by_digest(digest).is_none()) {
            let shipped = kept.get(digest).is_some_and(|mapping| mapping.uploaded_by == SHIPPED_BY);
            if shipped && self.store.component(digest).await?.is_none() {
                lost.insert(digest.clone());
            }
        }
        Ok(lost)
    }

    /// Registers a shipped mapping that is new here, by its digest: its bytes stay in the binary. It goes in force where
    /// nothing is and nothing was deactivated, where its older shipped version is, and where one is lost. Gives the mapping if it had to be looked at,
    /// with what is decided of it.
    fn register_shipped(
        &self,
        shipped: &'static Shipped,
        (known, withdrawn): (&BTreeMap<String, control::Mapping>, &BTreeMap<String, String>),
        lost: &BTreeSet<String>,
        active: &mut BTreeMap<String, String>,
    ) -> Result<Option<(Mapping, Decisions)>> {
        let digest = shipped.digest;
        let is_new = !known.contains_key(digest);
        if !is_new && lost.is_empty() {
            return Ok(None);
        }
        let mapping = self.sandbox.shipped(shipped)?;
        let detail = json!({ "digest": digest, "name": mapping.name, "version": mapping.version });
        let act = Act { actor: SHIPPED_BY.to_owned(), action: "mapping.load", table: None, detail };
        let mut decisions = Vec::new();
        if is_new {
            let tables = mapping.tables.iter().map(|table| table.name.as_str()).collect();
            let mapping = kept(&mapping, tables, &Report::of_the_build());
            decisions.push((Decision::Keep { mapping: Box::new(mapping), component: None }, act.clone()));
        }
        for root in roots(&mapping) {
            let replaces = match active.get(&root.name) {
                None => is_new && !withdrawn.contains_key(&root.name),
                Some(in_force) if lost.contains(in_force) => true,
                // One that somebody chose stays in force.
                Some(in_force) => is_new && known.get(in_force).is_none_or(|m| m.uploaded_by == SHIPPED_BY),
            };
            if replaces {
                let act = Act { action: "mapping.activate", table: Some(root.name.clone()), ..act.clone() };
                let activate = Decision::Activate { tables: vec![root.name.clone()], digest: digest.to_owned() };
                decisions.push((activate, act));
                active.insert(root.name.clone(), digest.to_owned());
            }
        }
        Ok(Some((mapping, decisions)))
    }
}

/// The tables of a mapping with their routes, and the routes that are theirs from now on.
fn start_mapping(
    mapping: &Arc<Mapping>,
    routes: &BTreeMap<String, Route>,
    first_routes: &FirstRoutes,
) -> (Vec<Arc<ServedTable>>, Vec<(Decision, Act)>) {
    let (mut started, mut turned) = (Vec::new(), Vec::new());
    for root in roots(mapping) {
        let route = routes.get(&root.name).or_else(|| first_routes.get(&root.name)).cloned().unwrap_or(Route::Native);
        if !routes.contains_key(&root.name) {
            let (actor, detail) = ("configuration".to_owned(), json!({ "to": route.to_string() }));
            let act = Act { actor, action: "route.set", table: Some(root.name.clone()), detail };
            turned.push((Decision::Turn { tables: vec![root.name.clone()], route: route.clone() }, act));
        }
        let named = |name: &str| mapping.tables.iter().find(|t| t.name == name);
        let family = mapping.tables.iter().filter(|t| root_of(t, named).name == root.name);
        started
            .extend(family.map(|table| Arc::new(ServedTable::new(table.versioned(), mapping.clone(), route.clone()))));
    }
    (started, turned)
}
