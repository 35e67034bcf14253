//! Views that every table has, made of its description: rows of `savedqueries`, as Dataverse has them. What a view asks is a
//! FetchXML of its own, and its id a fixed function of names, so that an app may keep it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::label::{Object, id, members, type_code};
use crate::model::table::{ColumnIndex, Kind, Table};

/// Columns beside the primary name.
const COLUMNS: usize = 6;

/// Of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Rows whose state is active.
    Active,
    All,
}

impl View {
    /// Those of a table; the first is its default.
    pub fn of(table: &Table) -> impl Iterator<Item = Self> + use<> {
        let active = state(table).map(|_| Self::Active);
        active.into_iter().chain(table.access.read.then_some(Self::All))
    }

    /// The view of a table that has this id.
    pub fn find(table: &Table, wanted: &str) -> Option<Self> {
        Self::of(table).find(|view| view.id(table).eq_ignore_ascii_case(wanted))
    }

    fn id(self, table: &Table) -> String {
        id("savedquery", &format!("{}/{}", table.name, if self == Self::Active { "active" } else { "all" }))
    }

    fn name(self, table: &Table) -> String {
        let label = if table.label.is_empty() { &table.name } else { &table.label };
        format!("{} {label}", if self == Self::Active { "Active" } else { "All" })
    }

    /// No order is asked: a page of the view costs a page.
    pub fn fetch_xml(self, table: &Table) -> String {
        let mut text = format!("<fetch version=\"1.0\" mapping=\"logical\"><entity name=\"{}\">", table.name);
        for column in std::iter::once(table.key).chain(columns(table)) {
            // Writing to a string does not fail; names are letters, digits and underscores.
            let _ = write!(text, "<attribute name=\"{}\" />", table.columns[column].name);
        }
        if let (Self::Active, Some((column, value))) = (self, state(table)) {
            let name = &table.columns[column].name;
            let _ =
                write!(text, "<filter><condition attribute=\"{name}\" operator=\"eq\" value=\"{value}\" /></filter>");
        }
        text + "</entity></fetch>"
    }

    fn layout_xml(self, table: &Table) -> String {
        let jump = &table.columns[table.primary_name].name;
        let code = type_code(&table.name);
        let mut text = format!(
            "<grid name=\"resultset\" object=\"{code}\" jump=\"{jump}\" select=\"1\" icon=\"1\" preview=\"1\">\
             <row name=\"result\" id=\"{}\">",
            table.columns[table.key].name
        );
        for column in columns(table) {
            let width = if column == table.primary_name { 300 } else { 150 };
            let _ = write!(text, "<cell name=\"{}\" width=\"{width}\" />", table.columns[column].name);
        }
        text + "</row></grid>"
    }

    pub(super) fn object(self, table: &Table) -> Object {
        let is_default = Self::of(table).next() == Some(self);
        members([
            ("savedqueryid", json!(self.id(table))),
            ("savedqueryidunique", json!(self.id(table))),
            ("name", json!(self.name(table))),
            ("description", Value::Null),
            ("returnedtypecode", json!(table.name)),
            ("fetchxml", json!(self.fetch_xml(table))),
            ("layoutxml", json!(self.layout_xml(table))),
            ("querytype", json!(0)),
            ("isdefault", json!(is_default)),
            ("isquickfindquery", json!(false)),
            ("isuserdefined", json!(false)),
            ("isprivate", json!(false)),
            ("ismanaged", json!(true)),
            ("statecode", json!(0)),
            ("statuscode", json!(1)),
        ])
    }
}

/// The column of the state, and the number that says active.
fn state(table: &Table) -> Option<(ColumnIndex, i32)> {
    let is_known = |column: &ColumnIndex| table.columns[*column].access.read && !table.is_masked(*column);
    let column = table.column("statecode").filter(|column| table.access.read && is_known(column))?;
    match &table.columns[column].kind {
        Kind::Choice(choice) => choice.by_value(0).map(|active| (column, active.value)),
        _ => None,
    }
}

/// The primary name, then the first columns that say something to a person.
fn columns(table: &Table) -> impl Iterator<Item = ColumnIndex> {
    let is_shown = |column: &ColumnIndex| {
        let described = &table.columns[*column];
        let is_told = !matches!(described.kind, Kind::Key | Kind::Json | Kind::Uri | Kind::ConceptKey { .. });
        let is_technical = described.name.starts_with("msemr_azurefhir") || table.version == Some(*column);
        described.access.read && is_told && !is_technical && *column != table.primary_name
    };
    let name = Some(table.primary_name).filter(|column| table.columns[*column].access.read && *column != table.key);
    name.into_iter().chain((0..table.columns.len()).filter(is_shown).take(COLUMNS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odata::sample;

    #[test]
    fn a_view_asks_for_what_a_person_reads() {
        let table = sample::observation();
        let views: Vec<_> = View::of(&table).collect();
        assert_eq!(views, [View::All], "it has no state");
        let view = views[0].object(&table);
        assert_eq!((&view["name"], &view["isdefault"]), (&json!("All msemr_observation"), &json!(true)));
        let names: Vec<_> = columns(&table).map(|column| table.columns[column].name.as_str()).collect();
        let expected = [
            "msemr_name",
            "msemr_status",
            "msemr_patient",
            "msemr_device",
            "msemr_issued",
            "msemr_value",
            "msemr_count",
        ];
        assert_eq!(names, expected);
        assert_eq!(View::find(&table, view["savedqueryid"].as_str().unwrap()), Some(View::All));
        assert_eq!(View::find(&sample::contact(), view["savedqueryid"].as_str().unwrap()), None);
    }
}
