//! Which elements of a resource some columns of a table are read from, so that a service can leave out all others (`_elements`;
//! R4, Search, "Elements"). What it gives then is a part of the resource: good for rows, and for nothing else.

use std::collections::BTreeSet;

use turntable_r4::r4;

use crate::model::table::{ColumnIndex, Kind, Table};

/// The parameter.
pub const ELEMENTS: &str = "_elements";

/// The elements by their names in R4, a choice element by its own (`value`); those first that are in every resource. None: it is not
/// known of a column what it is read from.
pub fn elements(columns: &BTreeSet<ColumnIndex>, table: &Table, resource_type: &str) -> Option<String> {
    let mut found = BTreeSet::new();
    for column in columns {
        let described = table.columns.get(*column)?;
        let is_same = table.is_own(*column) || table.is_discriminator(*column) || Some(*column) == table.version;
        if described.elements.is_empty() && !is_same && !matches!(described.kind, Kind::Key) {
            return None;
        }
        found.extend(described.elements.iter().filter_map(|name| base(resource_type, name)));
    }
    // Rows of a child table are parts of an element, whatever of them is wanted.
    if table.parent.is_some() || !table.one_row_per_resource {
        let all = table.columns.iter().flat_map(|column| &column.elements);
        found.extend(all.filter_map(|name| base(resource_type, name)));
    }
    found.remove("id");
    found.remove("meta");
    let names = ["id", "meta"].into_iter().map(str::to_owned).chain(found);
    Some(names.collect::<Vec<_>>().join(","))
}

/// What R4 calls the element of a member; none that the type does not have.
fn base(resource_type: &str, member: &str) -> Option<String> {
    let name = r4().member(resource_type, member)?.element.name;
    Some(name.strip_suffix("[x]").unwrap_or(name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::{contacts, participants};

    #[test]
    fn elements_are_named_as_r4_has_them() {
        let check = |of: &[(usize, &[&str])], resource_type: &str, expected: Option<&str>| {
            let mut table = contacts();
            for (column, elements) in of {
                table.columns[*column].path = "somewhere".to_owned();
                table.columns[*column].elements = elements.iter().map(|name| (*name).to_owned()).collect();
            }
            let columns = of.iter().map(|(column, _)| *column).chain([0, 1]).collect();
            assert_eq!(elements(&columns, &table, resource_type).as_deref(), expected, "{of:?}");
        };
        check(&[(2, &["name"]), (3, &["birthDate"])], "Patient", Some("id,meta,birthDate,name"));
        // A choice element is one, whatever its types; what another type has is not asked of this one.
        check(&[(2, &["deceasedBoolean", "deceasedDateTime"])], "Patient", Some("id,meta,deceased"));
        check(&[(2, &["deceased"]), (3, &["qualification", "id"])], "Patient", Some("id,meta,deceased"));
        check(&[(2, &["qualification"])], "Practitioner", Some("id,meta,qualification"));
        check(&[(2, &[])], "Patient", None);
    }

    #[test]
    fn rows_that_are_parts_need_what_they_are_parts_of() {
        let mut table = participants();
        table.columns[2].elements = vec!["participant".to_owned()];
        table.columns[1].elements = vec!["id".to_owned()];
        assert_eq!(elements(&BTreeSet::from([0]), &table, "Encounter").as_deref(), Some("id,meta,participant"));
    }
}
