//! The tables as `$metadata` tells them to any client, and all their rows as the API shows them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::value::{Decimal, Value, day, moment};
use crate::world::is_of_the_service;

const LOGICAL_NAME: &str = "@Microsoft.Dynamics.CRM.lookuplogicalname";
/// Cells whose value JSON cannot show say it beside.
const EXCEPTION: &str = "@Org.OData.Core.V1.ValueException";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Whole,
    Decimal,
    Text,
    Key,
    Day,
    Moment,
}

#[derive(Clone, Debug)]
pub(crate) struct Navigation {
    pub(crate) name: String,
    /// Entity set.
    pub(crate) to: String,
    pub(crate) many: bool,
    /// The lookup: a column of this table, or of the other where it leads to many.
    pub(crate) by: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) set: String,
    /// Logical name.
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) columns: Vec<(String, Kind)>,
    /// Those that lead to a table with rows.
    pub(crate) navigations: Vec<Navigation>,
    pub(crate) rows: Vec<Row>,
}

/// A row as shown, and what its cells are.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) shown: Map<String, Json>,
    pub(crate) cells: BTreeMap<String, Value>,
    /// The logical name of the table that a lookup leads to.
    leads_to: BTreeMap<String, String>,
}

pub(crate) type Tables = BTreeMap<String, Table>;

impl Table {
    pub(crate) fn kind(&self, column: &str) -> Kind {
        self.columns.iter().find(|(name, _)| name == column).unwrap_or_else(|| panic!("no column {column}")).1
    }

    pub(crate) fn navigation(&self, name: &str) -> &Navigation {
        self.navigations.iter().find(|n| n.name == name).unwrap_or_else(|| panic!("no navigation {name}"))
    }
}

impl Row {
    /// A row that shows all of these values.
    pub(crate) fn of(cells: BTreeMap<String, Value>) -> Self {
        let shown = cells.keys().map(|name| (name.clone(), Json::Null)).collect();
        Self { shown, cells, leads_to: BTreeMap::new() }
    }

    pub(crate) fn key(&self, table: &Table) -> &str {
        self.shown[&table.key].as_str().expect("a key")
    }

    /// Whether a lookup leads to that row of that table: others may have rows of the same key.
    pub(crate) fn leads_to(&self, by: &str, table: &Table, key: &str) -> bool {
        matches!(&self.cells[by], Value::Key(own) if own == key) && self.leads_to.get(by) == Some(&table.name)
    }

    /// Its key and these columns, as an answer shows them.
    pub(crate) fn projected(&self, table: &Table, select: Option<&[String]>) -> Map<String, Json> {
        let wanted = |member: &str| {
            let column = member.split('@').next().unwrap_or_default();
            select.is_none_or(|select| column == table.key || select.iter().any(|name| name == column))
        };
        self.shown.iter().filter(|(member, _)| wanted(member)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

/// The tables that have rows. `rows`: of each entity set.
pub(crate) fn tables(metadata: &Json, rows: &BTreeMap<String, Vec<Map<String, Json>>>) -> Tables {
    const NAMESPACE: &str = "Microsoft.Dynamics.CRM";
    let schema = metadata[NAMESPACE].as_object().expect("the schema");
    let container = metadata["$EntityContainer"].as_str().expect("a container");
    let container = schema[container.rsplit('.').next().expect("a name")].as_object().expect("the container");
    let sets: BTreeMap<&str, &str> = container
        .iter()
        .filter_map(|(set, of)| Some((of["$Type"].as_str()?.rsplit('.').next()?, set.as_str())))
        .collect();
    let with_rows = |set: &str| rows.get(set).is_some_and(|rows| !rows.is_empty());
    let mut tables = Tables::new();
    for (name, set) in &sets {
        if !with_rows(set) {
            continue;
        }
        let members = schema[*name].as_object().expect("an entity type");
        let key = members["$Key"][0].as_str().expect("a key").to_owned();
        let (mut columns, mut navigations) = (Vec::new(), Vec::new());
        for (member, of) in members
            .iter()
            .filter(|(member, _)| !member.starts_with('$') && !member.contains('@') && !is_of_the_service(member))
        {
            if of["$Kind"] != "NavigationProperty" {
                columns.extend(kind(of).map(|kind| (member.clone(), kind)));
                continue;
            }
            let to = of["$Type"].as_str().and_then(|name| name.rsplit('.').next()).expect("a type");
            let many = of["$Collection"] == true;
            let Some(set) = sets.get(to).filter(|set| with_rows(set)) else { continue };
            let by = match of["$ReferentialConstraint"].as_object().and_then(|o| o.keys().next()) {
                Some(own) if !many => own.clone(),
                // `<table>_<column>`
                _ => format!("_{}_value", member.strip_prefix(&format!("{to}_")).expect("the other table's name")),
            };
            navigations.push(Navigation { name: member.clone(), to: (*set).to_owned(), many, by });
        }
        let rows = rows[*set].iter().map(|shown| row(shown, &columns)).collect();
        let table = Table { set: (*set).to_owned(), name: (*name).to_owned(), key, columns, navigations, rows };
        tables.insert((*set).to_owned(), table);
    }
    tables
}

fn kind(of: &Json) -> Option<Kind> {
    Some(match of["$Type"].as_str().unwrap_or("Edm.String") {
        "Edm.Boolean" => Kind::Bool,
        "Edm.Int32" | "Edm.Int64" => Kind::Whole,
        "Edm.Decimal" => Kind::Decimal,
        "Edm.String" => Kind::Text,
        "Edm.Guid" => Kind::Key,
        "Edm.Date" => Kind::Day,
        "Edm.DateTimeOffset" => Kind::Moment,
        _ => return None,
    })
}

fn row(shown: &Map<String, Json>, columns: &[(String, Kind)]) -> Row {
    let cell = |(name, kind): &(String, Kind)| (name.clone(), shown_value(shown, name, *kind));
    let (told, shown): (Map<String, Json>, Map<String, Json>) =
        shown.clone().into_iter().partition(|(member, _)| member.ends_with(LOGICAL_NAME));
    let leads_to = told
        .iter()
        .filter_map(|(member, name)| Some((member.strip_suffix(LOGICAL_NAME)?.to_owned(), name.as_str()?.to_owned())));
    Row { cells: columns.iter().map(cell).collect(), leads_to: leads_to.collect(), shown }
}

/// What a property shows, or says beside.
pub(crate) fn shown_value(shown: &Map<String, Json>, name: &str, kind: Kind) -> Value {
    let text = match shown.get(&format!("{name}{EXCEPTION}")) {
        Some(said) => said["value"].as_str().map(str::to_owned).unwrap_or_else(|| said["value"].to_string()),
        None => match shown.get(name) {
            None | Some(Json::Null) => return Value::Null,
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        },
    };
    parsed(kind, &text).unwrap_or_else(|| panic!("{name} shows {text}, which is no {kind:?}"))
}

pub(crate) fn parsed(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Bool => Value::Bool(text.parse().ok()?),
        Kind::Whole | Kind::Decimal => Value::Number(Decimal::parse(text)?),
        Kind::Text => Value::Text(text.to_owned()),
        Kind::Key => Value::Key(text.to_owned()),
        Kind::Day => Value::Day(day(text)?),
        Kind::Moment => Value::Moment(moment(text)?),
    })
}
