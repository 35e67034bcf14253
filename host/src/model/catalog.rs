//! All tables of one moment, and the navigation properties between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{Code, Error, Result};
use super::table::{ColumnIndex, Kind, Table};

/// Immutable; a change of tables makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    by_name: BTreeMap<String, Arc<Table>>,
}

/// What a navigation property leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// N:1, through a lookup column of this table.
    Lookup { column: ColumnIndex, table: String },
    /// 1:N, the rows of `table` whose lookup column points here.
    Collection { table: String, column: ColumnIndex },
    /// The codeable concept that the row itself carries.
    Concept { concept: usize },
}

impl Catalog {
    /// Tables with distinct names and entity sets; the later of two with one name wins.
    pub fn new(tables: impl IntoIterator<Item = Arc<Table>>) -> Self {
        Self { by_name: tables.into_iter().map(|t| (t.name.clone(), t)).collect() }
    }

    /// In the order of their names.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.by_name.values()
    }

    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.by_name.get(name)
    }

    pub fn entity_set(&self, entity_set: &str) -> Result<&Arc<Table>> {
        self.tables().find(|t| t.entity_set == entity_set).ok_or_else(|| {
            let error = Error::new(Code::UnknownTable, format!("there is no table `{entity_set}`")).target(entity_set);
            match nearest(entity_set, self.tables().map(|t| t.entity_set.as_str())) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            }
        })
    }

    /// Every navigation property of a table: its lookups to tables that are here, the tables whose lookups point to it
    /// (named `<table>_<column>`), and its concepts.
    pub fn relations(&self, table: &Table) -> Vec<(String, Relation)> {
        let mut relations = Vec::new();
        for (column, lookup) in lookups(table) {
            if let Some(target) = lookup.targets.iter().find_map(|t| self.entity_set(&t.entity_set).ok()) {
                let to = Relation::Lookup { column, table: target.name.clone() };
                relations.push((lookup.navigation.clone(), to));
            }
        }
        for (concept, spread) in table.concepts.iter().enumerate() {
            relations.push((spread.name.clone(), Relation::Concept { concept }));
        }
        for other in self.tables() {
            for (column, lookup) in lookups(other) {
                if lookup.targets.iter().any(|t| t.entity_set == table.entity_set) {
                    let name = format!("{}_{}", other.name, other.columns[column].name);
                    relations.push((name, Relation::Collection { table: other.name.clone(), column }));
                }
            }
        }
        relations
    }

    pub fn relation(&self, table: &Table, navigation: &str) -> Option<Relation> {
        self.relations(table).into_iter().find_map(|(name, to)| (name == navigation).then_some(to))
    }

    /// The tables whose rows are cut from this one's resources; their route is its route.
    pub fn children(&self, table: &str) -> impl Iterator<Item = &Arc<Table>> {
        self.tables().filter(move |t| t.parent.as_ref().is_some_and(|p| p.table == table))
    }
}

/// The candidate closest to what was typed, letter case aside, if it is close enough to be meant.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = typed.chars().count().div_ceil(3).max(1);
    let typed = typed.to_lowercase();
    let distance = |candidate: &str| strsim::levenshtein(&typed, &candidate.to_lowercase());
    candidates.into_iter().map(|c| (distance(c), c)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

fn lookups(table: &Table) -> impl Iterator<Item = (ColumnIndex, &super::table::Lookup)> {
    table.columns.iter().enumerate().filter_map(|(index, column)| match &column.kind {
        Kind::Lookup(lookup) => Some((index, lookup)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_if_it_is_near() {
        let names = ["contacts", "accounts", "msemr_encounters"];
        assert_eq!(nearest("contcats", names), Some("contacts"));
        assert_eq!(nearest("Accounts", names), Some("accounts"));
        assert_eq!(nearest("msemr_encounter", names), Some("msemr_encounters"));
        assert_eq!(nearest("zzz", names), None);
    }
}
