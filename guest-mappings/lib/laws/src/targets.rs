//! Whether there are the tables that lookups point to. What tables there are, only who serves them knows.

use turntable_r4::suggestion;

use turntable_mapping::bindings::exports::turntable::mapping::schema::{self as wit, ColumnType};

use crate::definitions::{Fault, Part};

/// A table that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub name: String,
    pub entity_set: String,
    pub resource_types: Vec<String>,
}

impl Known {
    /// A table as a mapping describes it.
    pub fn of(table: &wit::Table) -> Self {
        Self {
            name: table.name.clone(),
            entity_set: table.entity_set.clone(),
            resource_types: table.sources.iter().map(|source| source.resource_type.clone()).collect(),
        }
    }
}

/// What is said of lookups whose tables are not all there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Never right: a table's name where its entity set belongs, a table that does not show the resource type.
    pub faults: Vec<Fault>,
    /// No table is there yet: another mapping may bring it.
    pub missing: Vec<Fault>,
}

/// Holds the lookups of a mapping against its own tables and others.
pub fn check(schema: &wit::Mapping, others: &[Known]) -> Targets {
    let own: Vec<_> = schema.tables.iter().map(Known::of).collect();
    let known: Vec<_> = own.iter().chain(others).collect();
    let mut found = Targets::default();
    for table in &schema.tables {
        for column in &table.columns {
            let ColumnType::Lookup(lookup) = &column.kind else { continue };
            for (set, kind) in lookup.tables.iter().zip(&lookup.resource_types) {
                let fault = |message| Fault {
                    table: table.name.clone(),
                    column: Some(column.name.clone()),
                    part: Part::Lookup,
                    message,
                };
                if let Some(target) = known.iter().find(|known| known.entity_set == *set) {
                    if !target.resource_types.contains(kind) {
                        found.faults.push(fault(format!("{set} shows no {kind}")));
                    }
                } else if let Some(named) = known.iter().find(|known| known.name == *set) {
                    let set_of = &named.entity_set;
                    found.faults.push(fault(format!("{set} is a table; a lookup names its entity set, {set_of}")));
                } else {
                    let showing = known.iter().filter(|known| known.resource_types.contains(kind));
                    let near = suggestion(set, &showing.map(|known| &known.entity_set).collect::<Vec<_>>());
                    found.missing.push(fault(format!("no table has the entity set {set}{near}")));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use turntable_mapping::{Column, describe, key, lookup, mapping, resource, table};

    use super::*;

    #[test]
    fn a_target_is_the_entity_set_of_a_table_that_shows_the_type() {
        const COLUMNS: &[Column] = &[
            key("id", "Id"),
            lookup("a", "A", &[("contacts", "Patient"), ("ts", "Observation")], "subject"),
            lookup("b", "B", &[("contact", "Patient")], "subject"),
            lookup("c", "C", &[("contacts", "Group")], "subject"),
            lookup("d", "D", &[("contcts", "Patient"), ("groups", "Group")], "subject"),
        ];
        let tables = vec![table("t", "ts", "T", "", COLUMNS).source(resource("Observation"))].leak();
        let schema = describe(Box::leak(Box::new(mapping("m", "1.0.0", tables))));
        let contact = Known {
            name: "contact".to_owned(),
            entity_set: "contacts".to_owned(),
            resource_types: vec!["Patient".to_owned(), "Practitioner".to_owned()],
        };
        let found = check(&schema, &[contact]);
        let told = |faults: &[Fault]| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            told(&found.faults),
            ["t.b: contact is a table; a lookup names its entity set, contacts", "t.c: contacts shows no Group"]
        );
        assert_eq!(
            told(&found.missing),
            [
                "t.d: no table has the entity set contcts; did you mean contacts?",
                "t.d: no table has the entity set groups"
            ]
        );
    }
}
