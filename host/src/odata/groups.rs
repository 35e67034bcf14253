//! Rows of groups to OData JSON. A property that is called by a path stands in an object (Data Aggregation 4.0, 3.2.1);
//! rows have no identity, which `@odata.id` says (JSON Format 4.01, 4.6.9).

use super::cells::{self, Json};
use super::headers::Detail;
use super::reply::{FORMATTED, Found, MORE, Page, Style, lookup_annotations, name_behind, value_exception};
use crate::model::aggregate::{self, PROPERTIES};
use crate::model::error::Result;
use crate::model::table::{ColumnIndex, Kind, Table};

/// A list of the rows that an aggregation gives. `found.query`: of it `select` counts.
pub fn page(style: Style<'_>, found: Found<'_>, page: Page<'_>) -> Result<Vec<u8>> {
    let properties = found.table.columns.iter().position(|column| column.name == PROPERTIES);
    let all = (0..found.table.columns.len()).filter(|column| Some(*column) != properties);
    let shown: Vec<ColumnIndex> = match &found.query.select {
        Some(select) => select.clone(),
        None => all.collect(),
    };
    let members = members(found.table, &shown, 0);
    let mut out = Json::default();
    page.begin(&mut out, style, || {
        // That of the table whose rows they are groups of.
        let of = style.catalog.find_entity_set(&found.table.entity_set).map_or(found.table, |table| table);
        format!("{}$metadata#{}({})", style.base, style.called(of).entity_set, names(&members))
    });
    // For clients of FetchXML, which know no next link.
    if page.next_link.is_some() {
        out.name(&format!("@{MORE}"));
        out.raw("true");
    }
    out.name("value");
    out.open('[');
    for row in 0..found.rows.len() {
        out.item();
        out.open('{');
        if style.format.detail != Detail::None {
            out.name("@odata.id");
            out.raw("null");
        }
        match properties.map(|column| aggregate::properties(found.rows.cell(row, column))) {
            None => write(&mut out, style, found, row, &members)?,
            // What a part of `concat` does not give is not null: it is not there.
            Some(has) => {
                let there: Vec<_> = shown.iter().copied().filter(|column| has.contains(column)).collect();
                write(&mut out, style, found, row, &self::members(found.table, &there, 0))?;
            }
        }
        out.close('}');
    }
    page.end(&mut out);
    Ok(out.bytes)
}

enum Member<'t> {
    Value(&'t str, ColumnIndex),
    Object(&'t str, Vec<Member<'t>>),
}

/// The columns by their names from a byte on, those of one object together, where the first of them stands.
fn members<'t>(table: &'t Table, columns: &[ColumnIndex], from: usize) -> Vec<Member<'t>> {
    let rest = |column: &ColumnIndex| table.columns.get(*column).and_then(|c| c.name.get(from..)).unwrap_or_default();
    let mut members: Vec<Member<'t>> = Vec::new();
    for column in columns {
        match rest(column).split_once('/') {
            None => members.push(Member::Value(rest(column), *column)),
            Some((object, _)) => {
                if members.iter().any(|member| matches!(member, Member::Object(name, _) if *name == object)) {
                    continue;
                }
                let is_in = |other: &&ColumnIndex| rest(other).split_once('/').is_some_and(|(name, _)| name == object);
                let inside: Vec<ColumnIndex> = columns.iter().filter(is_in).copied().collect();
                members.push(Member::Object(object, self::members(table, &inside, from + object.len() + 1)));
            }
        }
    }
    members
}

/// `msemr_patient(lastname),total`
fn names(members: &[Member<'_>]) -> String {
    let name = |member: &Member<'_>| match member {
        Member::Value(name, _) => (*name).to_owned(),
        Member::Object(name, inside) => format!("{name}({})", names(inside)),
    };
    members.iter().map(name).collect::<Vec<_>>().join(",")
}

fn write(out: &mut Json, style: Style<'_>, found: Found<'_>, row: usize, members: &[Member<'_>]) -> Result<()> {
    for member in members {
        match member {
            Member::Value(name, column) => value(out, style, found, row, (name, *column))?,
            Member::Object(name, inside) => {
                out.name(name);
                out.open('{');
                write(out, style, found, row, inside)?;
                out.close('}');
            }
        }
    }
    Ok(())
}

fn value(
    out: &mut Json,
    style: Style<'_>,
    found: Found<'_>,
    row: usize,
    (name, index): (&str, ColumnIndex),
) -> Result<()> {
    let Found { table, rows, .. } = found;
    let kind = &table.columns[index].kind;
    let text = rows.cell(row, index);
    let before = out.mark();
    if style.format.detail == Detail::Full
        && let Some(edm) = cells::explicit_type(style.format, kind)
    {
        out.member(&format!("{name}@odata.type"), edm);
    }
    if style.annotations.include(FORMATTED)
        && let Some(formatted) = cells::formatted(table, rows, row, index)
    {
        out.member(&format!("{name}@{FORMATTED}"), &formatted);
    }
    if let (Kind::Lookup(lookup), Some(text)) = (kind, text) {
        if style.annotations.include(FORMATTED)
            && let Some(behind) = name_behind(style, lookup, text)
        {
            out.member(&format!("{name}@{FORMATTED}"), behind);
        }
        lookup_annotations(out, style, name, lookup, text);
    }
    if let Some(text) = text
        && let Some(exception) = cells::exception(style.format, kind, text)
    {
        value_exception(out, name, text, exception);
    }
    let is_plain = out.mark() == before;
    if text.is_none() && style.omit_nulls && is_plain {
        return Ok(());
    }
    out.name(name);
    cells::cell(out, style.format, table, rows, row, index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::table::{Column, ColumnAccess, TableAccess};

    #[test]
    fn what_is_called_by_a_path_stands_in_an_object() {
        let column = |name: &str| Column {
            name: name.to_owned(),
            label: String::new(),
            description: String::new(),
            kind: Kind::Int64,
            access: ColumnAccess { read: true, create: false, update: false },
            required: false,
            path: String::new(),
            elements: Vec::new(),
        };
        let table = Table {
            name: "groups".into(),
            entity_set: "sales".into(),
            label: String::new(),
            description: String::new(),
            sources: Vec::new(),
            columns: ["a/b", "n", "a/c/d", "a/c/e", "z"].map(column).into(),
            concepts: Vec::new(),
            key: 0,
            primary_name: 0,
            version: None,
            access: TableAccess { read: true, create: false, update: false, delete: false },
            parent: None,
            one_row_per_resource: false,
            made_by: String::new(),
            adds_version: false,
            narrowed: Default::default(),
        };
        let all = members(&table, &[0, 1, 2, 3, 4], 0);
        assert_eq!(names(&all), "a(b,c(d,e)),n,z");
        assert_eq!(names(&members(&table, &[3, 4], 0)), "a(c(e)),z");
    }
}
