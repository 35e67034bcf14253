//! Names that a mapping's tables must not have, since apps could no longer tell what is meant by them: those of other tables
//! and entity sets, those that the table API has at its root, and names of navigation properties, which a table has from
//! every lookup that leads to it, also of other mappings.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::mapping::component::Mapping;
use crate::model::catalog::{Catalog, Relation};
use crate::model::key;
use crate::model::table::{Kind, Table};
use crate::odata::definitions::address::is_definition;
use crate::router::release::gate::roots;
use crate::router::snapshot::{ServedTable, Snapshot};

/// The tables that stay when a version comes into force. One that the new version no longer has goes with the old one.
pub(super) fn staying<'l>(live: &'l Snapshot, mapping: &'l Mapping) -> impl Iterator<Item = &'l Arc<ServedTable>> {
    let previous = roots(mapping).next().and_then(|root| live.table(&root.name).ok()).map(|t| &t.mapping.digest);
    let is_new = |table: &Table| mapping.tables.iter().any(|new| new.name == table.name);
    live.tables().filter(move |t| !is_new(&t.table) && Some(&t.mapping.digest) != previous)
}

/// What a mapping's tables would collide with, a sentence for each.
pub(super) fn conflicts(live: &Snapshot, mapping: &Mapping) -> Vec<String> {
    let mut conflicts = Vec::new();
    for table in &mapping.tables {
        // A table belongs to one mapping, by name: what comes instead is a version of that mapping. Otherwise a child
        // table of the same name would take a whole family out of service.
        let others = live.tables().filter(|t| t.mapping.name != mapping.name);
        for other in others.filter(|o| o.table.name == table.name || o.table.entity_set == table.entity_set) {
            conflicts.push(format!(
                "`{}` ({}) belongs to the mapping `{}`: a mapping that is to replace it takes that name",
                table.name, table.entity_set, other.mapping.name
            ));
        }
        let own = staying(live, mapping).filter(|t| t.mapping.name == mapping.name);
        for other in own.filter(|o| o.table.entity_set == table.entity_set) {
            conflicts.push(format!(
                "`{}` is the entity set of `{}`, which stays, as this version has no table of that name: deactivate the \
                 mapping, then put this version in force",
                table.entity_set, other.table.name
            ));
        }
        if is_definition(&table.entity_set) {
            conflicts.push(format!(
                "`{}` cannot be the entity set of `{}`: the table API has it for descriptions of tables",
                table.entity_set, table.name
            ));
        }
        conflicts.extend(of_itself(table));
    }
    if conflicts.is_empty() {
        conflicts.extend(properties(live, mapping));
    }
    conflicts
}

/// Types of one table whose ids cannot be told apart, and a key that is none.
fn of_itself(table: &Table) -> Vec<String> {
    let mut conflicts = Vec::new();
    let mut spaces = BTreeMap::new();
    for source in &table.sources {
        if let Some(other) = spaces.insert(key::space(&source.resource_type), &source.resource_type) {
            conflicts.push(format!(
                "`{}` shows {other} and {}, whose ids cannot be told apart in one table",
                table.name, source.resource_type
            ));
        }
    }
    if table.columns.iter().filter(|c| matches!(c.kind, Kind::Key)).count() != 1 {
        conflicts.push(format!("`{}` must have exactly one key column", table.name));
    }
    conflicts
}

/// Two properties of one name in a table, one of which comes with this mapping.
fn properties(live: &Snapshot, mapping: &Mapping) -> Vec<String> {
    let staying = staying(live, mapping).map(|served| served.table.clone());
    let catalog = Catalog::new(staying.chain(mapping.tables.iter().cloned()));
    let is_new = |name: &str| mapping.tables.iter().any(|table| table.name == name);
    let mut conflicts = Vec::new();
    for table in catalog.tables() {
        // By the name of a property the table that it comes from.
        let mut known: HashMap<&str, &str> = HashMap::new();
        let columns: Vec<_> = table.columns.iter().map(|column| column.property()).collect();
        let columns = columns.iter().map(|name| (&**name, table.name.as_str()));
        let relations = catalog.relations(table).iter().map(|(name, to)| match to {
            Relation::Collection { table, .. } => (name.as_str(), table.as_str()),
            Relation::Lookup { .. } | Relation::Concept { .. } => (name.as_str(), table.name.as_str()),
        });
        for (name, from) in columns.chain(relations) {
            let Some(other) = known.insert(name, from) else { continue };
            if is_new(from) || is_new(other) || is_new(&table.name) {
                conflicts.push(format!(
                    "`{}` would have two properties `{name}`, one by `{other}` and one by `{from}`: call a table or a \
                     column otherwise",
                    table.name
                ));
            }
        }
    }
    conflicts
}
